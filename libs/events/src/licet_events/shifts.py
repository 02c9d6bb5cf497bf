"""Booked shifts: what scheduling platforms report, and what is told of those that come at risk."""

from enum import StrEnum
from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from licet_events.eligibility import ANYWHERE, Reason, Verdict
from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic

Platform = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""The scheduling platform that owns a shift, such as `acme-roster`."""

ExternalId = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]+$")]
"""An id that another system gives, unique within that system."""

BookedTarget = Annotated[str, StringConstraints(pattern=r"^(role|queue):[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
"""`role:<code>` or `queue:<code>`."""

BookedLocation = Annotated[str, StringConstraints(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$")]
"""The code of a location, or `*` for none in particular."""


class BookingEvent(EventData):
    """Any event by which a scheduling platform reports one of its shifts.

    Of several events about a shift the one with the highest (`revision`, `occurred_at`) counts, in
    whatever order they arrive; one that is repeated changes nothing.
    """

    topic: ClassVar[Topic] = Topic.BOOKINGS
    platform: Platform
    """The code of the scheduling platform."""
    external_id: ExternalId
    """The platform's id of the shift."""
    holder_id: UUID | None = None
    """Who works the shift. Either this or `holder_external_id` is given; this one counts."""
    holder_external_id: ExternalId | None = None
    """The id under which the holder's own system, such as HR, knows who works the shift."""
    revision: int = Field(default=0, ge=0, lt=2**63)
    """The platform's version of the shift, if it counts versions; it only grows."""
    occurred_at: Instant
    """When the platform made the change."""

    @property
    def key(self) -> str:
        """The id of the holder, or the external id where only that is given."""
        return str(self.holder_id or self.holder_external_id)

    @property
    def partition_key(self) -> str:
        """The whole key: an external id may contain a slash."""
        return self.key

    @property
    def subject(self) -> str:
        """`<platform>/<the platform's id of the shift>`."""
        return f"{self.platform}/{self.external_id}"

    @model_validator(mode="after")
    def _names_a_holder(self) -> Self:
        if self.holder_id is None and self.holder_external_id is None:
            raise ValueError("needs holder_id or holder_external_id: a booking is of somebody")
        return self


class BookedShiftEvent(BookingEvent):
    """Any booking event that says what is to be worked, where and when."""

    target: BookedTarget
    """What the shift is worked as, such as `role:nurse`."""
    location: BookedLocation = ANYWHERE
    """The code of the location, or `*`."""
    start: Instant
    """The instant at which the shift begins."""
    end: Instant
    """The instant from which the shift is over."""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError("the end of a shift must be after its start")
        return self


class ShiftBooked(BookedShiftEvent):
    """A holder was booked for a shift."""

    event_type: ClassVar[str] = "licet.shift.booked.v1"


class ShiftChanged(BookedShiftEvent):
    """A booked shift is another now: its time, place, work or holder. Carries the whole shift."""

    event_type: ClassVar[str] = "licet.shift.changed.v1"


class ShiftCancelled(BookingEvent):
    """A booked shift will not be worked."""

    event_type: ClassVar[str] = "licet.shift.cancelled.v1"


class ShiftState(Model):
    """A booked shift and whether its holder may still work it."""

    id: UUID
    """UUIDv5 of the platform and its id of the shift."""
    version: int
    """Grows by 1 with each event about the shift."""
    platform: str
    """The code of the scheduling platform that booked it."""
    external_id: str
    """The platform's id of the shift."""
    holder_id: UUID
    """Who is booked."""
    target: str
    """What the shift is worked as, such as `role:nurse`."""
    location: str = ANYWHERE
    """The code of the location, or `*`."""
    start: Instant
    """The instant at which the shift begins."""
    end: Instant
    """The instant from which it is over."""
    at_risk: bool
    """Whether the verdict is worse than the one the shift was booked with."""
    since: Instant
    """Business time from which it has been at risk, or has been cleared."""
    booked_verdict: Verdict
    """What the verdict is compared with: the best since the shift was booked."""
    verdict: Verdict
    """The worst verdict within the shift."""
    reasons: tuple[Reason, ...]
    """Why it is at risk."""
    timeline_version: int | None = None
    """The version of the timeline that gave the verdict; null where the holder has none for the target."""


class ShiftEvent(EventData):
    """Any event that carries a shift's whole state."""

    topic: ClassVar[Topic] = Topic.SHIFTS
    shift: ShiftState
    """The shift after the event."""

    @property
    def key(self) -> str:
        """`<holder>/<shift>`."""
        return f"{self.shift.holder_id}/{self.shift.id}"

    @property
    def sequence(self) -> int:
        """The shift's version."""
        return self.shift.version


class ClearedBy(StrEnum):
    """Why a shift is not at risk any more."""

    VERDICT = "verdict"
    """The holder may work it again."""
    CHANGED = "changed"
    """The booking is another now; if that one is at risk too, `shift.at_risk` follows."""
    CANCELLED = "cancelled"


class ShiftAtRisk(ShiftEvent):
    """The verdict on a booked shift has become worse than when it was booked."""

    event_type: ClassVar[str] = "licet.shift.at_risk.v1"


class ShiftCleared(ShiftEvent):
    """A shift that was at risk is so no more. Follows each `shift.at_risk` before the next one."""

    event_type: ClassVar[str] = "licet.shift.cleared.v1"
    cleared_by: ClearedBy
    """What has put it right, as a code."""


class ShiftSnapshot(ShiftEvent):
    """The state of a shift that was at risk once, again."""

    event_type: ClassVar[str] = "licet.shift.snapshot.v1"
