"""Half-open intervals of UTC instants and their algebra.

A set of instants is a tuple of spans in order of time that neither overlap nor touch, so that two
sets are equal exactly if they hold the same instants.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

_FIRST = datetime.min.replace(tzinfo=UTC)
_LAST = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """All instants from `start` on and before `end`; `None` is an open end."""

    start: datetime | None
    end: datetime | None


Spans = tuple[Span, ...]

NOTHING: Spans = ()
EVERYTHING: Spans = (Span(None, None),)


def span(start: datetime | None, end: datetime | None) -> Spans:
    """Return the instants in [start, end); none if the end is not after the start."""
    if start is not None and end is not None and end <= start:
        return NOTHING
    return (Span(start, end),)


def unite(*sets: Spans) -> Spans:
    """Return the instants that are in at least one of the sets."""
    return _normal(one for spans in sets for one in spans)


def complement(spans: Spans) -> Spans:
    """Return the instants that are not in the set."""
    gaps: list[Span] = []
    start: datetime | None = None
    for one in spans:
        if one.start is not None:
            gaps.append(Span(start, one.start))
        if one.end is None:
            return tuple(gaps)
        start = one.end
    return (*gaps, Span(start, None))


def intersect(left: Spans, right: Spans) -> Spans:
    """Return the instants that are in both sets."""
    found: list[Span] = []
    i = j = 0
    while i < len(left) and j < len(right):
        a, b = left[i], right[j]
        start = a.start if _low(a) >= _low(b) else b.start
        end = a.end if _high(a) <= _high(b) else b.end
        if (start or _FIRST) < (end or _LAST):
            found.append(Span(start, end))
        if _high(a) <= _high(b):
            i += 1
        else:
            j += 1
    return tuple(found)


def subtract(left: Spans, right: Spans) -> Spans:
    """Return the instants of `left` that are not in `right`."""
    return intersect(left, complement(right))


def boundaries(spans: Spans) -> set[datetime]:
    """Return the instants at which the set begins or ends."""
    return {edge for one in spans for edge in (one.start, one.end) if edge is not None}


def _low(one: Span) -> datetime:
    return one.start or _FIRST


def _high(one: Span) -> datetime:
    return one.end or _LAST


def _normal(spans: Iterable[Span]) -> Spans:
    result: list[Span] = []
    for one in sorted(spans, key=_low):
        last = result[-1] if result else None
        if last is None or _high(last) < _low(one):
            result.append(one)
        elif _high(last) < _high(one):
            result[-1] = Span(last.start, one.end)
    return tuple(result)
