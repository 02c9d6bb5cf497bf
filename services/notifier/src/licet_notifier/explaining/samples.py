"""A made-up credential, enrolment and shift, to see a template with before there is a real one. Pure."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from licet_events.civil import local_date, starts_at
from licet_events.eligibility import Reason, ReasonCode, Verdict
from licet_events.enrolments import (
    ComponentState,
    ComponentStatus,
    EnrolmentKind,
    EnrolmentStage,
    EnrolmentState,
    EnrolmentStatus,
    WaitState,
)
from licet_events.shifts import ShiftState
from licet_notifier.facts.model import (
    Credential,
    EnrolmentFacts,
    EnrolmentMail,
    EnrolmentNotice,
    Facts,
    Holder,
    Place,
    Renewal,
    Run,
)

ZONE: Final = "Europe/Berlin"
_PERSON, _MANAGER, _THING, _TERM = (UUID(int=number) for number in range(1, 5))
_MANAGER_NAME = "Max Leiter"


def holder() -> Holder:
    """Return a holder."""
    return Holder(
        _PERSON, 1, "Ada Beispiel", "ada@example.org", ZONE, "north", "hall-1", _MANAGER, active=True
    )


def manager() -> Holder:
    """Return the holder's manager."""
    return Holder(_MANAGER, 1, _MANAGER_NAME, "max@example.org", ZONE, "north", "hall-1", None, active=True)


def credential_facts(now: datetime, days_left: int) -> Facts:
    """Return the facts about a credential that ends so many days after now."""
    expires_on = local_date(now, ZONE) + timedelta(days=days_left)
    run = Run(starts_at(expires_on - timedelta(days=730), ZONE), expires_on, _TERM, 1, ZONE)
    credential = Credential(
        _THING, 1, _PERSON, "forklift", "Forklift licence", "FL-4711", {_TERM: 1}, (run,), (), voided=False,
        quiet_until=None,
    )  # fmt: skip
    place = Place("hall-1", "Hall 1", ZONE, None)
    return Facts(
        holder(), credential, "Forklift", manager(), Place("north", "North", None, None), place, place, None
    )


def enrolment_of(mail: EnrolmentMail, now: datetime) -> tuple[EnrolmentNotice, EnrolmentFacts]:
    """Return a notice of an enrolment, and the facts about it."""
    applied = mail is EnrolmentMail.APPLIED
    state = EnrolmentState(
        id=_THING, version=1, holder_id=_PERSON, programme="food-safety", programme_version=1,
        kind=EnrolmentKind.RECERTIFICATION if mail is EnrolmentMail.WINDOW_OPEN else EnrolmentKind.FIRST,
        stage=EnrolmentStage.APPLIED if applied else EnrolmentStage.IN_PROGRESS,
        status=EnrolmentStatus.APPLIED if applied else EnrolmentStatus.IN_PROGRESS,
        components=(
            ComponentState(code="course", name="Course", status=ComponentStatus.COMPLETED),
            ComponentState(code="exam", name="Exam", status=ComponentStatus.OPEN, lacking=("completion",)),
        ),
        waits_for=WaitState(kind="application", since=now, scope="enrolments:decide") if applied else None,
        opened_at=now, opened_by="user:ada", deadline_at=now + timedelta(days=30), created_at=now,
        updated_at=now,
    )  # fmt: skip
    today = local_date(now, ZONE)
    renewal = Renewal(
        _TERM, today + timedelta(days=60), ZONE, today + timedelta(days=20),
        (("Exam", today + timedelta(days=20)),),
    )  # fmt: skip
    notice = EnrolmentNotice(
        event_id=_THING, event_name="", mail=mail, enrolment_id=_THING, holder_id=_PERSON,
        enrolment_version=1, at=now, step=30 if mail is EnrolmentMail.DEADLINE_NEAR else None,
        renewal=renewal if mail is EnrolmentMail.WINDOW_OPEN else None, correlation_id="", traceparent=None,
    )  # fmt: skip
    place = Place("hall-1", "Hall 1", ZONE, None)
    facts = EnrolmentFacts(
        enrolment=state, programme="Food safety", begun_again=False, holder=holder(), manager=manager(),
        deciders=(manager(),), team=Place("north", "North", None, None), location=place,
        locations={"hall-1": place}, later_notice_at=None,
    )  # fmt: skip
    return notice, facts


def shifts_at(now: datetime) -> list[tuple[ShiftState, str]]:
    """Return two shifts at risk, each with the name of whoever is booked."""
    return [
        (
            ShiftState(
                id=UUID(int=number), version=1, platform="planner", external_id=f"S-{number}",
                holder_id=_PERSON,
                target="role:forklift", location="hall-1", start=now + timedelta(days=number),
                end=now + timedelta(days=number, hours=8), at_risk=True, since=now,
                booked_verdict=Verdict.ELIGIBLE, verdict=Verdict.INELIGIBLE,
                reasons=(Reason(code=ReasonCode.EXPIRED, type="forklift"),),
            ),
            "Ada Beispiel",
        )
        for number in (1, 2)
    ]  # fmt: skip
