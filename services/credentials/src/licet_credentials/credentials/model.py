"""What a credential is: what is said of it, its terms, its flags, its evidence."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from uuid import UUID

from licet_credentials.credentials.runs import Run, runs_of
from licet_credentials.credentials.terms import Term
from licet_events.catalogue import AttributeValue, Category
from licet_events.credentials import FlagKind, Validity


@dataclass(frozen=True, slots=True)
class Flag:
    """A half-open interval set by a person with a reason code. One that ends when it begins is undone."""

    id: UUID
    kind: FlagKind
    effective_from: datetime
    until: datetime | None
    reason: str
    note: str | None = None
    source_key: str | None = None
    """What identifies the term with which it came in the file it was imported from."""

    @property
    def undone(self) -> bool:
        """Whether it never holds: a correction took it back, or it was ended before it began."""
        return self.until == self.effective_from

    def in_force(self, now: datetime) -> bool:
        """Whether it holds at `now`."""
        return self.effective_from <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Image:
    """Stored evidence: what was uploaded, by its hash, and how it is kept and shown."""

    id: UUID
    kind: str
    sha256: str
    generation: int
    """Which set of objects of that content holds it; see `images/queries.sql`."""
    content_type: str
    width: int | None
    """In pixels, as it was uploaded; a document has none."""
    height: int | None
    size: int
    """In bytes, as it was uploaded."""
    display_type: str | None
    """The content type of the rendition; a document has none."""
    thumbnail_type: str | None
    term_id: UUID | None
    """The term that it supports; `None` where it is about the credential as a whole."""
    created_at: datetime


class VerificationResult(StrEnum):
    """What came of a check."""

    CONFIRMED = "confirmed"
    NOT_FOUND = "not_found"
    DIFFERS = "differs"


@dataclass(frozen=True, slots=True)
class Verification:
    """A check of a credential's term against a source."""

    id: UUID
    term_id: UUID
    checked_at: datetime
    source: str
    """A code of what it was checked against, such as `issuer_register`."""
    result: VerificationResult
    valid_until: datetime | None
    """When the check has to be done again; `None` where once is enough."""
    actor: str
    note: str | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it confirmed the term and need not be done again by `now`."""
        return self.result is VerificationResult.CONFIRMED and (
            self.valid_until is None or now < self.valid_until
        )


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """What is said about a credential beside its type, terms and flags."""

    holder_id: UUID
    name: str | None = None
    """Where none is given, the type's name."""
    number: str | None = None
    country: str | None = None
    subdivision: str | None = None
    issuer: str | None = None
    issued_on: date | None = None
    notes: str | None = None
    ladder: tuple[int, ...] | None = None
    """Steps of its own; where none are given, its type's."""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    """What the type declares, by name."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A dated authorisation of a holder."""

    id: UUID
    version: int
    holder_id: UUID
    type: str
    type_version: int
    """The version of the type that `ladder` and `grace_days` were taken from."""
    category: Category
    name: str
    number: str | None
    country: str | None
    subdivision: str | None
    issuer: str | None
    issued_on: date | None
    notes: str | None
    own_ladder: tuple[int, ...] | None
    ladder: tuple[int, ...]
    grace_days: int
    attributes: Mapping[str, AttributeValue]
    """What the type declares, by name."""
    terms: tuple[Term, ...]
    """In the order in which they count."""
    flags: tuple[Flag, ...]
    images: tuple[Image, ...]
    verification: Verification | None
    """The latest check."""
    voided: bool
    submitted_at: datetime | None
    """When a renewal was handed to its issuer; `None` once that has ended."""
    quiet_until: datetime | None
    """Until when reminders rest for it."""
    announced: Validity
    """The validity that was last announced, or that `credential.created` carried."""
    announced_at: datetime
    """The instant up to which every change of validity has been announced."""
    created_at: datetime
    updated_at: datetime

    @property
    def runs(self) -> tuple[Run, ...]:
        """Its runs, in order of time."""
        return runs_of(self.terms, self.ladder)

    @property
    def last_term(self) -> Term:
        """The term that a renewal follows."""
        return self.terms[-1]
