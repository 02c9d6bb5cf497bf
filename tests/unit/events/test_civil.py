"""Days begin and end where the calendar on the wall says so, in every zone."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from licet_events.civil import (
    DateOutOfRange,
    UnknownZone,
    add_months,
    expires_at,
    local_date,
    starts_at,
    zone,
    zone_names,
)

DAY = timedelta(days=1)
QUARTER = timedelta(minutes=15)
TICK = timedelta(microseconds=1)

ZONES = st.sampled_from(sorted(zone_names()))
DAYS = st.dates(date(1970, 1, 1), date(2100, 12, 31))


def utc(year: int, month: int, day: int, hour: int = 0, minute: int = 0) -> datetime:
    return datetime(year, month, day, hour, minute, tzinfo=UTC)


def assert_first_instant_after(day: date, zone_name: str) -> None:
    """Check the definition itself, quarter hour by quarter hour, with nothing of the algorithm."""
    end = expires_at(day, zone_name)
    where = zone(zone_name)
    assert (end - TICK).astimezone(where).date() <= day, "the day was over before"
    latest = datetime(day.year, day.month, day.day, tzinfo=UTC) + 3 * DAY
    moment = end
    while moment < latest:
        assert moment.astimezone(where).date() > day, f"the day comes again at {moment}"
        moment += QUARTER


@given(DAYS, ZONES)
@settings(max_examples=600, deadline=None)
def test_a_day_ends_when_its_date_cannot_come_again(day: date, zone_name: str):
    assert_first_instant_after(day, zone_name)


@st.composite
def days_near_a_change(draw: st.DrawFn) -> tuple[date, str]:
    """Draw a day within two of one on which the zone's clocks change, if they do in that year."""
    name, year = draw(ZONES), draw(st.integers(1970, 2100))
    where = zone(name)
    noons = [datetime(year, 1, 1, 12, tzinfo=UTC) + number * DAY for number in range(366)]
    offsets = [noon.astimezone(where).utcoffset() for noon in noons]
    changes = [noons[i].date() for i in range(1, 366) if offsets[i] != offsets[i - 1]]
    near = draw(st.sampled_from(changes)) if changes else draw(DAYS)
    return near + draw(st.integers(-2, 2)) * DAY, name


@given(days_near_a_change())
@settings(max_examples=600, deadline=None)
@example((date(2011, 12, 29), "Pacific/Apia"))
@example((date(1993, 8, 20), "Pacific/Kwajalein"))
@example((date(2010, 11, 6), "America/St_Johns"))
def test_a_day_ends_when_its_date_cannot_come_again_also_when_clocks_change(case: tuple[date, str]):
    assert_first_instant_after(*case)


@given(DAYS, ZONES)
@settings(max_examples=200, deadline=None)
def test_days_follow_one_another_without_gap_or_overlap(day: date, zone_name: str):
    assert starts_at(day, zone_name) == expires_at(day - DAY, zone_name)
    assert starts_at(day, zone_name) <= expires_at(day, zone_name)


