"""Waivers: a holder is released from a requirement for a while, by decision of somebody else."""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic


class WaiverReason(StrEnum):
    """Why a holder is released."""

    EQUIVALENT_HELD = "equivalent_held"
    RENEWAL_IN_PROGRESS = "renewal_in_progress"
    SUPERVISED = "supervised"
    EMERGENCY = "emergency"
    ADMINISTRATIVE = "administrative"


class WaiverStatus(StrEnum):
    """Where a waiver stands. Only a granted one releases, and only within its period."""

    REQUESTED = "requested"
    REFUSED = "refused"
    GRANTED = "granted"
    REVOKED = "revoked"
    ENDED = "ended"


class WaiverState(Model):
    """A waiver as it is after an event; notes in words stay with the service."""

    id: UUID
    """Identifies the waiver for ever."""
    version: int
    """Grows by 1 with each event."""
    holder_id: UUID
    """Who is released."""
    requirement_id: UUID | None = None
    """The requirement that it releases from; absent: every requirement of the target."""
    type: str | None = None
    """The credential type that it stands for, as it was named; absent: the whole requirement."""
    target: str
    """`role:<code>` or `queue:<code>`."""
    locations: tuple[str, ...] = ()
    """Where it holds; empty means everywhere."""
    reason: WaiverReason
    """Why, as a code."""
    status: WaiverStatus
    """How it stands."""
    override: bool = False
    """Whether a scheduler decided it alone, for one shift, to be reviewed afterwards."""
    starts_at: Instant
    """The instant from which it releases."""
    ends_at: Instant
    """When it ceases to hold: its end, or before that the instant at which it was revoked."""
    starts_on: date | None = None
    """The first day, where it was asked for from a day on; absent where from an instant."""
    ends_on: date | None = None
    """The last day, where it was asked for until a day; absent where until an instant."""
    time_zone: str | None = None
    """Where these days begin and end."""
    requested_by: str
    """A code and id, such as `user:<subject>`; so are the others who acted."""
    decided_by: str | None = None
    """Who granted or refused it; a code and id. Null: nobody yet."""
    decided_at: Instant | None = None
    """When it was granted or refused."""
    revoked_by: str | None = None
    """Who revoked it; a code and id. Null: nobody."""
    revoked_at: Instant | None = None
    """When it was revoked."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


class WaiverEvent(EventData):
    """Any event that carries a waiver's whole state. The first of a waiver is that it was granted."""

    topic: ClassVar[Topic] = Topic.CERTIFICATIONS
    waiver: WaiverState
    """The waiver after the event."""

    @property
    def key(self) -> str:
        """`<holder>/waiver/<id>`."""
        return f"{self.waiver.holder_id}/waiver/{self.waiver.id}"

    @property
    def sequence(self) -> int:
        """The waiver's version."""
        return self.waiver.version


class WaiverGranted(WaiverEvent):
    """Somebody other than who asked released the holder; or a scheduler overrode, for one shift."""

    event_type: ClassVar[str] = "licet.waiver.granted.v1"


class WaiverRevoked(WaiverEvent):
    """A granted waiver was taken back before its end."""

    event_type: ClassVar[str] = "licet.waiver.revoked.v1"


class WaiverEnded(WaiverEvent):
    """A granted waiver's end has come. Timelines do not wait for it."""

    event_type: ClassVar[str] = "licet.waiver.ended.v1"


class WaiverCorrected(WaiverEvent):
    """Its instants were put right; the days, and everything else, were right and stay."""

    event_type: ClassVar[str] = "licet.waiver.corrected.v1"
    reason: str
    """A code, such as `time_zones`: a newer edition of the time zone database derives them otherwise."""


class WaiverSnapshot(WaiverEvent):
    """A waiver's state again."""

    event_type: ClassVar[str] = "licet.waiver.snapshot.v1"
