"""What callers say of waivers and overrides."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from licet_certifications.codes import Code, Target
from licet_certifications.periods import Day, When, period_of
from licet_certifications.waivers.model import OverrideRequest, Period, WaiverRequest
from licet_chassis.http.resources import Body
from licet_events.event import Instant
from licet_events.waivers import WaiverReason

Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class WaiverBody(Body):
    """A waiver that is asked for. Its period is dates, the last day included, or instants."""

    holder_id: UUID
    requirement_id: UUID
    type: Code | None = None
    """A credential type as the requirement names it, to release from it alone."""
    target: Target | None = None
    """The requirement's, as a check."""
    locations: list[Code] = Field(default=[], max_length=500)
    """Where it is to hold; empty: wherever the requirement applies."""
    reason: WaiverReason
    note: Note | None = None
    """In words; it stays in the register and is in no event."""
    starts_on: Day | None = None
    ends_on: Day | None = None
    starts_at: Instant | None = None
    """Now, where neither date nor instant is given."""
    ends_at: Instant | None = None

    def request(self) -> WaiverRequest:
        """Return what is asked for."""
        return WaiverRequest(
            holder_id=self.holder_id,
            requirement_id=self.requirement_id,
            reason=self.reason,
            period=Period(self.starts_on, self.ends_on, self.starts_at, self.ends_at),
            type=self.type,
            target=self.target,
            locations=tuple(dict.fromkeys(self.locations)),
            note=self.note,
        )


class OverrideBody(Body):
    """A decision to let somebody work one shift in spite of what is lacking."""

    holder_id: UUID
    target: Target
    location: Code | None = None
    """Where the shift is; everywhere, where it is left out."""
    start: When
    end: When
    """The instant from which the shift is over, or its last day."""
    reason: WaiverReason
    note: Note | None = None

    def request(self, zone: str) -> OverrideRequest:
        """Return what is decided; `zone` is where its days are meant."""
        start, end = period_of(self.start, self.end, zone, what="A shift", pointer="/end")
        return OverrideRequest(self.holder_id, self.target, start, end, self.reason, self.location, self.note)


class WaiverReasonBody(Body):
    """Why, in words."""

    reason: Note


class ApprovalBody(Body):
    """What there is to say about an approval."""

    reason: Note | None = None
