"""Why an announcement may still be on its way, as `licet doctor` finds it out."""

from collections.abc import Mapping
from typing import Any

import pytest

from licet_cli.commands.doctor import _Explanations

NOW = "2026-03-01T12:00:00Z"
DIFFERENCE = {"credential_id": "c-1", "holder_id": "h-1"}


class Service:
    def __init__(self, pending: Mapping[str, int], parked: list[Any], due_at: str | None) -> None:
        self.pending, self.parked, self.due_at = pending, parked, due_at

    def get(self, path: str, **_query: Any) -> Any:
        if path == "/v1/work":
            return {"now": NOW, "pending": self.pending}
        assert path == "/v1/timers"
        return {"items": [{"due_at": self.due_at}]}

    def items(self, path: str) -> list[Any]:
        assert path == "/v1/parked"
        return self.parked


class Deployment:
    def __init__(self, *, due_at: str | None = None, parked: Any = (), **pending: Mapping[str, int]) -> None:
        self.due_at, self.parked, self.pending = due_at, list(parked), pending

    def service(self, name: str) -> Service:
        return Service(self.pending.get(name, {"outbox": 0}), self.parked, self.due_at)


def why(**state: Any) -> str | None:
    deployment: Any = Deployment(**state)
    return _Explanations(deployment).of(DIFFERENCE)


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
