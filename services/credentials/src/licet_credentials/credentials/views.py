"""Credentials as they are shown, with their present validity."""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import BaseModel

from licet_credentials.credentials.model import Credential, Image, Verification, VerificationResult
from licet_credentials.credentials.renewal import RenewalDates
from licet_credentials.credentials.runs import lapses_of
from licet_credentials.credentials.terms import Term
from licet_credentials.credentials.validity import current_term, days_left, validity
from licet_events.catalogue import AttributeValue, Category, LateRenewal
from licet_events.civil import ExpiresAtRule
from licet_events.credentials import Expiry, FlagKind, Validity


class TermOut(BaseModel):
    """A revision of a term."""

    id: UUID
    revision: int
    valid_from: date | None
    expires_on: date | None
    """The expiry date that the document prints."""
    expires_on_month: str | None
    """YYYY-MM where the document prints only the month; `expires_on` is then its last day."""
    expiry: Expiry
    time_zone: str
    starts_at: datetime
    expires_at: datetime | None
    """The instant from which it is no longer valid."""
    expires_at_rule: ExpiresAtRule
    """The rule by which `expires_at` follows from `expires_on`."""
    expires_at_time: str | None
    """With `at_time`: the local time on `expires_on`, HH:MM."""
    recorded_at: datetime
    previous_term_id: UUID | None
    completed_on: date | None
    image_ids: list[UUID]
    """Images that support it now."""
    notes: str | None
    lapse_days: int | None = None
    """Days without any term before this one; null for superseded revisions."""
    known_from: datetime | None = None
    """When this revision was recorded; only in the list of all revisions."""
    known_until: datetime | None = None

    @classmethod
    def of(
        cls,
        term: Term,
        known_from: datetime | None = None,
        known_until: datetime | None = None,
        *,
        images: Iterable[Image],
        lapse_days: int | None = None,
    ) -> "TermOut":
        """Show a term with the ids of its images."""
        return cls(
            id=term.id,
            revision=term.revision,
            valid_from=term.valid_from,
            expires_on=term.expires_on,
            expires_on_month=term.expires_on_month,
            expiry=term.expiry,
            time_zone=term.time_zone,
            starts_at=term.starts_at,
            expires_at=term.expires_at,
            expires_at_rule=term.expires_at_rule,
            expires_at_time=term.expires_at_time,
            recorded_at=term.recorded_at,
            previous_term_id=term.previous_term_id,
            completed_on=term.completed_on,
            image_ids=[image.id for image in images if image.term_id == term.id],
            notes=term.notes,
            lapse_days=lapse_days,
            known_from=known_from,
            known_until=known_until,
        )


class LapseOut(BaseModel):
    """A gap between two terms, first and last day inclusive."""

    first_day: date
    last_day: date
    days: int


class FlagOut(BaseModel):
    """An interval in which the credential is suspended, revoked or surrendered."""

    id: UUID
    kind: FlagKind
    effective_from: datetime
    until: datetime | None
    reason: str
    note: str | None


class ImageOut(BaseModel):
    """Stored evidence, and the paths of its renditions."""

    id: UUID
    kind: str
    """`scan`, `card`, `photo`, or `document` for a PDF."""
    sha256: str
    content_type: str
    """Content type of the original."""
    width: int | None
    """Pixels of the original; null for a document."""
    height: int | None
    size: int
    """Bytes of the original."""
    term_id: UUID | None
    """The term that it supports; null if it is about the credential as a whole."""
    created_at: datetime
    renditions: dict[str, str]
    """Paths by name; empty for a document, whose original is fetched."""


class VerificationOut(BaseModel):
    """A check of a credential against a source."""

    id: UUID
    term_id: UUID
    """The term that was checked."""
    checked_at: datetime
    source: str
    """Code of the source."""
    result: VerificationResult
    valid_until: datetime | None
    """When the check has to be repeated; null for never."""
    actor: str
    note: str | None

    @classmethod
    def of(cls, check: Verification) -> "VerificationOut":
        """Show a check."""
        return cls(**{name: getattr(check, name) for name in check.__slots__})


