"""Why an announcement may still be on its way, as `licet doctor` finds it out."""

from collections.abc import Mapping
from typing import Any

import pytest

from licet_cli.explanations import Explanations

NOW = "2026-03-01T12:00:00Z"
DIFFERENCE = {"credential_id": "c-1", "holder_id": "h-1"}
AWARD = {"award_id": "a-1", "enrolment_id": "e-1", "holder_id": "h-1"}


class Service:
    def __init__(
        self, pending: Mapping[str, int], parked: list[Any], due_at: str | None, awards: list[Any]
    ) -> None:
        self.pending, self.parked, self.due_at, self.awards = pending, parked, due_at, awards

    def get(self, path: str, **_query: Any) -> Any:
        if path == "/v1/work":
            return {"now": NOW, "pending": self.pending}
        assert path == "/v1/timers"
        return {"items": [{"due_at": self.due_at}]}

    def items(self, path: str, **query: Any) -> list[Any]:
        if path == "/v1/awards":
            return [award for award in self.awards if award["id"] == query["id"]]
        assert path == "/v1/parked"
        return self.parked


class Deployment:
    def __init__(
        self, *, due_at: str | None = None, parked: Any = (), awards: Any = (), **pending: Mapping[str, int]
    ) -> None:
        self.due_at, self.parked, self.awards, self.pending = due_at, list(parked), list(awards), pending

    def service(self, name: str) -> Service:
        return Service(self.pending.get(name, {"outbox": 0}), self.parked, self.due_at, self.awards)


def explanations(**state: Any) -> Explanations:
    deployment: Any = Deployment(**state)
    return Explanations(deployment)


def why(**state: Any) -> str | None:
    return explanations(**state).of_credential(DIFFERENCE)


def test_nothing_explains_a_difference_where_all_work_is_done():
    assert why(due_at="2026-03-01T12:00:01Z") is None
    assert why() is None


def test_a_timer_that_is_due_explains_it():
    assert "timer was due at 2026-03-01T12:00:00.000000Z" in (why(due_at="2026-03-01T12:00:00.000000Z") or "")


@pytest.mark.parametrize(
    ("topic", "holder", "explains"),
    [("licet.schedule.v1", "h-1", True), ("licet.schedule.v1", "h-2", False), ("licet.x.v1", "h-1", False)],
)
def test_only_a_parked_event_of_the_schedule_and_the_holder_explains_it(topic, holder, explains):
    assert (why(parked=[{"topic": topic, "partition_key": holder}]) is not None) is explains


@pytest.mark.parametrize(
    ("service", "work"),
    [
        ("scheduler", "outbox"),
        ("credentials", "lag"),
        ("credentials", "waiting"),
        ("credentials", "outbox"),
        ("scheduler", "lag"),
    ],
)
def test_events_on_their_way_explain_it(service, work):
    assert why(**{service: {work: 1}}) is not None
    assert why(**{service: {work: 0}}) is None


def test_an_enrolment_is_explained_by_what_explains_its_credential_and_by_its_own_events():
    assert explanations().of_enrolment(DIFFERENCE) is None
    assert explanations().of_enrolment({**DIFFERENCE, "credential_id": None}) is None
    assert "timer was due" in (explanations(due_at=NOW).of_enrolment(DIFFERENCE) or "")
    for service in ("certifications", "scheduler"):
        assert explanations(**{service: {"lag": 1}}).of_enrolment(DIFFERENCE) is not None
    parked = [{"topic": "licet.credentials.v1", "partition_key": "h-1"}]
    assert "parked" in (explanations(parked=parked).of_enrolment(DIFFERENCE) or "")


def test_an_award_that_credentials_has_not_decided_is_explained_by_its_way_there():
    assert explanations().of_award(AWARD) is None
    assert explanations(certifications={"outbox": 1}).of_award(AWARD) is not None
    assert explanations(credentials={"lag": 1}).of_award(AWARD) is not None
    parked = [{"topic": "licet.certifications.v1", "partition_key": "h-1"}]
    assert "parked in credentials" in (explanations(parked=parked).of_award(AWARD) or "")


def test_a_decided_award_is_explained_by_its_refusal_or_by_the_way_back():
    refused = {"id": "a-1", "outcome": "refused", "reason": "type_retired"}
    assert "type_retired" in (explanations(awards=[refused]).of_award(AWARD) or "")
    issued = {"id": "a-1", "outcome": "issued", "reason": None}
    assert explanations(awards=[issued]).of_award(AWARD) is None
    assert explanations(awards=[issued], credentials={"lag": 1}).of_award(AWARD) is None
    assert explanations(awards=[issued], credentials={"outbox": 1}).of_award(AWARD) is not None
