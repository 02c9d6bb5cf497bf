"""Terms, the instants of their dates, and their order."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from licet_chassis.errors import Invalid
from licet_events.civil import END_OF_DAY, Ending, ExpiresAtRule, ends_at, local_date, starts_at
from licet_events.credentials import Expiry


@dataclass(frozen=True, slots=True)
class Term:
    """A validity period. Build it with `term_of`, which derives its instants."""

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
    """When the term got its present revision; `None` for the first."""
    announce_reached: bool = True
    previous_term_id: UUID | None = None
    completed_on: date | None = None
    source_key: str | None = None
    """Key of the term in the imported file."""
    notes: str | None = None
    award_id: UUID | None = None
    """The award of a programme that led to it."""
    expires_at_rule: ExpiresAtRule = ExpiresAtRule.END_OF_DAY
    """From which rule, with the time below, `expires_at` was derived."""
    expires_at_time: str | None = None
    month_only: bool = False
    """Whether the document prints only the month; `expires_on` is its last day."""

    @property
    def ending(self) -> Ending:
        """How the printed date is meant."""
        return Ending(self.expires_at_rule, self.expires_at_time)

    @property
    def expires_on_month(self) -> str | None:
        """YYYY-MM where only the month is known."""
        return f"{self.expires_on:%Y-%m}" if self.month_only else None

    @property
    def last_day(self) -> date | None:
        """The last day that is valid as a whole; `None` for a term that is not dated."""
        return None if self.expires_on is None else self.ending.last_day(self.expires_on)

    @property
    def first_day(self) -> date:
        """The first day of the term; see `term_of` for an unknown start."""
        return _first_day(self.valid_from, self.last_day, self.time_zone, self.recorded_at)


def require_completed(completed_on: date | None, today: date) -> None:
    """Raise `Invalid` if something was completed after today."""
    if completed_on is not None and completed_on > today:
        raise Invalid(
            f"completed_on, {completed_on}, lies in the future: renew it once it is done.",
            pointer="/completed_on",
        )


def term_of(
    id: UUID,
    *,
    valid_from: date | None,
    expires_on: date | None,
    expiry: Expiry,
    time_zone: str,
    recorded_at: datetime,
    ending: Ending,
    month_only: bool = False,
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

    `ending` is the type's. Where only a month is known it does not apply: the last day of the month is valid.
    A term with an unknown `valid_from` starts on the day it was recorded, or on its last day if that is
    earlier. Raises `Invalid` if it was completed after the day it is recorded; an award was completed by the
    calendar of another zone, which may be a day ahead.
    """
    if award_id is None:
        require_completed(completed_on, local_date(recorded_at, time_zone))
    if month_only:
        ending = END_OF_DAY
    last_day = None if expires_on is None else ending.last_day(expires_on)
    first = _first_day(valid_from, last_day, time_zone, recorded_at)
    return Term(
        id=id,
        revision=revision,
        valid_from=valid_from,
        expires_on=expires_on,
        expiry=expiry,
        time_zone=time_zone,
        starts_at=starts_at(first, time_zone),
        expires_at=ends_at(expires_on, time_zone, ending) if expires_on else None,
        recorded_at=recorded_at,
        corrected_at=corrected_at,
        announce_reached=announce_reached,
        previous_term_id=previous_term_id,
        completed_on=completed_on,
        source_key=source_key,
        notes=notes,
        award_id=award_id,
        expires_at_rule=ending.rule,
        expires_at_time=ending.time,
        month_only=month_only,
    )


def with_instants(term: Term) -> Term:
    """Return the term with its instants derived from its dates again."""
    return replace(
        term,
        starts_at=starts_at(term.first_day, term.time_zone),
        expires_at=ends_at(term.expires_on, term.time_zone, term.ending) if term.expires_on else None,
    )


def with_ending(term: Term, ending: Ending, now: datetime) -> Term:
    """Return the next revision of a term whose printed date is meant otherwise than was believed.

    If that moves nothing, the term is returned unchanged.
    """
    if term.expires_on is None or term.month_only or term.ending == ending:
        return term
    moved = with_instants(replace(term, expires_at_rule=ending.rule, expires_at_time=ending.time))
    return replace(moved, revision=term.revision + 1, corrected_at=now)


def _first_day(valid_from: date | None, last_day: date | None, time_zone: str, recorded_at: datetime) -> date:
    if valid_from:
        return valid_from
    recorded_on = local_date(recorded_at, time_zone)
    return min(recorded_on, last_day) if last_day else recorded_on


def in_order(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Return the terms in order: by first day, then end, then time of entry."""
    # The id breaks ties, so that the order never depends on that of the rows.
    return tuple(sorted(terms, key=_order))


def _order(term: Term) -> tuple[date, date, datetime, UUID]:
    first_day = term.valid_from or term.first_day
    return first_day, term.expires_on or date.max, term.recorded_at, term.id
