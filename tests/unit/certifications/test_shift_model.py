"""A shift and what is told of it, for any sequence of reports and verdicts."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from licet_certifications.shifts.model import Change, Report, Shift, Standing, Work, judge, take
from licet_events.eligibility import Verdict
from licet_events.shifts import ClearedBy, ShiftAtRisk, ShiftCleared, ShiftEvent

NOW = datetime(2026, 3, 1, tzinfo=UTC)
GRAVITY = list(Verdict)

verdicts = st.sampled_from(GRAVITY)
works = st.builds(
    lambda holder, target, day: Work(
        UUID(int=holder), None, f"role:{target}", "*",
        NOW + timedelta(days=day), NOW + timedelta(days=day, hours=8),
    ),
    st.integers(1, 2), st.sampled_from(["a", "b"]), st.integers(1, 6),
)  # fmt: skip
steps = st.one_of(
    st.tuples(st.just("report"), works, verdicts, st.integers(0, 9)),
    st.tuples(st.just("cancel"), st.none(), verdicts, st.integers(0, 9)),
    st.tuples(st.just("judge"), st.none(), verdicts, st.integers(0, 9)),
    st.tuples(st.just("wait"), st.none(), verdicts, st.integers(0, 2)),
)


def walk(told: list) -> list[tuple[Shift | None, Change | None, datetime]]:
    """Carry out steps; returns the shift before and after each, and the time of it."""
    shift: Shift | None = None
    now = NOW
    seen: list[tuple[Shift | None, Change | None, datetime]] = []
    for kind, work, verdict, number in told:
        before, change = shift, None
        standing = Standing(verdict, (), 1)
        if kind == "wait":
            now += timedelta(days=number)
        elif kind == "judge":
            change = judge(shift, standing, now) if shift and shift.work and shift.standing else None
        else:
            report = Report("roster", "S1", number, now, work)
            change = take(shift, report, standing if work else None, now)
        shift = change.shift if change else shift
        seen.append((before, change, now))
    return seen


def events_of(seen: list[tuple[Shift | None, Change | None, datetime]]) -> list[ShiftEvent]:
    return [event for _, change, _ in seen if change for event in change.events]


@settings(deadline=None, max_examples=500)
@given(st.lists(steps, max_size=30))
def test_at_risk_and_cleared_alternate_with_versions_that_grow_by_one(told):
    events = events_of(walk(told))
    assert [type(event) for event in events] == [
        (ShiftAtRisk, ShiftCleared)[number % 2] for number in range(len(events))
    ]
    assert [event.shift.version for event in events] == list(range(1, len(events) + 1))


@settings(deadline=None, max_examples=500)
@given(st.lists(steps, max_size=30))
def test_a_shift_is_at_risk_exactly_while_its_verdict_is_worse_than_the_best_since_it_was_booked(told):
    for _, change, now in walk(told):
        shift = change.shift if change else None
        if shift and shift.standing and shift.lies_ahead(now) and shift.booked_verdict:
            worse = GRAVITY.index(shift.standing.verdict) > GRAVITY.index(shift.booked_verdict)
            assert shift.at_risk == worse


@settings(deadline=None, max_examples=500)
@given(st.lists(steps, max_size=30))
def test_nothing_comes_at_risk_when_it_is_over(told):
    for _, change, now in walk(told):
        for event in change.events if change else ():
            if isinstance(event, ShiftAtRisk):
                assert now < event.shift.end
                assert event.shift.since == now


@settings(deadline=None, max_examples=300)
@given(st.lists(steps, max_size=30), st.data())
def test_a_report_that_comes_again_or_is_older_changes_nothing(told, data):
    *_, (_, change, now) = [(None, None, NOW), *walk(told)]
    if change is None:
        return
    revision = data.draw(st.integers(0, change.shift.revision))
    occurred_at = change.shift.occurred_at if revision == change.shift.revision else now
    work = data.draw(works)
    assert take(change.shift, Report("roster", "S1", revision, occurred_at, work), None, now) is None


def test_a_change_of_the_holder_clears_the_shift_under_the_key_of_the_one_before():
    day = NOW + timedelta(days=1)

    def work(holder: int) -> Work:
        return Work(UUID(int=holder), None, "role:a", "*", day, day + timedelta(hours=8))

    first = take(None, Report("r", "S", 1, NOW, work(1)), Standing(Verdict.ELIGIBLE, ()), NOW)
    assert first is not None
    at_risk = judge(first.shift, Standing(Verdict.INELIGIBLE, ()), NOW)
    changed = take(at_risk.shift, Report("r", "S", 2, NOW, work(2)), Standing(Verdict.INELIGIBLE, ()), NOW)
    assert changed is not None
    (cleared,) = changed.events
    assert isinstance(cleared, ShiftCleared)
    assert (cleared.cleared_by, cleared.shift.holder_id) == (ClearedBy.CHANGED, UUID(int=1))
    assert not changed.shift.at_risk
