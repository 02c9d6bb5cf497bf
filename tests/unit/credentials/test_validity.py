"""Runs of terms and the validity that follows from them."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from licet_credentials.credentials.model import Flag
from licet_credentials.credentials.runs import Run, runs_of
from licet_credentials.credentials.terms import Term
from licet_credentials.credentials.validity import current_run, days_left, validity
from licet_events.civil import starts_at
from licet_events.credentials import Expiry, FlagKind, Validity
from licet_events.ladder import steps_told
from unit.credentials.histories import INSTANTS, LADDERS, NOW, credential, flag, flag_sets, term, terms

LADDER = (30, 0, -7)
JUNE = date(2026, 6, 30)


def at(day: date, hour: int = 12) -> datetime:
    return datetime(day.year, day.month, day.day, hour, tzinfo=UTC)


def state(*made: Term, now: datetime = NOW, flags: tuple[Flag, ...] = ()) -> Validity:
    return validity(runs_of(made, LADDER), flags, now)


def test_terms_that_touch_by_date_are_one_run():
    [run] = runs_of(
        [term(date(2026, 1, 1), JUNE), term(date(2026, 7, 1), date(2026, 12, 31), number=2)], LADDER
    )
    assert (run.starts_at, run.expires_on) == (at(date(2026, 1, 1), 0), date(2026, 12, 31))


def test_a_gap_of_one_day_separates_runs():
    runs = runs_of(
        [term(date(2026, 1, 1), JUNE), term(date(2026, 7, 2), date(2026, 12, 31), number=2)], LADDER
    )
    assert [run.expires_on for run in runs] == [JUNE, date(2026, 12, 31)]


def test_the_order_of_entry_does_not_matter():
    first, second = term(date(2026, 1, 1), JUNE), term(date(2026, 9, 1), date(2026, 12, 31), number=2)
    assert runs_of([second, first], LADDER) == runs_of([first, second], LADDER)


def test_a_term_within_another_does_not_end_its_run():
    [run] = runs_of(
        [term(date(2026, 1, 1), date(2026, 12, 31)), term(date(2026, 3, 1), JUNE, number=2)], LADDER
    )
    assert run.expires_on == date(2026, 12, 31)


def test_a_term_that_never_ends_absorbs_all_later_terms_into_its_run():
    [run] = runs_of(
        [term(date(2026, 1, 1), None), term(date(2027, 1, 1), JUNE.replace(year=2027), number=2)], ()
    )
    assert (run.expires_at, run.expires_on, run.expiring_at) == (None, None, None)


def test_there_is_no_run_while_the_expiry_of_the_last_term_is_unknown():
    known, unknown = (
        term(date(2025, 1, 1), JUNE),
        term(date(2026, 7, 1), None, number=2, expiry=Expiry.UNKNOWN),
    )
    assert runs_of([known, unknown], LADDER) == ()
    assert state(known, unknown) is Validity.INCOMPLETE


def test_a_renewal_of_a_term_of_unknown_expiry_counts():
    unknown = term(date(2025, 1, 1), None, expiry=Expiry.UNKNOWN)
    assert state(unknown, term(date(2026, 1, 1), JUNE, number=2)) is Validity.ACTIVE


def test_a_term_without_a_beginning_counts_from_the_day_it_was_recorded():
    assert state(term(None, JUNE), now=NOW - timedelta(days=1)) is Validity.PENDING
    assert state(term(None, JUNE), now=NOW) is Validity.ACTIVE


def test_a_past_term_without_a_beginning_counts_on_its_last_day():
    past = term(None, date(2020, 6, 30))
    assert past.first_day == date(2020, 6, 30)
    assert state(past) is Validity.EXPIRED


def test_validity_turns_at_the_ends_of_days_in_the_terms_zone():
    chicago = term(date(2026, 1, 1), JUNE, zone="America/Chicago")
    expires = datetime(2026, 7, 1, 5, tzinfo=UTC)
    moment = timedelta(microseconds=1)
    assert state(chicago, now=datetime(2026, 1, 1, 6, tzinfo=UTC) - moment) is Validity.PENDING
    assert state(chicago, now=datetime(2026, 1, 1, 6, tzinfo=UTC)) is Validity.ACTIVE
    assert state(chicago, now=datetime(2026, 5, 31, 5, tzinfo=UTC) - moment) is Validity.ACTIVE
    assert state(chicago, now=datetime(2026, 5, 31, 5, tzinfo=UTC)) is Validity.EXPIRING
    assert state(chicago, now=expires - moment) is Validity.EXPIRING
    assert state(chicago, now=expires) is Validity.EXPIRED


def test_a_term_shorter_than_the_ladder_is_expiring_from_the_first_step_that_is_left():
    [run] = runs_of([term(date(2026, 6, 10), JUNE)], (90, 60, 20, 18, 17, 7, 0, -7))
    assert run.expiring_at == starts_at(JUNE - timedelta(days=17), "UTC")
    [short] = runs_of([term(date(2026, 6, 20), JUNE)], (90, 30, 0))
    assert short.expiring_at is None
    # Where the start is unknown, the term may have begun long before.
    recorded = datetime(2026, 6, 20, tzinfo=UTC)
    [unknown] = runs_of([term(None, JUNE, recorded_at=recorded)], (90, 30, 0))
    assert unknown.expiring_at == unknown.starts_at


def test_an_early_renewal_counts_its_steps_from_the_start_of_the_new_term():
    two = [term(date(2025, 7, 1), JUNE), term(date(2026, 7, 1), date(2027, 6, 30), number=2)]
    [run] = runs_of(two, (400, 364, 330, 90, 0))
    assert run.expiring_at == starts_at(date(2027, 4, 1), "UTC")


@given(
    st.none() | st.dates(date(2026, 1, 1), date(2027, 1, 1)),
    st.integers(0, 400),
    st.lists(st.integers(-40, 420)),
)
def test_steps_that_are_told_lie_in_the_last_nine_tenths_of_the_term(start, days, ladder):
    end = (start or date(2026, 6, 1)) + timedelta(days=days)
    told = steps_told(ladder, start, end)
    expected = {
        step
        for step in ladder
        if step <= 0 or not in_first_tenth(term(start, end), end - timedelta(days=step))
    }
    assert told == tuple(sorted(expected, reverse=True))


def test_flags_override_terms_and_final_flags_override_suspension():
    good, suspended = term(date(2026, 1, 1), None), flag(FlagKind.SUSPENDED, NOW)
    revoked = flag(FlagKind.REVOKED, NOW, number=2)
    assert state(good, flags=(suspended,)) is Validity.SUSPENDED
    assert state(good, flags=(suspended,), now=NOW - timedelta(seconds=1)) is Validity.ACTIVE
    assert state(good, flags=(suspended, flag(FlagKind.SURRENDERED, NOW))) is Validity.SURRENDERED
    assert state(good, flags=(flag(FlagKind.SURRENDERED, NOW), revoked)) is Validity.REVOKED


def test_a_suspension_ends_with_its_interval():
    ends = NOW + timedelta(days=1)
    suspended = (flag(FlagKind.SUSPENDED, NOW, ends),)
    assert state(term(date(2026, 1, 1), None), flags=suspended, now=ends) is Validity.ACTIVE


def test_days_left_count_civil_days_in_the_zone():
    tokyo = credential(term(date(2026, 1, 1), date(2026, 3, 2), zone="Asia/Tokyo"))
    assert days_left(tokyo, datetime(2026, 3, 1, 14, tzinfo=UTC)) == 1
    assert days_left(tokyo, datetime(2026, 3, 1, 15, tzinfo=UTC)) == 0
    assert days_left(tokyo, datetime(2026, 3, 3, 15, tzinfo=UTC)) == -2


HORIZON = date(2031, 1, 1)
"""Whoever is valid on this day is valid for ever."""


def days_covered(made: list[Term]) -> set[date]:
    return {
        each.first_day + timedelta(days=day)
        for each in made
        for day in range(((each.expires_on or HORIZON) - each.first_day).days + 1)
    }


def in_first_tenth(made: Term, day: date) -> bool:
    """Return whether less than a tenth of a term's days are over when the day begins, or none yet."""
    if made.valid_from is None or made.expires_on is None:
        return False
    days = [made.valid_from + timedelta(days=n) for n in range((made.expires_on - made.valid_from).days + 1)]
    over = sum(each < day for each in days)
    return over / len(days) < 0.1 if day >= days[0] else True


