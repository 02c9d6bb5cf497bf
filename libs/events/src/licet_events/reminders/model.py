"""Timers and decisions: the values that planning, deciding and publishing share."""

from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from uuid import UUID

from licet_events.ids import schedule_event_id
from licet_events.reminders.plan import Identity, Kind, Plan, PlannedRun
from licet_events.schedule import Announcement, PassedOver, PassedOverReason


class Outcome(StrEnum):
    """Outcome of a reached instant."""

    ANNOUNCED = "announced"
    PASSED_OVER = "passed_over"


class QuietReason(StrEnum):
    """Why a step is passed over temporarily. It is in no event: nothing is announced while it holds."""

    SUBMITTED = "submitted"
    """A renewal is with its issuer."""


Reason = PassedOverReason | QuietReason
TEMPORARY_REASONS = frozenset({PassedOverReason.HOLDER_INACTIVE, QuietReason.SUBMITTED})
"""Reasons that may cease: the step is announced if its holder or its reminders come back."""


def reason_of(code: str) -> Reason:
    """Return the reason that has this code."""
    return QuietReason(code) if code in set(QuietReason) else PassedOverReason(code)


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether an instant was announced or passed over. Kept for ever, as proof."""

    id: UUID
    """Derived from subject and instant; also the id of the event."""
    identity: Identity
    at: datetime
    outcome: Outcome
    reason: Reason | None = None

    @classmethod
    def of(cls, subject_id: UUID, identity: Identity, at: datetime, reason: Reason | None) -> "Decision":
        """Return the decision to announce an instant, or to pass it over for a reason."""
        term_id, term_revision, kind, step = identity
        decision_id = schedule_event_id(subject_id, term_id, term_revision, str(kind), step)
        outcome = Outcome.ANNOUNCED if reason is None else Outcome.PASSED_OVER
        return cls(decision_id, identity, at, outcome, reason)

    @property
    def announces_step(self) -> bool:
        """Whether the decision announces a reminder step."""
        return self.outcome is Outcome.ANNOUNCED and self.identity.kind in {Kind.EXPIRING, Kind.OVERDUE}


class Subject(StrEnum):
    """Kind of thing that has a timer."""

    CREDENTIAL = "credential"
    ENROLMENT = "enrolment"
    WAIVER = "waiver"
    AUDIT = "audit"
    AUDIT_SCHEDULE = "audit_schedule"


@dataclass(frozen=True, slots=True)
class SubjectPlan:
    """The plan that follows from a state, with the id and version of its subject."""

    subject: Subject
    id: UUID
    version: int
    holder_id: UUID | None
    """Absent where the subject is about no single holder."""
    plan: Plan


@dataclass(frozen=True, slots=True)
class Timer:
    """A subject as the scheduler knows it."""

    subject_id: UUID
    holder_id: UUID | None
    version: int
    """Version of the state from which the plan was made."""
    plan: Plan
    holder_active: bool = True
    """Also true for a holder whose state has not arrived yet."""
    decided: tuple[Decision, ...] = ()
    subject: Subject = Subject.CREDENTIAL

    @property
    def identities(self) -> frozenset[Identity]:
        """Identities of the instants decided so far."""
        return frozenset(decision.identity for decision in self.decided)

    def quiet_at(self, now: datetime) -> bool:
        """Return whether reminders are quiet at `now`."""
        return self.plan.quiet_until is not None and now < self.plan.quiet_until


class Rank(IntEnum):
    """Order of decisions that fall on the same instant."""

    FACT = 0
    DEADLINE = 1
    STEP = 2


@dataclass(frozen=True, slots=True)
class Reached:
    """The decision about a reached instant, with what its event needs besides."""

    decision: Decision
    due: datetime
    rank: Rank
    run: PlannedRun | None = None
    """`None` for a deadline that belongs to no run."""
    passed_over: tuple[PassedOver, ...] = ()


@dataclass(frozen=True, slots=True)
class Claim:
    """The decisions of one claim of a timer."""

    decisions: tuple[Decision, ...]
    """In the order of their instants."""
    events: tuple[tuple[UUID, Announcement], ...]
    """Events to publish, in the same order, each with the id of its decision."""
    due_at: datetime | None
    """When the timer is due next; `None` if nothing is left to decide."""
