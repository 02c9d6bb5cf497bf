"""What a term is, which instants its dates have, and in which order terms count."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from licet_events.civil import expires_at, local_date, starts_at
from licet_events.credentials import Expiry


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
    award_id: UUID | None = None
    """The award of a programme that led to it."""

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
    award_id: UUID | None = None,
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
        award_id=award_id,
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


def in_order(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return the terms in the order in which they count: by first day, then end, then entry."""
    # The id decides between equals, so that the order of the rows never matters.
    return tuple(sorted(terms, key=_order))


def _order(term: Term) -> tuple[date, date, datetime, UUID]:
    first_day = term.valid_from or term.first_day
    return first_day, term.expires_on or date.max, term.recorded_at, term.id
