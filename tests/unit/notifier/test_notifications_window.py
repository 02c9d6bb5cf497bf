from datetime import UTC, datetime, time, timedelta

from hypothesis import example, given
from hypothesis import strategies as st

from licet_events.civil import zone, zone_names
from licet_notifier.notifications.retry import RetryPolicy
from licet_notifier.notifications.window import is_open, next_opening

ZONES = sorted(zone_names())
INSTANTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


@given(st.sampled_from(ZONES), INSTANTS)
@example("Pacific/Apia", datetime(2011, 12, 30, 9, tzinfo=UTC))
@example("Pacific/Kwajalein", datetime(1993, 8, 21, 3, tzinfo=UTC))
@example("Europe/Berlin", datetime(2027, 3, 28, 0, tzinfo=UTC))
def test_a_mail_leaves_by_day_not_too_early_and_at_the_first_chance(name, earliest):
    opening = next_opening(earliest, name)

    assert opening >= earliest
    assert time(8) <= opening.astimezone(zone(name)).time() < time(18)
    assert next_opening(opening, name) == opening
    probe = earliest
    while probe < opening - timedelta(minutes=20):
        assert not is_open(probe, name)
        probe += timedelta(minutes=20)


@given(st.sampled_from(ZONES), INSTANTS)
def test_a_mail_waits_at_most_a_night_plus_a_clock_change(name, earliest):
    # Fourteen hours of night, and up to a day that a zone left out at the date line.
    assert next_opening(earliest, name) - earliest <= timedelta(hours=14 + 25)


def test_the_window_is_closed_at_six_in_the_evening_and_open_at_eight():
    assert not is_open(datetime(2027, 1, 1, 18, tzinfo=UTC), "UTC")
    assert is_open(datetime(2027, 1, 1, 8, tzinfo=UTC), "UTC")
    assert next_opening(datetime(2027, 1, 1, 18, tzinfo=UTC), "UTC") == datetime(2027, 1, 2, 8, tzinfo=UTC)


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
