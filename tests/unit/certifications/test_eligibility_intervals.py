from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from licet_certifications.eligibility.intervals import (
    EVERYTHING,
    NOTHING,
    Span,
    Spans,
    complement,
    intersect,
    span,
    subtract,
    unite,
)

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
DAYS = range(13)
edges = st.none() | st.sampled_from(DAYS).map(lambda day: EPOCH + timedelta(days=day))
sets = st.lists(st.builds(span, edges, edges), max_size=5).map(lambda several: unite(*several))
PROBES = [EPOCH + timedelta(hours=12 * half) for half in range(-2, 2 * len(DAYS) + 2)]


def holds(spans: Spans, instant: datetime) -> bool:
    return any(
        (one.start is None or one.start <= instant) and (one.end is None or instant < one.end)
        for one in spans
    )


@given(sets, sets)
def test_each_operation_is_the_one_on_instants(left, right):
    for instant in PROBES:
        a, b = holds(left, instant), holds(right, instant)
        assert holds(unite(left, right), instant) == (a or b)
        assert holds(intersect(left, right), instant) == (a and b)
        assert holds(subtract(left, right), instant) == (a and not b)
        assert holds(complement(left), instant) == (not a)


@given(sets, sets)
def test_results_are_in_order_and_neither_overlap_nor_touch(left, right):
    for spans in (unite(left, right), intersect(left, right), complement(left)):
        for before, after in pairwise(spans):
            assert before.end is not None
            assert after.start is not None
            assert before.end < after.start
        assert all(one.start is None or one.end is None or one.start < one.end for one in spans)


@given(sets)
def test_the_complement_of_the_complement_is_the_set(spans):
    assert complement(complement(spans)) == spans


def test_an_open_end_is_none_and_an_end_before_the_start_holds_nothing():
    assert span(EPOCH, None) == (Span(EPOCH, None),)
    assert span(EPOCH, EPOCH) == NOTHING
    assert span(EPOCH, EPOCH - timedelta(days=1)) == NOTHING
    assert complement(NOTHING) == EVERYTHING
    assert complement(EVERYTHING) == NOTHING


def test_touching_spans_become_one():
    later = EPOCH + timedelta(days=1)
    assert unite(span(None, EPOCH), span(EPOCH, later)) == (Span(None, later),)
