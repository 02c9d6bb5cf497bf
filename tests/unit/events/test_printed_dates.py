"""The instant of a printed expiry date, by each rule, in every zone."""

from datetime import UTC, date, datetime, time, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from licet_events.civil import (
    END_OF_DAY,
    Ending,
    ExpiresAtRule,
    ends_at,
    expires_at,
    starts_at,
    zone,
    zone_names,
)

START_OF_DAY = Ending(ExpiresAtRule.START_OF_DAY)
INSURANCE = Ending(ExpiresAtRule.AT_TIME, "00:01")
MINUTE = timedelta(minutes=1)


@pytest.mark.parametrize(
    ("printed", "where", "ending", "end"),
    [
        ("2027-03-01", "America/Chicago", INSURANCE, "2027-03-01T06:01Z"),
        ("2027-03-01", "America/Chicago", END_OF_DAY, "2027-03-02T06:00Z"),
        ("2027-03-01", "America/Chicago", START_OF_DAY, "2027-03-01T06:00Z"),
        ("2027-07-01", "America/Chicago", INSURANCE, "2027-07-01T05:01Z"),
        ("2027-03-01", "Europe/Berlin", Ending(ExpiresAtRule.AT_TIME, "12:00"), "2027-03-01T11:00Z"),
        # A time that clocks skip is the end of the gap; one that comes twice counts at first.
        ("2027-03-28", "Europe/Berlin", Ending(ExpiresAtRule.AT_TIME, "02:30"), "2027-03-28T01:00Z"),
        ("2027-10-31", "Europe/Berlin", Ending(ExpiresAtRule.AT_TIME, "02:30"), "2027-10-31T00:30Z"),
        # Midnight is skipped: the day begins at 01:00, and one past midnight has passed by then.
        ("2018-11-04", "America/Sao_Paulo", INSURANCE, "2018-11-04T03:00Z"),
        # Clocks went back from 00:01 to 23:01: the day before came again, so the first 00:01 was not the end.
        ("2010-11-07", "America/St_Johns", INSURANCE, "2010-11-07T03:31Z"),
        # Samoa left the day out.
        ("2011-12-30", "Pacific/Apia", INSURANCE, "2011-12-30T10:00Z"),
    ],
)
def test_a_printed_date_ends_as_its_rule_says(printed: str, where: str, ending: Ending, end: str):
    assert ends_at(date.fromisoformat(printed), where, ending) == datetime.fromisoformat(end)


@given(
    st.dates(date(1970, 1, 1), date(2100, 12, 31)),
    st.sampled_from(sorted(zone_names())),
    st.times().map(lambda at: f"{at:%H:%M}"),
)
@settings(max_examples=300, deadline=None)
@example(date(2010, 11, 7), "America/St_Johns", "00:01")
@example(date(2018, 11, 4), "America/Sao_Paulo", "00:30")
@example(date(2011, 12, 30), "Pacific/Apia", "00:01")
def test_a_time_of_the_day_ends_within_it_and_not_before_clocks_show_it(day: date, where: str, at: str):
    end = ends_at(day, where, Ending(ExpiresAtRule.AT_TIME, at))
    starts, ends = starts_at(day, where), expires_at(day, where)
    assert starts <= end <= ends
    shown = time.fromisoformat(at)
    moment = starts
    while moment < end:  # nothing of the algorithm: the clock on the wall, minute by minute
        local = moment.astimezone(zone(where))
        assert (local.date(), local.time()) < (day, shown)
        moment += 7 * MINUTE
    if end < ends:
        local = end.astimezone(zone(where))
        assert (local.date(), local.time()) >= (day, shown)


@given(st.dates(date(1900, 1, 2), date(9000, 12, 30)), st.sampled_from([END_OF_DAY, START_OF_DAY, INSURANCE]))
def test_the_last_whole_day_and_the_printed_date_follow_from_each_other(day: date, ending: Ending):
    assert ending.printed(ending.last_day(day)) == day
    assert ends_at(day, "UTC", ending) >= datetime.combine(ending.last_day(day), time(), UTC) + timedelta(1)
