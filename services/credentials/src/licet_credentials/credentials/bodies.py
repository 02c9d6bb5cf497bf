"""Request bodies of credentials."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from licet_chassis.errors import Invalid
from licet_chassis.http.resources import LEFT_OUT, Body, MergePatch
from licet_credentials.credentials.corrections import FLAG_FIELDS, Correction
from licet_credentials.credentials.dates import TERM_FIELDS, last_day_of
from licet_credentials.credentials.model import VerificationResult
from licet_credentials.inputs import (
    Code,
    Country,
    Day,
    DayOrInstant,
    Ladder,
    Line,
    Month,
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
"""Attributes that the type declares, by name: dates as YYYY-MM-DD, decimals as text, choices as a list."""


def printed_end(expires_on: date | None, month: str | None) -> dict[str, Any]:
    """Return the end that a document prints, as fields of a command; raises `Invalid` if both are given."""
    require_one_end(expires_on, month)
    return {
        "expires_on": expires_on if month is None else last_day_of(month),
        "month_only": month is not None,
    }


def require_one_end(expires_on: date | None, month: str | None) -> None:
    """Raise `Invalid` if both a day and a month are given as the end of a term."""
    if expires_on is not None and month is not None:
        raise Invalid(
            "A document prints a day or a month: send expires_on or expires_on_month.",
            pointer="/expires_on_month",
        )


class _Facts(Body):
    number: Line | None = None
    country: Country | None = None
    subdivision: Subdivision | None = None
    issuer: Line | None = None
    issued_on: Day | None = None
    notes: Note | None = None
    ladder: Ladder | None = None
    """Reminder steps for this credential; null takes the type's."""


class CredentialIn(_Facts):
    """A credential to be recorded, with its first term."""

    holder_id: UUID
    type: Code
    name: Line | None = None
    """By default the type's name."""
    valid_from: Day | None = None
    completed_on: Day | None = None
    """When the course or examination was completed: the start, unless `valid_from` is given. Where no end is
    given, it follows from there by the type's rules."""
    expires_on: Day | None = None
    """The expiry date that the document prints; its type's `expires_at_rule` says which instant that is."""
    expires_on_month: Month | None = None
    """Where the document prints only a month; it is valid through the month's last day."""
    unusual: bool = False
    """Whether an expiry more than three validities of the type ahead is what the document says."""
    another: bool = False
    """Whether it is another one than one of the holder and type without a number in an overlapping term."""
    expiry: Expiry | None = None
    """By default dated with `expires_on`, never for a type that does not expire, else unknown."""
    time_zone: Zone | None = None
    """By default that of the holder's location, else the deployment's."""
    attributes: Attributes = Field(default_factory=dict)


class CredentialPatch(_Facts, MergePatch):
    """A merge patch (RFC 7396). Dates, expiry, zone, type and holder take a correction."""

    name: Line = LEFT_OUT
    attributes: Attributes | None = None
    """Attributes that change; null removes one, or all of them."""


class RenewalCheckIn(Body):
    """A check against a source that confirmed the new term."""

    source: Code
    """Code of the source, such as `issuer_register`."""
    checked_at: DayOrInstant | None = None
    """By default now."""
    valid_until: DayOrInstant | None = None
    """When the check has to be repeated; by default never."""
    note: Note | None = None


class VerificationIn(RenewalCheckIn):
    """A check against a source, with any result."""

    result: VerificationResult
    term_id: UUID | None = None
    """The term that was checked; by default the last."""


class RenewalIn(Body):
    """A renewal by an explicit date, by a rule, or by the type's default rule."""

    expires_on: Day | None = None
    expires_on_month: Month | None = None
    """Where the document prints only a month; it is valid through the month's last day."""
    unusual: bool = False
    """Whether an expiry more than three validities of the type ahead is what the document says."""
    mode: RenewalBasis | None = None
    valid_from: Day | None = None
    completed_on: Day | None = None
    number: Line | None = None
    notes: Note | None = None
    image_ids: Annotated[tuple[UUID, ...], Field(max_length=20)] = ()
    verification: RenewalCheckIn | None = None
    """A check that confirmed the new term; some types require one, here or shortly before."""
    force: bool = False
    reason: Reason | None = None
    """Required with `force`, which renews before the window opens, or to a term that is over."""


class CorrectionIn(Body):
    """A correction; fields that are left out were right."""

    term_id: UUID | None = None
    """The term to correct; by default the last."""
    withdraw_term: bool = False
    """Whether the term should never have been recorded."""
    valid_from: Day | None = None
    expires_on: Day | None = None
    expires_on_month: Month | None = None
    """Where the document prints only a month; it replaces `expires_on`, and `expires_on` replaces it."""
    unusual: bool = False
    """Whether an expiry more than three validities of the type ahead is what the document says."""
    expiry: Expiry = Field(default_factory=lambda: Expiry.DATED)
    time_zone: Zone = Field(default_factory=str)
    flag_id: UUID | None = None
    """The flag to correct."""
    effective_from: DayOrInstant = Field(default_factory=lambda: date.max)
    """The flag's right start."""
    until: DayOrInstant | None = None
    """The suspension's right end; null for none."""
    undo_flag: bool = False
    """Whether the flag should never have been set."""
    type: Code | None = None
    """The right type."""
    attributes: Attributes | None = None
    """Attributes for the right type; by default the present ones, which then have to fit it."""
    holder_id: UUID | None = None
    """The right holder."""
    reason: Reason
    note: Note | None = None

    def correction(self) -> Correction:
        """Return the correction; null is a value for dates, an absent field was right."""
        given = self.model_dump(exclude_unset=True)
        require_one_end(given.get("expires_on"), given.get("expires_on_month"))
        return Correction(
            reason=self.reason,
            term_id=self.term_id,
            term={name: given[name] for name in TERM_FIELDS if name in given},
            withdraw_term=self.withdraw_term,
            flag_id=self.flag_id,
            flag={name: given[name] for name in FLAG_FIELDS if name in given},
            undo_flag=self.undo_flag,
            type=self.type,
            attributes=self.attributes,
            holder_id=self.holder_id,
            unusual=self.unusual,
        )


class TermIn(Body):
    """A missing term: it lies before or between the recorded ones."""

    valid_from: Day | None = None
    expires_on: Day | None = None
    expires_on_month: Month | None = None
    """Where the document prints only a month; it is valid through the month's last day."""
    unusual: bool = False
    """Whether an expiry more than three validities of the type ahead is what the document says."""
    expiry: Expiry | None = None
    """By default dated with `expires_on`, never for a type that does not expire, else unknown."""
    time_zone: Zone | None = None
    """By default that of the last term."""
    completed_on: Day | None = None
    notes: Note | None = None
    """Notes about the term."""
    reason: Reason
    note: Note | None = None
    """Why it is recorded only now; kept in the history."""


class SubmissionIn(Body):
    """A renewal that was submitted to its issuer."""

    quiet_until: DayOrInstant
    note: Note | None = None


class ActionIn(Body):
    """A reason code and a note."""

    reason: Reason
    note: Note | None = None


class FlagIn(ActionIn):
    """The start of a flag, with reason and note."""

    effective_from: DayOrInstant | None = None
    """By default now."""


class SuspensionIn(FlagIn):
    """Start and end of a suspension, with reason and note."""

    until: DayOrInstant | None = None
