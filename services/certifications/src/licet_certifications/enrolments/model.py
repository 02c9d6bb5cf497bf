"""An enrolment with its two axes, and the one function that projects them to the ten statuses."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from licet_certifications.enrolments.transitions import Command, Trigger, allows, open_commands
from licet_events.credentials import ChangeCause, Validity
from licet_events.enrolments import (
    EnrolmentEvent,
    EnrolmentStage,
    EnrolmentState,
    EnrolmentStatus,
    EnrolmentStatusChanged,
    EnrolmentUpdated,
    SurplusCredits,
    WaitState,
)
from licet_events.event import Instant, Model

ITSELF = "service:certifications"
"""Who announces what follows from facts and time."""


class Entry(StrEnum):
    """How a holder gets into a programme."""

    APPLICATION = "application"
    STAFF = "staff"
    RULE = "rule"


class DecisionKind(StrEnum):
    """What a person has decided about."""

    APPLICATION = "application"
    COMPLETION = "completion"
    COMPONENT = "component"
    EVIDENCE = "evidence"
    RETURNED = "returned"


class Decision(Model):
    """What a person has decided and what still counts; the words are in the history."""

    kind: DecisionKind
    actor: str
    at: Instant
    component: str | None = None
    completion_id: UUID | None = None


class Ahead(Model):
    """A change of the credential's validity that time will bring."""

    at: Instant
    validity: Validity


class TermReference(Model):
    """The term that ends the credential's current run."""

    id: UUID
    expires_on: date
    """The printed expiry date."""
    expires_at: Instant
    time_zone: str
    last_day: date | None = None
    """The last day that is valid as a whole; absent where it was stored by an older build."""
    expires_on_month: str | None = None

    @property
    def until(self) -> date:
        """The last day that is valid as a whole."""
        return self.last_day or self.expires_on


class Internals(Model):
    """What only this service needs to know of an enrolment."""

    decisions: tuple[Decision, ...] = ()
    ahead: tuple[Ahead, ...] = ()
    settled_at: Instant
    """Until when what time brings has been announced."""
    counts_from: Instant | None = None
    """Completions from before do not count; absent: all do."""
    carried: tuple[SurplusCredits, ...] = ()
    """Surplus credits of the enrolment before."""
    carried_until: date | None = None
    award_refused: str | None = None
    """Why the award was refused; absent where it was not, or was published again since."""
    held: EnrolmentStage | None = None
    """The stage in which it was put on hold."""
    held_wait: WaitState | None = None
    credential_version: int = 0
    term: TermReference | None = None
    """Of the credential that was awarded, or that is to be renewed; absent while it never ends."""


@dataclass(frozen=True, slots=True)
class Enrolment:
    """One holder's run through one version of a programme."""

    state: EnrolmentState
    """What events carry."""
    internals: Internals

    @property
    def applicant(self) -> str | None:
        """Who applied, and may therefore approve nothing here; `None` where staff or a rule enrolled."""
        return self.state.opened_by if self.state.entry == Entry.APPLICATION else None

    @property
    def open(self) -> bool:
        """Whether it is the one that a holder may have in a programme at a time."""
        return self.state.completed_at is None and not self.state.stage.terminal

    @property
    def commands(self) -> tuple[Command, ...]:
        """What a person may do now."""
        state = self.state
        if state.stage is EnrolmentStage.COMPLETED:
            # The name shown is the credential's; what may be done to that is done to the credential.
            over = state.status is EnrolmentStatus.CANCELLED
            return () if over or state.superseded_by else (Command.CANCEL,)
        return open_commands(project(state.stage, None))

    def at(self, now: datetime) -> tuple[EnrolmentStatus, str | None]:
        """Return the status and its reason at an instant, whatever has been announced."""
        state = self.state
        validity = state.validity
        for each in self.internals.ahead:
            if each.at <= now:
                validity = each.validity
        if state.superseded_by is not None or validity is state.validity:
            return state.status, state.reason
        return project(state.stage, validity), reason_of(state, validity)


_OF_STAGE = {
    EnrolmentStage.APPLIED: EnrolmentStatus.APPLIED,
    EnrolmentStage.IN_PROGRESS: EnrolmentStatus.IN_PROGRESS,
    EnrolmentStage.ADMIN_REVIEW: EnrolmentStatus.ADMIN_REVIEW,
    EnrolmentStage.DECLINED: EnrolmentStatus.DECLINED,
    EnrolmentStage.NOT_COMPLETED: EnrolmentStatus.NOT_COMPLETED,
    EnrolmentStage.INACTIVE: EnrolmentStatus.INACTIVE,
    EnrolmentStage.CANCELLED: EnrolmentStatus.CANCELLED,
}
_OF_VALIDITY = {
    None: EnrolmentStatus.ACTIVE,
    Validity.ACTIVE: EnrolmentStatus.ACTIVE,
    Validity.EXPIRING: EnrolmentStatus.EXPIRING,
    Validity.EXPIRED: EnrolmentStatus.EXPIRED,
    Validity.SUSPENDED: EnrolmentStatus.INACTIVE,
    Validity.REVOKED: EnrolmentStatus.CANCELLED,
    Validity.SURRENDERED: EnrolmentStatus.CANCELLED,
    Validity.PENDING: EnrolmentStatus.ADMIN_REVIEW,
    Validity.INCOMPLETE: EnrolmentStatus.ADMIN_REVIEW,
}
_REASONS = {
    Validity.SUSPENDED: "suspended",
    Validity.REVOKED: "revoked",
    Validity.SURRENDERED: "surrendered",
    Validity.PENDING: "not_yet_valid",
    Validity.INCOMPLETE: "incomplete",
}


