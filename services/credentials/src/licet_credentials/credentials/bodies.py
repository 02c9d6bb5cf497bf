"""What callers send about credentials."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from licet_chassis.http.resources import Body
from licet_credentials.credentials.corrections import TERM_FIELDS, Correction
from licet_credentials.inputs import (
    Code,
    Country,
    Day,
    DayOrInstant,
    Ladder,
    Line,
    Note,
    Reason,
    Subdivision,
    Zone,
)
from licet_events.catalogue import RenewalBasis
from licet_events.credentials import Expiry


class _Facts(Body):
    number: Line | None = None
    country: Country | None = None
    subdivision: Subdivision | None = None
    issuer: Line | None = None
    issued_on: Day | None = None
    notes: Note | None = None
    ladder: Ladder | None = None
    """Reminder steps of its own; null takes the type's."""


class CredentialIn(_Facts):
    """A credential to be recorded, with its first term."""

    holder_id: UUID
    type: Code
    name: Line | None = None
    """Where it is left out, the type's name."""
    valid_from: Day | None = None
    expires_on: Day | None = None
    expiry: Expiry | None = None
    """Where it is left out: dated with `expires_on`, never for a type that does not expire, else unknown."""
    time_zone: Zone | None = None
    """Where it is left out, the holder's location's, else the deployment's."""


class CredentialPatch(_Facts):
    """A merge patch (RFC 7396). Dates, expiry, zone, type and holder take a correction."""

    name: Line = Field(default_factory=str)


class RenewalIn(Body):
    """A renewal: an explicit date, or a rule, or nothing where the type says how."""

    expires_on: Day | None = None
    mode: RenewalBasis | None = None
    valid_from: Day | None = None
    completed_on: Day | None = None
    number: Line | None = None
    notes: Note | None = None
    image_ids: Annotated[tuple[UUID, ...], Field(max_length=20)] = ()
    force: bool = False
    reason: Reason | None = None
    """Needed with `force`, which renews before the window opens."""


class CorrectionIn(Body):
    """What was wrong, put right; what is left out stays."""

    term_id: UUID | None = None
    """Which term was wrong; where it is left out, the last."""
    valid_from: Day | None = None
    expires_on: Day | None = None
    expiry: Expiry = Field(default_factory=lambda: Expiry.DATED)
    time_zone: Zone = Field(default_factory=str)
    holder_id: UUID = Field(default_factory=lambda: UUID(int=0))
    """Whose it is, where it was entered under another holder."""
    reason: Reason
    note: Note | None = None

    def correction(self) -> Correction:
        """Return what of it was said to be wrong; null is a value, and what is absent was right."""
        said = self.model_dump(exclude_unset=True)
        return Correction(
            reason=self.reason,
            term={name: said[name] for name in TERM_FIELDS if name in said},
            term_id=self.term_id,
            holder_id=said.get("holder_id"),
        )


class SubmissionIn(Body):
    """A renewal that was handed to its issuer."""

    quiet_until: DayOrInstant
    note: Note | None = None


class ActionIn(Body):
    """Why."""

    reason: Reason
    note: Note | None = None


class FlagIn(ActionIn):
    """Since when, and why."""

    effective_from: DayOrInstant | None = None
    """Where it is left out, now."""


class SuspensionIn(FlagIn):
    """Since when, until when, and why."""

    until: DayOrInstant | None = None
