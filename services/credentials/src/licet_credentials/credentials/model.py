"""What a credential is: its terms, the runs they form, its flags."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from uuid import UUID

from licet_events.catalogue import AttributeValue, Category
from licet_events.civil import expires_at, local_date, starts_at
from licet_events.credentials import Expiry, FlagKind, Validity

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Term:
    """One validity period. Made by `term_of`, which derives its instants."""

    id: UUID
    revision: int
    valid_from: date | None
    expires_on: date | None
    expiry: Expiry
    time_zone: str
    starts_at: datetime
    expires_at: datetime | None
    recorded_at: datetime
    corrected_at: datetime | None = None
    """When the correction was made that gave the term its revision."""
    announce_reached: bool = True
    previous_term_id: UUID | None = None
    completed_on: date | None = None
    source_key: str | None = None
    """What identifies the term in the file it was imported from."""
    notes: str | None = None

    @property
    def first_day(self) -> date:
        """The first day on which it counts."""
        return _first_day(self.valid_from, self.expires_on, self.time_zone, self.recorded_at)


def term_of(
    id: UUID,
    *,
    valid_from: date | None,
    expires_on: date | None,
    expiry: Expiry,
    time_zone: str,
    recorded_at: datetime,
    revision: int = 1,
    corrected_at: datetime | None = None,
    announce_reached: bool = True,
    previous_term_id: UUID | None = None,
    completed_on: date | None = None,
    source_key: str | None = None,
    notes: str | None = None,
) -> Term:
    """Return a term with its instants in its zone.

    One whose `valid_from` is unknown counts from the earlier of the day it was recorded and its
    `expires_on`.
    """
    first = _first_day(valid_from, expires_on, time_zone, recorded_at)
    return Term(
        id=id,
        revision=revision,
        valid_from=valid_from,
        expires_on=expires_on,
        expiry=expiry,
        time_zone=time_zone,
        starts_at=starts_at(first, time_zone),
        expires_at=expires_at(expires_on, time_zone) if expires_on else None,
        recorded_at=recorded_at,
        corrected_at=corrected_at,
        announce_reached=announce_reached,
        previous_term_id=previous_term_id,
        completed_on=completed_on,
        source_key=source_key,
        notes=notes,
    )


def with_instants(term: Term) -> Term:
    """Return the term with the instants that its dates have in its zone."""
    return replace(
        term,
        starts_at=starts_at(term.first_day, term.time_zone),
        expires_at=expires_at(term.expires_on, term.time_zone) if term.expires_on else None,
    )


def _first_day(
    valid_from: date | None, expires_on: date | None, time_zone: str, recorded_at: datetime
) -> date:
    if valid_from:
        return valid_from
    recorded_on = local_date(recorded_at, time_zone)
    return min(recorded_on, expires_on) if expires_on else recorded_on


@dataclass(frozen=True, slots=True)
class Run:
    """Touching or overlapping terms taken together; the term whose end is the run's gives its zone."""

    starts_at: datetime
    expiring_at: datetime | None
    expires_at: datetime | None
    expires_on: date | None
    time_zone: str
    term_id: UUID
    term_revision: int


@dataclass(frozen=True, slots=True)
class Flag:
    """A half-open interval set by a person with a reason code. One that ends when it begins is undone."""

    id: UUID
    kind: FlagKind
    effective_from: datetime
    until: datetime | None
    reason: str
    note: str | None = None

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


def in_order(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return the terms in the order in which they count: by first day, then end, then entry."""
    return tuple(
        sorted(
            terms,
            # The id decides between equals, so that the order of the rows never matters.
            key=lambda term: (term.first_day, term.expires_on or date.max, term.recorded_at, term.id),
        )
    )


def runs_of(terms: Iterable[Term], ladder: tuple[int, ...]) -> tuple[Run, ...]:
    """Return the runs of terms, in order of time.

    Terms are joined when, by date, the next begins no later than the day after the last one ended.
    There is no run while the expiry of the last term is unknown; an earlier term of unknown expiry
    counts for nothing.
    """
    global _latest  # noqa: PLW0603  # everything about one credential is asked at once; it is computed once
    if terms is _latest[0] and ladder is _latest[1]:
        return _latest[2]
    ordered = in_order(terms)
    if not ordered or ordered[-1].expiry is Expiry.UNKNOWN:
        runs: tuple[Run, ...] = ()
    else:
        runs = tuple(
            _run(min(term.starts_at for term in joined), max(joined, key=_end), ladder)
            for joined in _joined(ordered)
        )
    if isinstance(terms, tuple):  # what can't change
        _latest = (terms, ladder, runs)
    return runs


_latest: tuple[Iterable[Term], tuple[int, ...], tuple[Run, ...]] = ((), (), ())


@dataclass(frozen=True, slots=True)
class Lapse:
    """The gap between two terms: the days on which neither counted."""

    term_id: UUID
    """The term before which it lies."""
    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """How many days it lasted."""
        return (self.last_day - self.first_day).days + 1


def lapses_of(terms: Iterable[Term]) -> tuple[Lapse, ...]:
    """Return the gaps between the runs of terms, in order of time."""
    runs = _joined(in_order(terms))
    return tuple(
        Lapse(after[0].id, ended + _DAY, after[0].first_day - _DAY)
        for before, after in pairwise(runs)
        if (ended := max(before, key=_end).expires_on) is not None
    )


def _joined(ordered: Iterable[Term]) -> list[list[Term]]:
    """Return the terms that count, those of one run together; each has one at least."""
    runs: list[list[Term]] = []
    for term in ordered:
        if term.expiry is Expiry.UNKNOWN:
            continue
        if runs and _reaches(max(runs[-1], key=_end), term.first_day):
            runs[-1].append(term)
        else:
            runs.append([term])
    return runs


def _reaches(term: Term, day: date) -> bool:
    return term.expires_on is None or day <= term.expires_on + _DAY


def _end(term: Term) -> tuple[date, datetime]:
    if term.expires_on is None or term.expires_at is None:
        return date.max, datetime.max.replace(tzinfo=UTC)
    return term.expires_on, term.expires_at


def _run(start: datetime, last: Term, ladder: tuple[int, ...]) -> Run:
    expiring_at = None
    largest = max(ladder, default=0)
    if last.expires_on and largest > 0:
        expiring_at = max(start, starts_at(last.expires_on - largest * _DAY, last.time_zone))
    return Run(
        starts_at=start,
        expiring_at=expiring_at,
        expires_at=last.expires_at,
        expires_on=last.expires_on,
        time_zone=last.time_zone,
        term_id=last.id,
        term_revision=last.revision,
    )
