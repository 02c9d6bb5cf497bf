from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from licet_events.civil import zone, zone_names
from licet_notifier.notifications.retry import RetryPolicy
from licet_notifier.restraint.calendar import Calendar, Place
from licet_notifier.restraint.holidays import is_holiday
from licet_notifier.restraint.model import QuietHours, Rules, Weekday

ZONES = sorted(zone_names())
CALENDAR = Calendar()
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(st.sampled_from(ZONES), INSTANTS)
@example("Pacific/Apia", datetime(2011, 12, 30, 9, tzinfo=UTC))
@example("Pacific/Kwajalein", datetime(1993, 8, 21, 3, tzinfo=UTC))
@example("Europe/Berlin", datetime(2027, 3, 28, 0, tzinfo=UTC))
def test_a_mail_leaves_by_day_not_too_early_and_at_the_first_chance(name, earliest):
    opening = CALENDAR.opening(earliest, Place(name))

    assert opening >= earliest
    assert time(8) <= opening.astimezone(zone(name)).time() < time(18)
    assert CALENDAR.opening(opening, Place(name)) == opening
    probe = earliest
    while probe < opening - timedelta(minutes=20):
        assert not CALENDAR.is_open(probe, Place(name))
        probe += timedelta(minutes=20)


@given(st.sampled_from(ZONES), INSTANTS)
def test_a_mail_waits_at_most_a_night_plus_a_clock_change(name, earliest):
    # Fourteen hours of night, and up to a day that a zone left out at the date line.
    assert CALENDAR.opening(earliest, Place(name)) - earliest <= timedelta(hours=14 + 25)


def test_the_window_is_closed_at_six_in_the_evening_and_open_at_eight():
    utc, evening = Place("UTC"), datetime(2027, 1, 1, 18, tzinfo=UTC)
    assert not CALENDAR.is_open(evening, utc)
    assert CALENDAR.is_open(datetime(2027, 1, 1, 8, tzinfo=UTC), utc)
    assert CALENDAR.opening(evening, utc) == datetime(2027, 1, 2, 8, tzinfo=UTC)


def new_year(country: str, _subdivision: str | None, day: date) -> bool:
    return country == "DE" and (day.month, day.day) == (1, 1)


@pytest.mark.parametrize(
    ("rules", "place", "earliest", "opening"),
    [
        # 1 January 2027 is a Friday.
        (Rules(), Place("UTC", "DE"), datetime(2027, 1, 1, 9), datetime(2027, 1, 1, 9)),
        (Rules(holidays=True), Place("UTC", "DE"), datetime(2027, 1, 1, 9), datetime(2027, 1, 2, 8)),
        (Rules(holidays=True), Place("UTC", "US"), datetime(2027, 1, 1, 9), datetime(2027, 1, 1, 9)),
        (Rules(holidays=True), Place("UTC"), datetime(2027, 1, 1, 9), datetime(2027, 1, 1, 9)),
        (
            Rules(holidays=True, rest_days=frozenset({Weekday.SATURDAY, Weekday.SUNDAY})),
            Place("UTC", "DE"),
            datetime(2026, 12, 31, 20),
            datetime(2027, 1, 4, 8),
        ),
        (
            Rules(quiet_hours=None, rest_days=frozenset({Weekday.FRIDAY})),
            Place("UTC"),
            datetime(2027, 1, 1, 9),
            datetime(2027, 1, 2),
        ),
        (
            Rules(quiet_hours=QuietHours(time(12), time(14))),
            Place("UTC"),
            datetime(2027, 1, 1, 13),
            datetime(2027, 1, 1, 14),
        ),
        (
            Rules(rest_days=frozenset({Weekday.FRIDAY})),
            Place("Asia/Tokyo"),
            datetime(2026, 12, 31, 16),
            datetime(2027, 1, 1, 23),
        ),
    ],
)
def test_mails_rest_in_quiet_hours_and_on_days_of_rest_where_the_recipient_is(
    rules, place, earliest, opening
):
    calendar = Calendar(rules, new_year)
    found = calendar.opening(earliest.replace(tzinfo=UTC), place)
    assert found == opening.replace(tzinfo=UTC)
    assert calendar.is_open(found, place)


def test_rules_that_leave_no_day_swallow_no_mail():
    earliest = datetime(2027, 1, 1, 9, tzinfo=UTC)
    opening = Calendar(Rules(rest_days=frozenset(Weekday))).opening(earliest, Place("UTC"))
    assert earliest < opening < earliest + timedelta(days=62)


def test_holidays_are_those_of_the_subdivision():
    corpus_christi = date(2027, 5, 27)
    assert is_holiday("DE", "DE-BY", corpus_christi)
    assert not is_holiday("DE", "DE-BE", corpus_christi)
    assert not is_holiday("DE", "DE-XX", corpus_christi)
    assert is_holiday("DE", "DE-XX", date(2027, 10, 3))
    assert not is_holiday("XX", None, date(2027, 1, 1))


NOW = datetime(2027, 1, 1, tzinfo=UTC)


@given(
    st.builds(
        RetryPolicy,
        first=st.timedeltas(timedelta(milliseconds=1), timedelta(minutes=10)),
        longest=st.timedeltas(timedelta(seconds=1), timedelta(days=2)),
        attempts=st.integers(1, 1000),
        unknown=st.integers(1, 5),
    ),
    st.integers(1, 2000),
)
def test_retries_end_and_back_off_up_to_a_bound(policy, attempts):
    following = policy.next_try(NOW, attempts)
    assert (following is None) == (attempts >= policy.attempts)
    if following is not None:
        assert NOW < following <= NOW + policy.longest
        after = policy.next_try(NOW, attempts + 1)
        assert after is None or after >= following


def test_an_unknown_outcome_is_retried_a_bounded_number_of_times():
    policy = RetryPolicy(unknown=2)
    assert policy.next_try_of_unknown(NOW, 1, 1) == policy.next_try(NOW, 1)
    assert policy.next_try_of_unknown(NOW, 2, 2) is None
    assert RetryPolicy(attempts=1).next_try_of_unknown(NOW, 1, 1) is None


def test_no_mail_is_lost_while_a_server_is_down_for_a_day():
    policy, at, attempts = RetryPolicy(), NOW, 1
    while (following := policy.next_try(at, attempts)) is not None:
        at, attempts = following, attempts + 1
    assert at - NOW >= timedelta(hours=23)