def by_hand(
    made: tuple[Term, ...], ladder: tuple[int, ...], flags: tuple[Flag, ...], now: datetime
) -> Validity:
    """Validity straight from the words of the definition, day by day, for terms of one zone."""
    for kind in (FlagKind.REVOKED, FlagKind.SURRENDERED, FlagKind.SUSPENDED):
        if any(
            f.kind is kind and f.effective_from <= now and (f.until is None or now < f.until) for f in flags
        ):
            return Validity(kind.value)
    last = max(made, key=lambda t: (t.first_day, t.expires_on or date.max, t.recorded_at, t.id))
    if last.expiry is Expiry.UNKNOWN:
        return Validity.INCOMPLETE
    known = [t for t in made if t.expiry is not Expiry.UNKNOWN]
    zone = known[0].time_zone
    covered = days_covered(known)
    begun = [day for day in covered if starts_at(day, zone) <= now]
    if not begun:
        return Validity.PENDING
    end = max(begun)
    while end + timedelta(days=1) in covered:
        end += timedelta(days=1)
    if end >= HORIZON:
        return Validity.ACTIVE
    if starts_at(end + timedelta(days=1), zone) <= now:
        return Validity.EXPIRED
    ending = min((t for t in known if t.expires_on == end), key=lambda t: (t.first_day, t.recorded_at, t.id))
    for step in ladder:
        day = end - timedelta(days=step)
        if step > 0 and starts_at(day, zone) <= now and not in_first_tenth(ending, day):
            return Validity.EXPIRING
    return Validity.ACTIVE


