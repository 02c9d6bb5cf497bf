"""Runs of terms, and the lapses between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from licet_credentials.credentials.terms import Term, in_order
from licet_events.civil import Ending, ExpiresAtRule, starts_at
from licet_events.credentials import Expiry
from licet_events.ladder import steps_told

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Run:
    """Touching or overlapping terms taken together. The term that ends last gives the end and the zone."""

    starts_at: datetime
    expiring_at: datetime | None
    expires_at: datetime | None
    expires_on: date | None
    time_zone: str
    term_id: UUID
    term_revision: int
    expires_at_rule: ExpiresAtRule = ExpiresAtRule.END_OF_DAY
    expires_at_time: str | None = None
    expires_on_month: str | None = None

    @property
    def last_day(self) -> date | None:
        """The last day that is valid as a whole; reminder steps and days left count to it."""
        if self.expires_on is None:
            return None
        return Ending(self.expires_at_rule, self.expires_at_time).last_day(self.expires_on)


def runs_of(terms: Iterable[Term], ladder: tuple[int, ...]) -> tuple[Run, ...]:
    """Return the runs of terms, in order of time.

    Two terms join if the next begins no later than the day after the last whole day of the one before. There
    is no run while the expiry of the last term is unknown; earlier terms of unknown expiry are ignored.
    """
    global _latest  # noqa: PLW0603  # a cache of one: a credential's runs are read many times in a row
    if terms is _latest[0] and ladder is _latest[1]:
        return _latest[2]
    ordered = in_order(terms)
    if not ordered or ordered[-1].expiry is Expiry.UNKNOWN:
        runs: tuple[Run, ...] = ()
    else:
        runs = tuple([_run(stretch, ladder) for stretch in _joined(ordered)])
    if isinstance(terms, tuple):  # immutable, so safe to cache
        _latest = (terms, ladder, runs)
    return runs


_latest: tuple[Iterable[Term], tuple[int, ...], tuple[Run, ...]] = ((), (), ())


@dataclass(frozen=True, slots=True)
class Lapse:
    """A gap between two runs, in days."""

    term_id: UUID
    """The term after the gap."""
    first_day: date
    last_day: date

    @property
    def days(self) -> int:
        """Length in days."""
        return (self.last_day - self.first_day).days + 1


def lapses_of(terms: Iterable[Term]) -> tuple[Lapse, ...]:
    """Return the gaps between runs, in order of time."""
    return tuple(
        Lapse(after.first.id, ended + _DAY, after.first.first_day - _DAY)
        for before, after in pairwise(_joined(in_order(terms)))
        if (ended := before.last.last_day) is not None
    )


@dataclass(slots=True)
class _Stretch:
    """Terms that touch or overlap: the first, the one that ends last, and the earliest instant of any."""

    first: Term
    last: Term
    starts_at: datetime


def _joined(ordered: Iterable[Term]) -> list[_Stretch]:
    """Return the stretches of joined terms, without terms of unknown expiry."""
    stretches: list[_Stretch] = []
    for term in ordered:
        if term.expiry is Expiry.UNKNOWN:
            continue
        if not stretches or not _reaches(stretches[-1].last, term.first_day):
            stretches.append(_Stretch(term, term, term.starts_at))
            continue
        stretch = stretches[-1]
        stretch.starts_at = min(stretch.starts_at, term.starts_at)
        if _end(term) > _end(stretch.last):
            stretch.last = term
    return stretches


def _reaches(term: Term, day: date) -> bool:
    return (last_day := term.last_day) is None or day <= last_day + _DAY


_NEVER = date.max, datetime.max.replace(tzinfo=UTC)


def _end(term: Term) -> tuple[date, datetime]:
    if term.expires_on is None or term.expires_at is None:
        return _NEVER
    return term.expires_on, term.expires_at


def _run(stretch: _Stretch, ladder: tuple[int, ...]) -> Run:
    last, expiring_at = stretch.last, None
    if (last_day := last.last_day) is not None:
        first_step = max(steps_told(ladder, last.valid_from, last_day), default=0)
        if first_step > 0:
            expiring_at = max(stretch.starts_at, starts_at(last_day - first_step * _DAY, last.time_zone))
    return Run(
        starts_at=stretch.starts_at,
        expiring_at=expiring_at,
        expires_at=last.expires_at,
        expires_on=last.expires_on,
        time_zone=last.time_zone,
        term_id=last.id,
        term_revision=last.revision,
        expires_at_rule=last.expires_at_rule,
        expires_at_time=last.expires_at_time,
        expires_on_month=last.expires_on_month,
    )
