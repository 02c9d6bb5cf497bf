"""What callers send about credentials."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from licet_chassis.http.resources import LEFT_OUT, Body, MergePatch
from licet_credentials.credentials.corrections import FLAG_FIELDS, TERM_FIELDS, Correction
from licet_credentials.credentials.model import VerificationResult
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

Attributes = Annotated[
    dict[str, Any], Field(max_length=50, examples=[{"insured_limit": "1000000", "classes": ["C", "CE"]}])
]
"""What the type declares, by name: dates as YYYY-MM-DD, decimals as text, choices as a list."""


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
    attributes: Attributes = Field(default_factory=dict)


class CredentialPatch(_Facts, MergePatch):
    """A merge patch (RFC 7396). Dates, expiry, zone, type and holder take a correction."""

    name: Line = LEFT_OUT
    attributes: Attributes | None = None
    """Those that change; null in place of a value removes it, in place of the object all."""


class RenewalCheckIn(Body):
    """A check against a source that confirmed the new term."""

    source: Code
    """A code of what it was checked against, such as `issuer_register`."""
    checked_at: DayOrInstant | None = None
    """Where it is left out, now."""
    valid_until: DayOrInstant | None = None
    """When it has to be done again; where it is left out, once is enough."""
    note: Note | None = None


class VerificationIn(RenewalCheckIn):
    """A check against a source, whatever came of it."""

    result: VerificationResult
    term_id: UUID | None = None
    """Which term was checked; where it is left out, the last."""


class RenewalIn(Body):
    """A renewal: an explicit date, or a rule, or nothing where the type says how."""

    expires_on: Day | None = None
    mode: RenewalBasis | None = None
    valid_from: Day | None = None
    completed_on: Day | None = None
    number: Line | None = None
    notes: Note | None = None
    image_ids: Annotated[tuple[UUID, ...], Field(max_length=20)] = ()
    verification: RenewalCheckIn | None = None
    """A check that confirmed the new term; needed, here or noted before, where the type says so."""
    force: bool = False
    reason: Reason | None = None
    """Needed with `force`, which renews before the window opens."""


class CorrectionIn(Body):
    """What was wrong, put right; what is left out was right."""

    term_id: UUID | None = None
    """Which term was wrong; where it is left out, the last."""
    withdraw_term: bool = False
    """Whether that term should never have been recorded."""
    valid_from: Day | None = None
    expires_on: Day | None = None
    expiry: Expiry = Field(default_factory=lambda: Expiry.DATED)
    time_zone: Zone = Field(default_factory=str)
    flag_id: UUID | None = None
    """Which flag was wrong."""
    effective_from: DayOrInstant = Field(default_factory=lambda: date.max)
    """Since when that flag holds."""
    until: DayOrInstant | None = None
    """Until when that suspension holds; null for no end."""
    undo_flag: bool = False
    """Whether that flag should never have been set."""
    type: Code | None = None
    """What it is, where it was entered as another type."""
    attributes: Attributes | None = None
    """Those of the right type; where they are left out, those that are there have to fit it."""
    holder_id: UUID | None = None
    """Whose it is, where it was entered under another holder."""
    reason: Reason
    note: Note | None = None

    def correction(self) -> Correction:
        """Return what is said to be wrong; of dates null is a value, and what is absent was right."""
        said = self.model_dump(exclude_unset=True)
        return Correction(
            reason=self.reason,
            term_id=self.term_id,
            term={name: said[name] for name in TERM_FIELDS if name in said},
            withdraw_term=self.withdraw_term,
            flag_id=self.flag_id,
            flag={name: said[name] for name in FLAG_FIELDS if name in said},
            undo_flag=self.undo_flag,
            type=self.type,
            attributes=self.attributes,
            holder_id=self.holder_id,
        )


class TermIn(Body):
    """A term that should have been recorded before: it lies before or between those that are there."""

    valid_from: Day | None = None
    expires_on: Day | None = None
    expiry: Expiry | None = None
    """Where it is left out: dated with `expires_on`, never for a type that does not expire, else unknown."""
    time_zone: Zone | None = None
    """Where it is left out, that of the last term."""
    completed_on: Day | None = None
    notes: Note | None = None
    """About the term."""
    reason: Reason
    note: Note | None = None
    """About why it is recorded only now."""


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
