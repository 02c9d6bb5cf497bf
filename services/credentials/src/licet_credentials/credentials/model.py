"""Credentials, with their terms, flags, images and checks."""

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
    """A suspension, revocation or surrender: a half-open interval with a reason; empty if undone."""

    id: UUID
    kind: FlagKind
    effective_from: datetime
    until: datetime | None
    reason: str
    note: str | None = None
    source_key: str | None = None
    """Key of its term in the imported file."""

    @property
    def undone(self) -> bool:
        """Whether it never holds: a correction undid it, or it was ended before it began."""
        return self.until == self.effective_from

    def in_force(self, now: datetime) -> bool:
        """Whether it holds at `now`."""
        return self.effective_from <= now and (self.until is None or now < self.until)


@dataclass(frozen=True, slots=True)
class Image:
    """Stored evidence: the uploaded original, identified by its hash, and its renditions."""

    id: UUID
    kind: str
    sha256: str
    generation: int
    """Generation of the stored objects with this content; see `images/queries.sql`."""
    content_type: str
    width: int | None
    """Pixels of the original; `None` for a document."""
    height: int | None
    size: int
    """Bytes of the original."""
    display_type: str | None
    """Content type of the rendition; `None` for a document."""
    thumbnail_type: str | None
    term_id: UUID | None
    """The term that it supports; `None` if it is about the credential as a whole."""
    created_at: datetime


class VerificationResult(StrEnum):
    """Result of a check."""

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
    """Code of the source, such as `issuer_register`."""
    result: VerificationResult
    valid_until: datetime | None
    """When the check has to be repeated; `None` for never."""
    actor: str
    note: str | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it confirmed the term and is still valid at `now`."""
        return self.result is VerificationResult.CONFIRMED and (
            self.valid_until is None or now < self.valid_until
        )


@dataclass(frozen=True, slots=True)
class CredentialFacts:
    """Facts about a credential other than its type, terms and flags."""

    holder_id: UUID
    name: str | None = None
    """`None` takes the type's name."""
    number: str | None = None
    country: str | None = None
    subdivision: str | None = None
    issuer: str | None = None
    issued_on: date | None = None
    notes: str | None = None
    ladder: tuple[int, ...] | None = None
    """Reminder steps for this credential; `None` takes its type's."""
    attributes: Mapping[str, AttributeValue] = field(default_factory=dict)
    """Attributes that the type declares, by name."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A dated authorisation of a holder."""

    id: UUID
    version: int
    holder_id: UUID
    type: str
    type_version: int
    """Version of the type from which `ladder` and `grace_days` were copied."""
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
    """Attributes that the type declares, by name."""
    terms: tuple[Term, ...]
    """In the order of `in_order`."""
    flags: tuple[Flag, ...]
    images: tuple[Image, ...]
    verification: Verification | None
    """The latest check."""
    voided: bool
    submitted_at: datetime | None
    """When a renewal was submitted to its issuer; `None` once that has ended."""
    quiet_until: datetime | None
    """Reminders are quiet until then."""
    announced: Validity
    """The validity that was last announced, or that `credential.created` carried."""
    announced_at: datetime
    """Every change of validity up to this instant has been announced."""
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
