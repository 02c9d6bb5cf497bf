"""Which runs terms form, and the lapses between them."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from uuid import UUID

from licet_credentials.credentials.terms import Term, in_order
from licet_events.civil import starts_at
from licet_events.credentials import Expiry

_DAY = timedelta(days=1)


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
