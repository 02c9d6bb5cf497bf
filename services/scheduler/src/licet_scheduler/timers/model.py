"""Timers and decisions: the values that planning, deciding and publishing share."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID

from licet_events.ids import schedule_event_id
from licet_events.schedule import Announcement, PassedOver, PassedOverReason
from licet_scheduler.timers.plan import Identity, Kind, Plan, PlannedRun


class Outcome(StrEnum):
    """What became of an instant that was reached."""

    ANNOUNCED = "announced"
    PASSED_OVER = "passed_over"


class Resting(StrEnum):
    """Why a step is passed over for a while. No event says it: nothing is announced while it holds."""

    SUBMITTED = "submitted"
    """A renewal is with its issuer."""


Reason = PassedOverReason | Resting
FOR_A_WHILE = frozenset({PassedOverReason.HOLDER_INACTIVE, Resting.SUBMITTED})
"""Reasons after which a step may yet be announced: its holder may come back, and so may reminders."""


def reason_of(code: str) -> Reason:
    """Return the reason that has this code."""
    return Resting(code) if code in set(Resting) else PassedOverReason(code)


@dataclass(frozen=True, slots=True)
class Decision:
    """That an instant was announced or passed over. Kept for ever: it is the proof."""

    id: UUID
    """The same for the same instant of the same subject; its event has it too."""
    identity: Identity
    at: datetime
    outcome: Outcome
    reason: Reason | None = None

    @classmethod
    def of(cls, subject_id: UUID, identity: Identity, at: datetime, reason: Reason | None) -> "Decision":
        """Announce an instant, or pass it over for a reason."""
        term_id, term_revision, kind, step = identity
        decision_id = schedule_event_id(subject_id, term_id, term_revision, str(kind), step)
        outcome = Outcome.ANNOUNCED if reason is None else Outcome.PASSED_OVER
        return cls(decision_id, identity, at, outcome, reason)

    @property
    def announces_step(self) -> bool:
        """Whether it announces a reminder step."""
        return self.outcome is Outcome.ANNOUNCED and self.identity.kind in {Kind.EXPIRING, Kind.OVERDUE}


class Subject(StrEnum):
    """What a timer is about."""

    CREDENTIAL = "credential"
    ENROLMENT = "enrolment"
    WAIVER = "waiver"


@dataclass(frozen=True, slots=True)
class SubjectPlan:
    """What a state says of a timer: the plan that follows from it."""

    subject: Subject
    id: UUID
    version: int
    holder_id: UUID
    plan: Plan


@dataclass(frozen=True, slots=True)
class Timer:
    """A credential, an enrolment or a waiver as the scheduler knows it."""

    subject_id: UUID
    holder_id: UUID
    version: int
    """The version of its state that the plan follows from."""
    plan: Plan
    holder_active: bool = True
    """True also for a holder not heard of yet."""
    decided: tuple[Decision, ...] = ()
    subject: Subject = Subject.CREDENTIAL

    @property
    def identities(self) -> frozenset[Identity]:
        """What was decided so far."""
        return frozenset(decision.identity for decision in self.decided)

    def quiet_at(self, now: datetime) -> bool:
        """Return whether reminders rest at `now`."""
        return self.plan.quiet_until is not None and now < self.plan.quiet_until


class Rank(IntEnum):
    """The order of what comes at one instant."""

    FACT = 0
    DEADLINE = 1
    STEP = 2


@dataclass(frozen=True, slots=True)
class Reached:
    """An instant that was reached: the decision about it, and what its event needs beside that."""

    decision: Decision
    due: datetime
    rank: Rank
    run: PlannedRun | None = None
    """Absent for a deadline that belongs to no run."""
    passed_over: tuple[PassedOver, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at a timer decided."""

    decisions: tuple[Decision, ...]
    """In the order of their instants."""
    events: tuple[tuple[UUID, Announcement], ...]
    """What to publish, in the same order, each with the id of its decision."""
    due_at: datetime | None
    """When to look again; `None`: never, as things stand."""