@pytest.mark.parametrize(
    ("zone_name", "day", "end"),
    [
        pytest.param("UTC", date(2026, 3, 1), utc(2026, 3, 2), id="utc"),
        pytest.param("Asia/Kathmandu", date(2026, 3, 1), utc(2026, 3, 1, 18, 15), id="quarter-hour-offset"),
        pytest.param("America/Havana", date(2024, 3, 9), utc(2024, 3, 10, 5), id="havana-no-midnight"),
        pytest.param("America/Havana", date(2024, 11, 2), utc(2024, 11, 3, 4), id="havana-midnight-twice"),
        pytest.param("Asia/Beirut", date(2024, 3, 30), utc(2024, 3, 30, 22), id="beirut-no-midnight"),
        pytest.param("Asia/Beirut", date(2024, 10, 26), utc(2024, 10, 26, 22), id="beirut-back-to-the-day"),
        pytest.param("America/Sao_Paulo", date(2018, 11, 3), utc(2018, 11, 4, 3), id="sao-paulo-no-midnight"),
        pytest.param(
            "America/Sao_Paulo", date(2018, 2, 17), utc(2018, 2, 18, 3), id="sao-paulo-back-to-the-day"
        ),
        pytest.param("Atlantic/Azores", date(2024, 3, 30), utc(2024, 3, 31, 1), id="azores-no-midnight"),
        pytest.param("Atlantic/Azores", date(2024, 10, 26), utc(2024, 10, 27), id="azores-midnight-twice"),
        pytest.param(
            "America/St_Johns",
            date(2010, 11, 6),
            utc(2010, 11, 7, 3, 30),
            id="st-johns-a-minute-past-midnight",
        ),
        pytest.param(
            "America/Toronto", date(1919, 3, 30), utc(1919, 3, 31, 4, 30), id="toronto-a-gap-around-midnight"
        ),
        pytest.param(
            "Pacific/Apia", date(2011, 12, 29), utc(2011, 12, 30, 10), id="samoa-before-the-lost-day"
        ),
        pytest.param("Pacific/Apia", date(2011, 12, 30), utc(2011, 12, 30, 10), id="samoa-the-lost-day"),
        pytest.param(
            "Pacific/Apia", date(2011, 12, 31), utc(2011, 12, 31, 10), id="samoa-after-the-lost-day"
        ),
        pytest.param("Europe/Berlin", date(2024, 2, 29), utc(2024, 2, 29, 23), id="leap-day"),
        pytest.param("Europe/Berlin", date(2099, 7, 1), utc(2099, 7, 1, 22), id="beyond-the-tables"),
    ],
)
def test_the_end_of_a_named_day(zone_name: str, day: date, end: datetime):
    assert expires_at(day, zone_name) == end
    assert_first_instant_after(day, zone_name)


def test_an_end_is_in_utc():
    assert expires_at(date(2026, 3, 1), "Asia/Tokyo").tzinfo is UTC


def test_the_first_and_last_days_of_the_calendar():
    assert expires_at(date(1, 1, 1), "Etc/GMT-14") == utc(1, 1, 1, 10)
    assert expires_at(date(9999, 12, 30), "Etc/GMT+12") == utc(9999, 12, 31, 12)
    with pytest.raises(DateOutOfRange, match="the day after 9999-12-31"):
        expires_at(date(9999, 12, 31), "UTC")
    with pytest.raises(DateOutOfRange, match="the day before 0001-01-01"):
        starts_at(date(1, 1, 1), "UTC")


def test_the_date_on_the_wall_differs_from_that_of_utc():
    assert local_date(utc(2026, 3, 1, 23, 30), "Asia/Tokyo") == date(2026, 3, 2)
    assert local_date(utc(2026, 3, 1, 3), "America/Lima") == date(2026, 2, 28)


@pytest.mark.parametrize(
    "name",
    ["", "Mars/Olympus", "europe/berlin", "Europe", "../UTC", "localtime", "UTC\0", "+02:00", "x" * 5000],
)
def test_a_name_that_is_no_iana_zone_is_refused(name: str):
    with pytest.raises(UnknownZone):
        expires_at(date(2026, 1, 1), name)


@pytest.mark.parametrize(
    ("day", "months", "later"),
    [
        (date(2026, 1, 31), 1, date(2026, 2, 28)),
        (date(2024, 1, 31), 1, date(2024, 2, 29)),
        (date(2024, 2, 29), 12, date(2025, 2, 28)),
        (date(2024, 2, 29), 48, date(2028, 2, 29)),
        (date(2026, 12, 15), 1, date(2027, 1, 15)),
        (date(2026, 3, 31), -1, date(2026, 2, 28)),
        (date(2026, 5, 31), 0, date(2026, 5, 31)),
    ],
)
def test_months_keep_the_day_or_fall_to_the_last(day: date, months: int, later: date):
    assert add_months(day, months) == later


@given(DAYS, st.integers(-1200, 1200))
def test_months_later_is_in_that_month_and_keeps_the_day_where_it_exists(day: date, months: int):
    later = add_months(day, months)
    assert (later.year - day.year) * 12 + later.month - day.month == months
    assert later.day == day.day or (later.day < day.day and (later + DAY).day == 1)


def test_months_out_of_the_calendar_are_refused():
    with pytest.raises(DateOutOfRange):
        add_months(date(9999, 12, 1), 1)
    with pytest.raises(DateOutOfRange):
        add_months(date(1, 1, 1), -1)
