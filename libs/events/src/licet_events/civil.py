"""Civil dates and their instants: when a day begins and ends somewhere.

A credential is valid through the whole printed day in its own zone, unless its type reads the date otherwise
(`ends_at`). Zones change their offsets, so the end of a day is not always the first midnight after it: where
clocks go back over midnight the local date falls back too, and the day has ended only when its date cannot
come again.

These rules are part of the contract: whoever reads `expires_on` with `time_zone` in another system needs
the same answer, also where clocks go back over midnight.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo, available_timezones

_DAY = timedelta(days=1)
_SECOND = timedelta(seconds=1)
_MIDNIGHT = time()


class UnknownZone(ValueError):
    """The name is not an IANA time zone."""


class DateOutOfRange(ValueError):
    """The date, or one that follows from it, lies outside the years 1 to 9999."""


@lru_cache(maxsize=1)
def zone_names() -> frozenset[str]:
    """Return the names of all IANA zones that this machine knows."""
    # Neither of the two names a place: one is what the machine is set to, the other a placeholder.
    return frozenset(available_timezones()) - {"localtime", "Factory"}


def zone(name: str) -> ZoneInfo:
    """Return the IANA zone of that name; raises `UnknownZone`."""
    return _zone(name)


@lru_cache(maxsize=1024)
def _zone(name: str) -> ZoneInfo:
    if name not in zone_names():
        raise UnknownZone(f"{name!r} is not an IANA time zone, such as Europe/Berlin or UTC")
    return ZoneInfo(name)


def local_date(instant: datetime, zone_name: str) -> date:
    """Return the civil date that a calendar on the wall shows at `instant` in the zone."""
    return instant.astimezone(zone(zone_name)).date()


def expires_at(day: date, zone_name: str) -> datetime:
    """Return the UTC instant from which no local date in the zone is on or before `day`.

    A midnight that does not exist gives the first instant after the gap. One that exists twice
    gives the later, if part of `day` comes again before it, else the earlier. A day that the zone
    left out (Samoa, 2011-12-30) ends when the day before it does. Raises `UnknownZone`, and
    `DateOutOfRange` for 9999-12-31, which has no day after it. Repeated questions are answered from memory.
    """
    return _end_of_day(day, zone_name)


# Apart from its public name because a cached function is not type-checked where it is called.
@lru_cache(maxsize=16_384)
def _end_of_day(day: date, zone_name: str) -> datetime:
    where = zone(zone_name)
    try:
        midnight = datetime.combine(day + _DAY, _MIDNIGHT, where)
    except OverflowError:
        raise DateOutOfRange(f"the day after {day} is not a date") from None
    # With fold=0 the offset before a change of the clocks is used, with fold=1 the one after it
    # (PEP 495), so the two differ exactly where midnight exists twice or not at all.
    before = midnight.astimezone(UTC)
    after = midnight.replace(fold=1).astimezone(UTC)
    if before == after:
        return before
    if before < after:
        comes_again = (after - _SECOND).astimezone(where).date() <= day
        return after if comes_again else before
    return _end_of_gap(midnight.replace(tzinfo=None), after, before, where)


def _end_of_gap(skipped: datetime, low: datetime, high: datetime, where: ZoneInfo) -> datetime:
    """Return the first instant in (`low`, `high`] at which clocks are past the local time `skipped`."""
    while high - low > _SECOND:  # on whole seconds, as all changes are
        middle = low + (high - low) // (2 * _SECOND) * _SECOND
        if middle.astimezone(where).replace(tzinfo=None) < skipped:
            low = middle
        else:
            high = middle
    return high


def starts_at(day: date, zone_name: str) -> datetime:
    """Return the UTC instant at which `day` begins in the zone: the end of the day before.

    Raises `UnknownZone`, and `DateOutOfRange` for 0001-01-01, which has no day before it.
    """
    try:
        before = day - _DAY
    except OverflowError:
        raise DateOutOfRange(f"the day before {day} is not a date") from None
    return expires_at(before, zone_name)


class ExpiresAtRule(StrEnum):
    """How a printed expiry date is meant."""

    END_OF_DAY = "end_of_day"
    """The printed day is the last valid one."""
    START_OF_DAY = "start_of_day"
    """The printed day is no longer valid."""
    AT_TIME = "at_time"
    """Valid until a time of the printed day, as insurance is."""


class Ending(NamedTuple):
    """The instant of a printed expiry date: the rule, and the local time for `at_time`."""

    rule: ExpiresAtRule = ExpiresAtRule.END_OF_DAY
    """How the printed date is meant."""
    time: str | None = None
    """HH:MM."""

    def last_day(self, printed: date) -> date:
        """Return the last day that is valid as a whole; reminders and days left count to it.

        Raises `DateOutOfRange`.
        """
        return printed if self.rule is ExpiresAtRule.END_OF_DAY else _day_after(printed, -1)

    def printed(self, last_day: date) -> date:
        """Return the date that a document with this last whole day prints; the inverse of `last_day`."""
        return last_day if self.rule is ExpiresAtRule.END_OF_DAY else _day_after(last_day, 1)


END_OF_DAY = Ending()


def ends_at(printed: date, zone_name: str, ending: Ending) -> datetime:
    """Return the UTC instant from which a document is no longer valid that prints this expiry date.

    With `at_time` it is the first instant of the day at which clocks in the zone show the time; a time that
    they skip gives the end of the gap. Raises `UnknownZone` and `DateOutOfRange`.
    """
    if ending.rule is ExpiresAtRule.END_OF_DAY:
        return _end_of_day(printed, zone_name)
    if ending.rule is ExpiresAtRule.START_OF_DAY or ending.time is None:
        return starts_at(printed, zone_name)
    return _at_time(printed, zone_name, ending.time)


@lru_cache(maxsize=4_096)
def _at_time(day: date, zone_name: str, shown: str) -> datetime:
    where = zone(zone_name)
    starts, ends = starts_at(day, zone_name), _end_of_day(day, zone_name)
    local = datetime.combine(day, time.fromisoformat(shown), where)
    before, after = local.astimezone(UTC), local.replace(fold=1).astimezone(UTC)
    if before > after:
        before = after = _end_of_gap(local.replace(tzinfo=None), after, before, where)
    # A time that comes twice counts at first, unless that lies before the day begins for good. A day that the
    # zone left out has no time at all.
    return min(before if before >= starts else max(after, starts), ends)


def _day_after(day: date, days: int) -> date:
    try:
        return day + days * _DAY
    except OverflowError:
        raise DateOutOfRange(f"{days} days from {day} is not a date") from None


def end_of_month(day: date) -> date:
    """Return the last day of the month in which `day` lies."""
    return day.replace(day=monthrange(day.year, day.month)[1])


def add_months(day: date, months: int) -> date:
    """Return the day `months` later; one that the month does not have falls to its last day.

    `months` may be negative. Raises `DateOutOfRange`.
    """
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    if not date.min.year <= year <= date.max.year:
        raise DateOutOfRange(f"{months} months from {day} is not a date")
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
