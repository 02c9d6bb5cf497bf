"""What `licet why` tells of an enrolment."""

from typing import Any

import httpx

from licet_cli.client import Refused
from licet_cli.enrolment_story import enrolment_story, enrolment_text, enrolments_of

ENROLMENT = {
    "id": "e-1", "version": 4, "holder_id": "h-1", "programme": "food-safety", "programme_version": 1,
    "kind": "first", "status": "active", "reason": "awaiting_credential", "award_id": "a-1",
    "components": [
        {"code": "course", "status": "completed", "completed_at": "2026-03-01", "lacking": []},
        {"code": "exam", "status": "waiting", "completed_at": None, "lacking": ["approval"]},
    ],
    "waits_for": {"kind": "completion", "since": "2026-03-02"},
}  # fmt: skip
HISTORY = [
    {"at": "2026-02-01", "event": "enrolment.opened", "actor": "user:a", "from_status": None,
     "to_status": "applied", "reason": None},
    {"at": "2026-02-02", "event": "enrolment.status_changed", "actor": "user:b", "from_status": "applied",
     "to_status": "in_progress", "reason": "approved"},
]  # fmt: skip
TIMER = {
    "decisions": [{"at": "2026-02-03", "deadline": "deadline_near", "kind": "deadline", "step": 30,
                   "outcome": "announced"}],
    "upcoming": [{"due_at": "2026-03-05", "deadline": "deadline", "kind": "deadline", "step": None}],
}  # fmt: skip

NOTE = {
    "created_at": "2026-02-03", "updated_at": "2026-02-03", "template": "enrolment.deadline_near.v1",
    "role": "holder", "outcome": "sent", "reason": "due", "smtp_status": 250,
}  # fmt: skip


class Service:
    def __init__(self, answers: dict[str, Any]) -> None:
        self.answers = answers

    def get(self, path: str, **_query: Any) -> Any:
        if path not in self.answers:
            raise Refused("certifications", httpx.Response(404, json={"detail": "There is none."}))
        return self.answers[path]

    def items(self, path: str, **_query: Any) -> Any:
        return iter(self.answers[path])


class Target:
    def __init__(self, awards: list[Any], timers: list[Any]) -> None:
        self.services = {
            "certifications": Service(
                {
                    "/v1/enrolments/e-1": ENROLMENT,
                    "/v1/enrolments/e-1/history": HISTORY,
                    "/v1/enrolments": [{"id": "e-1"}],
                }
            ),
            "credentials": Service({"/v1/awards": awards}),
            "scheduler": Service({"/v1/timers": {"items": timers}}),
            "notifier": Service({"/v1/notifications": [NOTE]}),
        }

    def service(self, name: str) -> Service:
        return self.services[name]


def told(awards: list[Any], timers: list[Any]) -> str:
    target: Any = Target(awards, timers)
    (enrolment,) = enrolments_of(target, "e-1")
    return enrolment_text(enrolment_story(target, enrolment))


def test_the_story_shows_components_decisions_and_upcoming_instants() -> None:
    text = told([], [TIMER])
    for line in (
        "food-safety version 1: active (awaiting_credential)",
        "exam  waiting: lacks approval",
        "Waits for a decision about the completion since 2026-03-02",
        "enrolment.status_changed from applied to in_progress by user:b: approved",
        "deadline_near 30  announced",
        "2026-03-05  deadline  to come",
        "The credentials service has not carried it out yet.",
        "deadline_near to holder: sent (due, server said 250)",
    ):
        assert line in text


def test_the_story_shows_the_result_of_an_award_or_why_it_was_refused() -> None:
    issued = {"outcome": "issued", "decided_at": "2026-03-03", "credential_id": "c-1"}
    assert "issued credential c-1" in told([issued], [])
    refused = {"outcome": "refused", "decided_at": "2026-03-03", "reason": "revoked", "detail": None}
    assert "refused: revoked. A person has to decide what follows." in told([refused], [])


def test_the_story_of_a_holder_has_all_its_enrolments() -> None:
    target: Any = Target([], [])
    assert [each["id"] for each in enrolments_of(target, "h-1")] == ["e-1"]
