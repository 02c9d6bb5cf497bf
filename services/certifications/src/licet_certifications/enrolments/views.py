"""What callers are shown of enrolments."""

from datetime import date, datetime
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from licet_certifications.enrolments.commands import Shown
from licet_certifications.enrolments.plan import WorkPlan
from licet_certifications.enrolments.progress import Progress
from licet_certifications.enrolments.store import Happened
from licet_certifications.enrolments.transitions import Command
from licet_certifications.programmes.model import Source
from licet_events.credentials import Validity
from licet_events.enrolments import (
    ComponentState,
    EnrolmentKind,
    EnrolmentStage,
    EnrolmentStatus,
    WaitState,
)
from licet_events.event import Instant


class ToDo(BaseModel):
    """Something that is still missing."""

    kind: str
    """`component`, `group` or `credits`."""
    code: str | None
    """The component's code, the group's name or the category; null: credits of all categories together."""
    lacking: list[str]
    """Of a component: codes such as `completion`, `prerequisites`, `evidence`, `approval`."""


class EnrolmentView(BaseModel):
    """An enrolment as it is now, whatever has been announced."""

    id: UUID
    version: int
    holder_id: UUID
    programme: str
    programme_version: int
    kind: EnrolmentKind
    status: EnrolmentStatus
    reason: str | None
    stage: EnrolmentStage
    """How far the work has come, whatever the credential's validity."""
    validity: Validity | None
    """The credential's, as last announced."""
    components: list[ComponentState]
    credits: float
    to_do: list[ToDo]
    waits_for: WaitState | None
    commands: list[Command]
    """What may be done to it now."""
    credential_id: UUID | None
    award_id: UUID | None
    previous_enrolment_id: UUID | None
    superseded_by: UUID | None
    entry: str | None
    opened_at: Instant
    opened_by: str
    decided_at: Instant | None
    decided_by: str | None
    completed_at: Instant | None
    deadline_at: Instant | None
    window_opens_at: Instant | None
    expires_at: Instant | None
    """When the credential that was awarded, or that is to be renewed, ends."""
    history: str
    """Where its history is."""
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, shown: Shown, now: datetime) -> Self:
        """Show an enrolment as it is at `now`."""
        enrolment, state = shown.enrolment, shown.enrolment.state
        status, reason = enrolment.at(now)
        over = state.stage.terminal or state.stage is EnrolmentStage.COMPLETED
        named = {name: getattr(state, name) for name in cls.model_fields if hasattr(state, name)}
        return cls.model_validate(
            named
            | {
                "status": status,
                "reason": reason,
                "components": list(state.components if over else shown.progress.components),
                "credits": state.credits if over else shown.progress.credits,
                "to_do": [] if over else _to_do(shown.progress),
                "commands": list(enrolment.commands),
                "award_id": None if state.award is None else state.award.id,
                "expires_at": None
                if enrolment.internals.term is None
                else enrolment.internals.term.expires_at,
                "history": f"/v1/enrolments/{state.id}/history",
            }
        )


class PlannedView(BaseModel):
    """A component that is still to do."""

    code: str
    name: str
    kind: str
    usual_days: int | None
    """How long it usually takes; null counts as no time."""
    start_by: date | None
    """The latest day to start; null where nothing has to be done by a day."""
    sources: list[Source]
    """What learning systems call it."""


class PlanView(BaseModel):
    """What is still to do for an enrolment, or for the recertification that follows it."""

    kind: EnrolmentKind
    until: date | None
    """The day by which all has to be done: the deadline, or the last day of the credential."""
    time_zone: str
    """Where that day is meant."""
    start_by: date | None
    """The latest day on which to begin."""
    components: list[PlannedView]

    @classmethod
    def of(cls, plan: WorkPlan) -> Self:
        """Show a plan."""
        return cls(
            kind=plan.kind,
            until=plan.until,
            time_zone=plan.time_zone,
            start_by=plan.start_by,
            components=[
                PlannedView(
                    code=each.component.code,
                    name=each.component.name,
                    kind=each.component.kind,
                    usual_days=each.component.usual_days,
                    start_by=each.start_by,
                    sources=list(each.component.sources),
                )
                for each in plan.components
            ],
        )


class HappenedView(BaseModel):
    """Something that has happened to an enrolment."""

    version: int
    at: Instant
    event: str
    """The event's type, such as `enrolment.status_changed`."""
    actor: str
    from_status: str | None
    """Where the status changed: the one before."""
    to_status: str
    cause: str
    reason: str | None
    """A code."""
    note: str | None
    """The reason in words, where a person gave one."""
    component: str | None

    @classmethod
    def of(cls, happened: Happened) -> Self:
        """Show an entry of the history."""
        return cls(**{name: getattr(happened, name) for name in cls.model_fields})


def _to_do(progress: Progress) -> list[ToDo]:
    lacking = {each.code: list(each.lacking) for each in progress.components}
    found = []
    for each in progress.missing:
        kind, _, code = each.partition(":")
        found.append(ToDo(kind=kind, code=code or None, lacking=lacking.get(code, [])))
    return found