def project(stage: EnrolmentStage, validity: Validity | None) -> EnrolmentStatus:
    """Return the one status that the two axes make.

    `validity` is that of the credential which the completion issued or renewed; `None` while it is not
    there yet, or where the programme issues none.
    """
    return _OF_VALIDITY[validity] if stage is EnrolmentStage.COMPLETED else _OF_STAGE[stage]


def reason_of(state: EnrolmentState, validity: Validity | None) -> str | None:
    """Return the code that explains the status of an enrolment whose credential has a validity."""
    if state.stage is not EnrolmentStage.COMPLETED:
        return state.reason
    if validity is None:
        return "awaiting_credential" if state.award is not None else None
    return _REASONS.get(validity)


class ImpossibleTransition(Exception):
    """A fault of this service: a change of status that the table does not have. Nothing is written."""


@dataclass(frozen=True, slots=True)
class Told:
    """An event of an enrolment, with what only this database keeps."""

    event: EnrolmentEvent
    at: datetime
    actor: str
    note: str | None = None
    """A reason in words."""


@dataclass(frozen=True, slots=True)
class Change:
    """An enrolment on its way through a command, with the events that led here, in order."""

    enrolment: Enrolment
    told: tuple[Told, ...] = ()

    @property
    def state(self) -> EnrolmentState:
        """The state after the events so far."""
        return self.enrolment.state

    @property
    def internals(self) -> Internals:
        """What is known beside the state."""
        return self.enrolment.internals

    def keep(self, **internals: Any) -> "Change":
        """Return the change with other internals; nobody outside is told."""
        after = self.internals.model_copy(update=internals)
        return replace(self, enrolment=replace(self.enrolment, internals=after))

    def advance(self, now: datetime, **updates: Any) -> EnrolmentState:
        """Return the next version of the state with some fields changed."""
        return self.state.model_copy(update={**updates, "version": self.state.version + 1, "updated_at": now})

    def tell(self, event: EnrolmentEvent, now: datetime, actor: str, note: str | None = None) -> "Change":
        """Return the change with an event that carries the next version."""
        enrolment = replace(self.enrolment, state=event.enrolment)
        return Change(enrolment, (*self.told, Told(event, now, actor, note)))

    def turn(
        self,
        trigger: Trigger,
        cause: ChangeCause,
        actor: str,
        now: datetime,
        *,
        at: datetime | None = None,
        note: str | None = None,
        reason: str | None = None,
        **updates: Any,
    ) -> "Change":
        """Change fields of the state and tell what follows: another status, or else which fields changed.

        `reason` is the code that explains the status; where the stage is completed it follows from the
        credential. `at` is the instant it happened. Raises `ImpossibleTransition`.
        """
        before = self.state
        stage, validity = updates.get("stage", before.stage), updates.get("validity", before.validity)
        after = self.advance(now, **updates, status=project(stage, validity), reason=reason)
        if stage is EnrolmentStage.COMPLETED:
            after = after.model_copy(update={"reason": reason_of(after, validity)})
        if after.status is before.status:
            return self._update(before, after, now, actor, note)
        if not allows(before.status, after.status, trigger, cause):
            raise ImpossibleTransition(f"{before.status} to {after.status} by {trigger} ({cause})")
        event = EnrolmentStatusChanged(
            enrolment=after,
            from_=before.status,
            to=after.status,
            effective_at=at or now,
            cause=cause,
            reason=trigger.value,
            actor=actor,
        )
        return self.tell(event, now, actor, note)

    def update(self, now: datetime, actor: str, note: str | None = None, **updates: Any) -> "Change":
        """Change fields that leave the status as it is; tells nothing where nothing differs."""
        return self._update(self.state, self.advance(now, **updates), now, actor, note)

    def _update(
        self, before: EnrolmentState, after: EnrolmentState, now: datetime, actor: str, note: str | None
    ) -> "Change":
        changed = tuple(_differing(before, after))
        if not changed:
            return self
        return self.tell(EnrolmentUpdated(enrolment=after, changed=changed), now, actor, note)


_BOOKKEEPING = frozenset({"version", "updated_at"})


_COMPARED = tuple(name for name in EnrolmentState.model_fields if name not in _BOOKKEEPING)


def _differing(before: EnrolmentState, after: EnrolmentState) -> Iterable[str]:
    for name in _COMPARED:
        was, is_now = getattr(before, name), getattr(after, name)
        # Most fields of a copy are the same objects.
        if was is not is_now and was != is_now:
            yield name
