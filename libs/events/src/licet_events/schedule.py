"""What time brings: reminder steps, expiry, the beginning of terms, deadlines. Not states, but decisions."""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic


class PassedOverReason(StrEnum):
    """Why a reminder step that was reached is not announced."""

    STRICTER_STEP = "stricter_step"
    """A later step was reached in the same claim."""
    ENTERED_LATE = "entered_late"
    """It lay before the credential's entry."""
    CORRECTED = "corrected"
    """It had been reached when the term was corrected."""
    HOLDER_INACTIVE = "holder_inactive"


class PassedOver(Model):
    """A step that was reached and not announced."""

    step: int
    """The step, in days."""
    reason: PassedOverReason
    """A code of why it was not announced."""


class ScheduleEvent(EventData):
    """Any event that says that an instant of a credential has come."""

    topic: ClassVar[Topic] = Topic.SCHEDULE
    credential_id: UUID
    """The credential."""
    holder_id: UUID
    """Whose it is."""
    credential_version: int
    """The version of the credential that the decision was made on."""
    term_id: UUID | None = None
    """The term that ends."""
    term_revision: int = 0
    """The revision of the term by which the instant was computed."""
    at: Instant
    """The instant that has come."""
    notify: bool
    """Whether anybody is to be told: true only for the latest of what one claim decided."""

    @property
    def key(self) -> str:
        """`<holder>/<credential>`."""
        return f"{self.holder_id}/{self.credential_id}"


class CredentialExpiring(ScheduleEvent):
    """A reminder step before expiry, or the last valid day, has come."""

    event_type: ClassVar[str] = "licet.credential.expiring.v1"
    step: int
    """Days before the last valid day; 0 is that day."""
    days_left: int
    """Days from the day of the decision to the last valid day."""
    expires_on: date
    """The printed expiry date: the last valid day, or the day after it, by the type's `expires_at_rule`."""
    time_zone: str
    """The IANA zone in which that day ends."""
    passed_over: tuple[PassedOver, ...] = ()
    """Steps that this one stands for."""
    expires_at: Instant | None = None
    """The instant from which it is no longer valid; absent from older builds."""
    expires_on_month: str | None = None
    """YYYY-MM where the document prints only the month."""
    next_at: Instant | None = None
    """When the next step or the end takes the place of this one; absent if nothing follows."""


class CredentialExpired(ScheduleEvent):
    """The last valid day is over."""

    event_type: ClassVar[str] = "licet.credential.expired.v1"
    expires_on: date
    """The printed expiry date."""
    time_zone: str
    """The IANA zone in which that day ended."""
    expires_at: Instant | None = None
    """The instant from which it is no longer valid; absent from older builds."""
    expires_on_month: str | None = None
    """YYYY-MM where the document prints only the month."""
    next_at: Instant | None = None
    """When the next step or the end takes the place of this one; absent if nothing follows."""


class CredentialOverdue(ScheduleEvent):
    """A reminder step after expiry has come."""

    event_type: ClassVar[str] = "licet.credential.overdue.v1"
    step: int
    """Negative: days after the last valid day."""
    days_since: int
    """Days from the last valid day to the day of the decision."""
    expires_on: date
    """The printed expiry date."""
    time_zone: str
    """The IANA zone in which that day ended."""
    passed_over: tuple[PassedOver, ...] = ()
    """Steps that this one stands for."""
    expires_at: Instant | None = None
    """The instant from which it is no longer valid; absent from older builds."""
    expires_on_month: str | None = None
    """YYYY-MM where the document prints only the month."""
    next_at: Instant | None = None
    """When the next step or the end takes the place of this one; absent if nothing follows."""


class CredentialEffective(ScheduleEvent):
    """A run of terms has begun."""

    event_type: ClassVar[str] = "licet.credential.effective.v1"


class Deadline(StrEnum):
    """An instant at which validity may change and nobody is reminded."""

    FLAG_START = "flag_start"
    FLAG_END = "flag_end"
    EXPIRING = "expiring"
    """A run's `expiring_at` whose step was passed over."""


class DeadlineReached(ScheduleEvent):
    """A deadline has come. Always published."""

    event_type: ClassVar[str] = "licet.deadline.reached.v1"
    deadline: Deadline
    """Which deadline, as a code."""
    reference: UUID | None = None
    """The flag it belongs to."""


class InstantReached(EventData):
    """An instant of something other than a credential has come, such as an enrolment's deadline.

    Published once for each instant; an instant that is moved comes again at its new time.
    """

    event_type: ClassVar[str] = "licet.instant.reached.v1"
    topic: ClassVar[Topic] = Topic.SCHEDULE
    about: str
    """What has the instant: `enrolment`, `waiver`, `audit` or `audit_schedule`; readers pass over kinds that
    they do not know."""
    about_id: UUID
    """The id of the thing."""
    about_version: int
    """The version of its state that the decision was made on."""
    holder_id: UUID | None = None
    """Absent where it is about no single holder."""
    instant: str
    """Which one: of an enrolment `deadline`, `deadline_near` or `window_opens`, of a waiver `end`, of an
    audit `due_near`, of an audit schedule `due`."""
    step: int | None = None
    """Of `deadline_near` and `due_near`: days before the deadline."""
    at: Instant
    """The instant that has come."""
    notify: bool
    """Whether anybody is to be told."""

    @property
    def key(self) -> str:
        """`<holder>/<kind>/<id>`, or `<kind>/<id>`."""
        own = f"{self.about}/{self.about_id}"
        return own if self.holder_id is None else f"{self.holder_id}/{own}"

    @property
    def partition_key(self) -> str:
        """The holder's id; where there is none, the whole key."""
        return self.key if self.holder_id is None else str(self.holder_id)


Announcement = ScheduleEvent | InstantReached
"""Everything that the scheduler announces when an instant has come."""
