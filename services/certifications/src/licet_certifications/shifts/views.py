"""Booked shifts as they come in and are shown."""

from enum import StrEnum
from typing import Self
from uuid import UUID

from pydantic import BaseModel, model_validator

from licet_certifications.codes import Target
from licet_certifications.periods import When
from licet_certifications.shifts.model import Shift
from licet_chassis.http.resources import Body
from licet_events.eligibility import ANYWHERE, Reason, Verdict
from licet_events.event import Instant
from licet_events.shifts import BookedLocation, ExternalId


class ShiftBody(Body):
    """A booking: who works what, where and when."""

    holder_id: UUID | None = None
    """Who works the shift. Either this or `holder_external_id`."""
    holder_external_id: ExternalId | None = None
    target: Target
    location: BookedLocation = ANYWHERE
    start: When
    end: When
    """The instant from which the shift is over, or its last day. Days are those of the location."""

    @model_validator(mode="after")
    def _names_one_holder(self) -> Self:
        if (self.holder_id is None) == (self.holder_external_id is None):
            raise ValueError("needs exactly one of holder_id and holder_external_id")
        return self


class ShiftStatus(StrEnum):
    """How a shift stands."""

    BOOKED = "booked"
    HOLDER_UNKNOWN = "holder_unknown"
    """Booked for somebody of whom nothing is known yet; it is judged as soon as something is."""
    CANCELLED = "cancelled"


class ShiftView(BaseModel):
    """A booked shift, and whether its holder may still work it."""

    id: UUID
    version: int
    platform: str
    external_id: str
    status: ShiftStatus
    holder_id: UUID | None
    holder_external_id: str | None
    target: str
    location: str
    start: Instant
    end: Instant
    at_risk: bool
    """Whether the verdict is worse than the one it was booked with."""
    since: Instant | None
    """Business time from which it has been at risk, or has been cleared; null if it never was at risk."""
    booked_verdict: Verdict | None
    """What the verdict is compared with: the best since it was booked."""
    verdict: Verdict | None
    """The worst verdict within the shift."""
    reasons: list[Reason]
    timeline_version: int | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, shift: Shift) -> Self:
        """Show a shift that has been booked."""
        work, standing = shift.work, shift.standing
        if work is None:
            raise ValueError(f"the shift {shift.id} was cancelled before it was booked")
        return cls(
            id=shift.id,
            version=shift.version,
            platform=shift.platform,
            external_id=shift.external_id,
            status=_status(shift),
            holder_id=work.holder_id,
            holder_external_id=work.external_key,
            target=work.target,
            location=work.location,
            start=work.starts_at,
            end=work.ends_at,
            at_risk=shift.at_risk,
            since=shift.since,
            booked_verdict=shift.booked_verdict,
            verdict=None if standing is None else standing.verdict,
            reasons=[] if standing is None else list(standing.reasons),
            timeline_version=None if standing is None else standing.timeline_version,
            created_at=shift.created_at,
            updated_at=shift.updated_at,
        )


def _status(shift: Shift) -> ShiftStatus:
    if shift.cancelled_at is not None:
        return ShiftStatus.CANCELLED
    return ShiftStatus.HOLDER_UNKNOWN if shift.standing is None else ShiftStatus.BOOKED