class CredentialOut(BaseModel):
    """A credential with its present validity."""

    id: UUID
    version: int
    holder_id: UUID
    type: str
    category: Category
    name: str
    number: str | None
    country: str | None
    subdivision: str | None
    issuer: str | None
    issued_on: date | None
    notes: str | None
    ladder: list[int]
    grace_days: int
    attributes: dict[str, AttributeValue]
    """Attributes that the type declares, by name."""
    validity: Validity
    days_left: int | None
    """Days from today to the last whole day of the current run, in its zone; negative after it."""
    valid_from: date | None
    expires_on: date | None
    """The expiry date that the document prints."""
    expires_on_month: str | None
    """YYYY-MM where the document prints only the month; `expires_on` is then its last day."""
    expires_at: datetime | None
    """The instant from which it is no longer valid, by `term.expires_at_rule`."""
    expiry: Expiry
    time_zone: str
    term: TermOut
    """The current term: the one that ends the current run."""
    lapses: list[LapseOut]
    """The gaps between its terms, in order of time."""
    flags: list[FlagOut]
    images: list[ImageOut]
    verification: VerificationOut | None
    """The latest check."""
    submitted_at: datetime | None
    """When a renewal was submitted to its issuer; null if none is pending."""
    quiet_until: datetime | None
    """Reminders are quiet until then; they resume with the latest step reached."""
    voided: bool
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, credential: Credential, now: datetime) -> "CredentialOut":
        """Show a credential as of `now`."""
        return cls(**_fields(credential, now))


class RenewalRule(BaseModel):
    """The dates of a renewal, and the rule that gave each."""

    valid_from: date
    valid_from_rule: str
    expires_on: date
    expires_on_rule: str
    end_of_month: bool
    """Whether the date that the rule gave was moved to the end of its month."""
    expires_at: datetime | None
    expires_at_rule: ExpiresAtRule
    """The rule by which `expires_at` follows from `expires_on`."""
    lapse_days: int
    """Days without any term before the new one."""
    late_days: int
    """Days from the old expiry to the completion; 0 if it was completed in time."""
    late_renewal: LateRenewal | None
    """The rule that a late renewal followed; null if it was completed in time."""


class RenewedOut(CredentialOut):
    """A renewed credential, and the rules that gave the new dates."""

    renewal: RenewalRule

    @classmethod
    def of_renewal(cls, credential: Credential, dates: RenewalDates, now: datetime) -> "RenewedOut":
        """Show a renewed credential as of `now`."""
        rule = RenewalRule(
            valid_from=dates.valid_from,
            valid_from_rule=dates.valid_from_rule,
            expires_on=dates.expires_on,
            expires_on_rule=dates.expires_on_rule,
            end_of_month=dates.end_of_month,
            expires_at=credential.last_term.expires_at,
            expires_at_rule=credential.last_term.expires_at_rule,
            lapse_days=lapse_days(credential).get(credential.last_term.id, 0),
            late_days=dates.late_days,
            late_renewal=dates.late_renewal,
        )
        return cls(**_fields(credential, now), renewal=rule)


def _fields(credential: Credential, now: datetime) -> dict[str, Any]:
    term = current_term(credential, now)
    same = {
        name: getattr(credential, name) for name in CredentialOut.model_fields if hasattr(credential, name)
    }
    return same | {
        "ladder": list(credential.ladder),
        "validity": validity(credential.runs, credential.flags, now),
        "days_left": days_left(credential, now),
        "valid_from": term.valid_from,
        "expires_on": term.expires_on,
        "expires_on_month": term.expires_on_month,
        "expires_at": term.expires_at,
        "expiry": term.expiry,
        "time_zone": term.time_zone,
        "term": TermOut.of(term, images=credential.images, lapse_days=lapse_days(credential).get(term.id, 0)),
        "lapses": [
            LapseOut.model_validate(lapse, from_attributes=True) for lapse in lapses_of(credential.terms)
        ],
        "flags": [FlagOut.model_validate(flag, from_attributes=True) for flag in credential.flags],
        "verification": credential.verification and VerificationOut.of(credential.verification),
        "images": [image_out(credential.id, image) for image in credential.images],
    }


def lapse_days(credential: Credential) -> dict[UUID, int]:
    """Return the length of the gap before each term that follows one, in days."""
    return {lapse.term_id: lapse.days for lapse in lapses_of(credential.terms)}


def image_out(credential_id: UUID, image: Image) -> ImageOut:
    """Show stored evidence."""
    base = f"/v1/credentials/{credential_id}/images/{image.id}"
    types = {"display": image.display_type, "thumbnail": image.thumbnail_type}
    return ImageOut(
        id=image.id,
        kind=image.kind,
        sha256=image.sha256,
        content_type=image.content_type,
        width=image.width,
        height=image.height,
        size=image.size,
        term_id=image.term_id,
        created_at=image.created_at,
        renditions={name: f"{base}/{name}" for name, content_type in types.items() if content_type},
    )