@given(terms(), LADDERS, flag_sets(), INSTANTS)
def test_validity_matches_a_day_by_day_model(made, ladder, flags, now):
    zone = made[0].time_zone
    one_zone = tuple(
        term(t.valid_from, t.expires_on, number=i, expiry=t.expiry, zone=zone, recorded_at=t.recorded_at)
        for i, t in enumerate(made)
    )
    assert validity(runs_of(one_zone, ladder), flags, now) is by_hand(one_zone, ladder, flags, now)


@given(terms(), LADDERS)
def test_runs_are_in_order_and_apart(made, ladder):
    runs = runs_of(made, ladder)
    for one, following in pairwise(runs):
        assert one.expires_on is not None
        assert one.starts_at < following.starts_at
    for run in runs:
        assert run.expiring_at is None or run.starts_at <= run.expiring_at
        assert (run.expires_at is None) == (run.expires_on is None)


@given(st.permutations(list(range(4))), LADDERS, st.lists(terms(), min_size=1, max_size=1))
def test_runs_do_not_depend_on_the_order_of_terms(order, ladder, drawn):
    [made] = drawn
    shuffled = [made[i] for i in order if i < len(made)] + list(made[4:])
    assert runs_of(shuffled, ladder) == runs_of(made, ladder)


def test_the_current_run_is_the_one_that_contains_now_else_the_last_past_else_the_next():
    def run(start: date, end: date) -> Run:
        return runs_of([term(start, end)], ())[0]

    first, second = run(date(2026, 1, 1), date(2026, 1, 31)), run(date(2026, 6, 1), JUNE)
    both = (first, second)
    assert current_run(both, at(date(2025, 1, 1))) is first
    assert current_run(both, at(date(2026, 1, 15))) is first
    assert current_run(both, at(date(2026, 3, 1))) is first
    assert current_run(both, at(date(2026, 6, 1))) is second
    assert current_run((), NOW) is None
