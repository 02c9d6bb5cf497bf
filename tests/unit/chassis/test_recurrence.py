"""Recurrences mean what a clock on the wall shows, whatever the clocks do."""

import time
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from licet_chassis.errors import Invalid
from licet_chassis.recurrence import Recurrence, parse_recurrence
from licet_events.civil import zone

START = date(2026, 1, 1)
QUARTERLY = "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1;BYHOUR=8"


def occurrences(recurrence: Recurrence, after: datetime, count: int) -> list[datetime]:
    found = []
    for _ in range(count):
        following = recurrence.after(after)
        assert following is not None
        found.append(following)
        after = following
    return found


def test_a_quarterly_rule_keeps_its_hour_over_changes_of_the_clocks():
    found = occurrences(Recurrence(QUARTERLY, "Europe/Berlin", START), datetime(2026, 1, 1, 7, tzinfo=UTC), 4)
    assert found == [
        datetime(2026, 4, 1, 6, tzinfo=UTC),
        datetime(2026, 7, 1, 6, tzinfo=UTC),
        datetime(2026, 10, 1, 6, tzinfo=UTC),
        datetime(2027, 1, 1, 7, tzinfo=UTC),
    ]


@pytest.mark.parametrize(
    ("after", "expected"),
    [
        # 02:30 does not exist on 29 March 2026 in Berlin, and exists twice on 25 October.
        (datetime(2026, 3, 29, 0, tzinfo=UTC), datetime(2026, 3, 29, 1, 30, tzinfo=UTC)),
        (datetime(2026, 3, 29, 1, 30, tzinfo=UTC), datetime(2026, 3, 30, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, tzinfo=UTC), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),
        (datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 26, 1, 30, tzinfo=UTC)),
    ],
)
def test_a_time_that_the_clocks_skip_or_repeat_comes_once(after, expected):
    assert Recurrence("FREQ=DAILY;BYHOUR=2;BYMINUTE=30", "Europe/Berlin", START).after(after) == expected


@given(
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia"]),
    st.datetimes(datetime(2026, 1, 2), datetime(2035, 1, 1), timezones=st.just(UTC)),
    st.integers(0, 23),
)
@settings(deadline=None)
def test_the_next_occurrence_is_later_and_at_its_hour(time_zone, after, hour):
    following = Recurrence(f"FREQ=DAILY;BYHOUR={hour}", time_zone, START).after(after)
    assert following is not None
    assert after < following <= after + timedelta(hours=50)
    assert following.astimezone(zone(time_zone)).hour in {hour, (hour + 1) % 24}


def test_an_interval_counts_from_the_first_day():
    recurrence = Recurrence("FREQ=WEEKLY;INTERVAL=2", "UTC", date(2026, 1, 1))
    assert occurrences(recurrence, datetime(2026, 1, 1, 1, tzinfo=UTC), 2) == [
        datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 1, 29, tzinfo=UTC),
    ]  # fmt: skip


def test_a_rule_that_has_ended_occurs_no_more():
    recurrence = parse_recurrence("RRULE:FREQ=DAILY;UNTIL=20260105T000000", "UTC", START)
    assert recurrence.after(datetime(2026, 1, 4, 12, tzinfo=UTC)) == datetime(2026, 1, 5, tzinfo=UTC)
    assert recurrence.after(datetime(2026, 1, 5, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    "rule",
    [
        "FREQ=QUARTERLY",
        "FREQ=SECONDLY",
        "FREQ=DAILY;COUNT=3",
        "FREQ=DAILY;FREQ2=X",
        "every day",
        "",
        "FREQ=DAILY;INTERVAL=0",
        "FREQ=DAILY;INTERVAL=-1",
        "FREQ=WEEKLY;BYDAY=XX",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31",
        "FREQ=YEARLY;BYMONTH=13",
        "FREQ=DAILY;UNTIL=20200101T000000",
        "FREQ=DAILY;UNTIL=20300101T000000Z",
        "FREQ=DAILY\nFREQ=DAILY",
    ],
)
def test_a_rule_that_is_malformed_or_never_fires_is_refused_at_once(rule):
    begun = time.perf_counter()
    with pytest.raises(Invalid) as refused:
        parse_recurrence(rule, "UTC", START)
    assert refused.value.pointer == "/rule"
    assert time.perf_counter() - begun < 2


def test_an_unknown_zone_is_refused():
    with pytest.raises(Invalid) as refused:
        parse_recurrence(QUARTERLY, "Mars/Olympus", START)
    assert refused.value.pointer == "/time_zone"
