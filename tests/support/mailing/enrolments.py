"""Enrolments and their events for tests of the notifier: a run through a programme on food safety."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from licet_events.catalogue import ProgrammeChanged, ProgrammeState
from licet_events.credentials import ChangeCause
from licet_events.enrolments import (
    ComponentState,
    ComponentStatus,
    DueComponent,
    EnrolmentKind,
    EnrolmentOpened,
    EnrolmentStage,
    EnrolmentState,
    EnrolmentStatus,
    EnrolmentStatusChanged,
    RenewalDue,
    WaitState,
)
from licet_events.schedule import InstantReached
from support.mailing.cases import CREATED, MORNING, ZONE

COURSE = ComponentState(code="course", name="Course", status=ComponentStatus.COMPLETED)
EXAM = ComponentState(code="exam", name="Exam", status=ComponentStatus.OPEN, lacking=("completion",))
DEADLINE = MORNING + timedelta(days=30)


def programme(name: str = "Food safety") -> ProgrammeChanged:
    """The programme's name."""
    state = ProgrammeState(code="food", version=1, name=name, created_at=CREATED, updated_at=CREATED)
    return ProgrammeChanged(programme=state)


def enrolment_state(holder_id: UUID, **changes: Any) -> EnrolmentState:
    """An enrolment on which work goes on: the course is done, the exam is not."""
    state: dict[str, Any] = {
        "id": uuid4(), "version": 1, "holder_id": holder_id, "programme": "food", "programme_version": 1,
        "kind": EnrolmentKind.FIRST, "stage": EnrolmentStage.IN_PROGRESS,
        "status": EnrolmentStatus.IN_PROGRESS, "components": (COURSE, EXAM), "opened_at": MORNING,
        "opened_by": "user:planner", "created_at": MORNING, "updated_at": MORNING,
    }  # fmt: skip
    return EnrolmentState(**(state | changes))


def applied(holder_id: UUID, **wait: Any) -> EnrolmentOpened:
    """An application that waits for a decision."""
    waits_for = WaitState(**({"kind": "application", "since": MORNING, "scope": "enrolments:decide"} | wait))
    state = enrolment_state(
        holder_id, stage=EnrolmentStage.APPLIED, status=EnrolmentStatus.APPLIED, waits_for=waits_for
    )
    return EnrolmentOpened(enrolment=state, cause=ChangeCause.AUTOMATIC, actor="user:ada")


def changed(
    before: EnrolmentState, to: EnrolmentStatus, stage: EnrolmentStage, reason: str, **changes: Any
) -> EnrolmentStatusChanged:
    """The next version of an enrolment, with another status."""
    after = before.model_copy(
        update={"version": before.version + 1, "status": to, "stage": stage, "waits_for": None, **changes}
    )
    return EnrolmentStatusChanged(
        enrolment=after, from_=before.status, to=to, effective_at=MORNING, cause=ChangeCause.MANUAL,
        reason=reason, actor="user:boss",
    )  # fmt: skip


def approved(before: EnrolmentState) -> EnrolmentStatusChanged:
    """The application was approved."""
    return changed(before, EnrolmentStatus.IN_PROGRESS, EnrolmentStage.IN_PROGRESS, "approved")


def declined(before: EnrolmentState) -> EnrolmentStatusChanged:
    """The application was denied."""
    return changed(before, EnrolmentStatus.DECLINED, EnrolmentStage.DECLINED, "denied")


def returned(before: EnrolmentState) -> EnrolmentStatusChanged:
    """The work was returned."""
    return changed(before, EnrolmentStatus.IN_PROGRESS, EnrolmentStage.IN_PROGRESS, "returned")


def completed(before: EnrolmentState) -> EnrolmentStatusChanged:
    """All work is done."""
    done = tuple(each.model_copy(update={"status": ComponentStatus.COMPLETED}) for each in before.components)
    return changed(before, EnrolmentStatus.ACTIVE, EnrolmentStage.COMPLETED, "completed", components=done)


def renewal_due(before: EnrolmentState, expires_on: date, start_by: date) -> RenewalDue:
    """The window of the recertification has opened, and the exam is to be done again."""
    term_id = uuid4()
    after = before.model_copy(update={"version": before.version + 1, "renewal_due_for": term_id})
    exam = DueComponent(code="exam", name="Exam", kind="exam", start_by=start_by)
    return RenewalDue(
        enrolment=after, credential_id=uuid4(), term_id=term_id, expires_on=expires_on, time_zone=ZONE,
        start_by=start_by, components=(exam,),
    )  # fmt: skip


def deadline_near(state: EnrolmentState, step: int = 30, at: datetime = MORNING) -> InstantReached:
    """Days before the deadline."""
    return InstantReached(
        about="enrolment", about_id=state.id, about_version=state.version, holder_id=state.holder_id,
        instant="deadline_near", step=step, at=at, notify=True,
    )  # fmt: skip
