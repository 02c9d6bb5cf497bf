"""The last day of a term by period, month end, anchor and age."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from licet_chassis.errors import Invalid
from licet_credentials.credentials.ends import (
    age_on,
    counted_from,
    next_birth_anchor,
    next_fixed_date,
    validity_for,
    whole_period_from,
)
from licet_credentials.credentials.terms import Term
from licet_events.catalogue import AgeBand, BirthAnchor, BirthDay, FixedDate, MonthEnd, Period, YearCycle
from licet_events.civil import add_months
from unit.credentials.histories import rules, term

DAYS = st.dates(date(2000, 1, 1), date(2100, 1, 1))


@pytest.mark.parametrize(
    ("began", "ended", "months", "kept", "clamped"),
    [
        (date(2025, 9, 1), date(2026, 8, 31), 6, date(2027, 2, 28), date(2027, 2, 28)),
        (date(2026, 9, 1), date(2027, 2, 28), 6, date(2027, 8, 31), date(2027, 8, 28)),
        (date(2026, 8, 31), date(2027, 2, 28), 6, date(2027, 8, 31), date(2027, 8, 28)),
        (date(2024, 2, 29), date(2026, 2, 28), 24, date(2028, 2, 29), date(2028, 2, 28)),
        (date(2024, 3, 1), date(2026, 2, 28), 24, date(2028, 2, 29), date(2028, 2, 28)),
        # The term before shows that the 28th was meant, or shows nothing.
        (date(2024, 2, 28), date(2026, 2, 28), 24, date(2028, 2, 28), date(2028, 2, 28)),
        (None, date(2026, 2, 28), 24, date(2028, 2, 28), date(2028, 2, 28)),
        (None, date(2026, 4, 30), 1, date(2026, 5, 31), date(2026, 5, 30)),
        (date(2025, 5, 1), date(2026, 4, 29), 1, date(2026, 5, 29), date(2026, 5, 29)),
    ],
)
def test_months_from_a_months_end_keep_to_months_ends_if_the_type_says_so(
    began: date | None, ended: date, months: int, kept: date, clamped: date
):
    before, period = term(began, ended), Period(months=months)
    assert counted_from(ended, period, month_end=MonthEnd.KEEP, before=before) == kept
    assert counted_from(ended, period, before=before) == clamped


@given(DAYS, st.integers(1, 60))
def test_month_ends_never_move_a_date_out_of_its_month(day: date, months: int):
    kept = counted_from(day, Period(months=months), month_end=MonthEnd.KEEP)
    clamped = add_months(day, months)
    assert (kept.year, kept.month) == (clamped.year, clamped.month)
    assert kept >= clamped


@pytest.mark.parametrize(
    ("first", "period", "last"),
    [
        (date(2026, 11, 29), Period(months=36), date(2029, 11, 28)),
        (date(2027, 3, 1), Period(months=12), date(2028, 2, 29)),
        (date(2026, 8, 31), Period(months=6), date(2027, 2, 28)),
        (date(2026, 1, 1), Period(days=30), date(2026, 1, 30)),
    ],
)
def test_a_whole_period_ends_the_day_before_it_would_begin_again(first: date, period: Period, last: date):
    assert whole_period_from(first, period) == last


@given(DAYS, st.integers(1, 60))
def test_whole_periods_follow_one_another_without_gap_and_overlap(first: date, months: int):
    last = whole_period_from(first, Period(months=months))
    assert add_months(first, months) - last <= timedelta(days=1)
    assert last > first


@pytest.mark.parametrize(
    ("fixed", "after", "found"),
    [
        (FixedDate(month=10, day=31, years=YearCycle.ODD), date(2028, 11, 15), date(2029, 10, 31)),
        (FixedDate(month=10, day=31, years=YearCycle.ODD), date(2029, 10, 31), date(2031, 10, 31)),
        (FixedDate(month=10, day=31, years=YearCycle.EVEN), date(2028, 11, 15), date(2030, 10, 31)),
        (FixedDate(month=10, day=31, years=YearCycle.EVEN), date(2028, 10, 30), date(2028, 10, 31)),
        (FixedDate(month=2, day=31, years=YearCycle.EVEN), date(2027, 1, 1), date(2028, 2, 29)),
        (
            FixedDate(month=10, day=31, years=YearCycle.ODD, at_least_months=12),
            date(2028, 11, 15),
            date(2031, 10, 31),
        ),
    ],
)
def test_a_fixed_date_of_every_second_year(fixed: FixedDate, after: date, found: date):
    assert next_fixed_date(fixed, after) == found


@pytest.mark.parametrize(
    ("anchor", "born", "after", "found"),
    [
        (BirthAnchor(at=BirthDay.BIRTHDAY), date(1990, 5, 17), date(2026, 5, 17), date(2027, 5, 17)),
        (BirthAnchor(at=BirthDay.BIRTHDAY), date(1988, 2, 29), date(2026, 3, 1), date(2027, 2, 28)),
        (BirthAnchor(at=BirthDay.BIRTHDAY), date(1988, 2, 29), date(2027, 3, 1), date(2028, 2, 29)),
        (BirthAnchor(at=BirthDay.BIRTH_MONTH), date(1990, 5, 17), date(2026, 5, 17), date(2026, 5, 31)),
        (
            BirthAnchor(at=BirthDay.BIRTH_MONTH, at_least_months=24),
            date(1990, 5, 17),
            date(2026, 5, 31),
            date(2028, 5, 31),
        ),
        (
            BirthAnchor(at=BirthDay.BIRTH_MONTH, years=YearCycle.ODD),
            date(1990, 5, 17),
            date(2026, 11, 29),
            date(2027, 5, 31),
        ),
    ],
)
def test_terms_may_end_in_the_holders_birth_month_or_on_the_birthday(
    anchor: BirthAnchor, born: date, after: date, found: date
):
    assert next_birth_anchor(anchor, born, after) == found


@pytest.mark.parametrize(
    ("day", "age"),
    [
        (date(2026, 5, 16), 35),
        (date(2026, 5, 17), 36),
        (date(2026, 12, 31), 36),
    ],
)
def test_the_age_is_in_whole_years(day: date, age: int):
    assert age_on(day, date(1990, 5, 17)) == age


def test_who_was_born_on_29_february_is_older_from_1_march_in_other_years():
    assert age_on(date(2026, 2, 28), date(1988, 2, 29)) == 37
    assert age_on(date(2026, 3, 1), date(1988, 2, 29)) == 38
    assert age_on(date(2028, 2, 29), date(1988, 2, 29)) == 40


MEDICAL = rules(
    validity=Period(months=60), age_bands=(AgeBand(from_age=40, months=24), AgeBand(from_age=60, months=12))
)


@pytest.mark.parametrize(
    ("examined", "months"),
    [(date(2030, 5, 16), 60), (date(2030, 5, 17), 24), (date(2050, 5, 16), 24), (date(2050, 5, 17), 12)],
)
def test_the_age_on_the_day_of_the_examination_decides_the_validity(examined: date, months: int):
    assert validity_for(MEDICAL, examined, date(1990, 5, 17)).months == months


def test_without_a_date_of_birth_no_age_is_guessed():
    with pytest.raises(Invalid, match="give the holder a birth_date") as refused:
        validity_for(MEDICAL, date(2026, 1, 1), None)
    assert refused.value.pointer == "/expires_on"
    assert validity_for(rules(validity=Period(months=12)), date(2026, 1, 1), None).months == 12


def test_terms_of_unknown_start_decide_nothing_about_february():
    before: Term = term(None, date(2026, 2, 28))
    assert counted_from(date(2026, 2, 28), Period(months=6), month_end=MonthEnd.KEEP, before=before) == date(
        2026, 8, 28
    )
