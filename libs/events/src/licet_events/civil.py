"""Civil dates and their instants: when a day begins and ends somewhere.

A credential is valid through the whole printed day in its own zone. Zones change their offsets, so
the end of a day is not always the first midnight after it: where clocks go back over midnight the
local date falls back too, and the day has ended only when its date cannot come again.
"""

from calendar import monthrange
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DAY = timedelta(days=1)


class UnknownZone(ValueError):
    """The name is not an IANA time zone."""


def zone(name: str) -> ZoneInfo:
    """Return the IANA zone of that name; raises `UnknownZone`."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise UnknownZone(f"{name!r} is not an IANA time zone, such as Europe/Berlin or UTC") from error


def local_date(instant: datetime, zone_name: str) -> date:
    """Return the civil date that a calendar on the wall shows at `instant` in the zone."""
    return instant.astimezone(zone(zone_name)).date()


def expires_at(day: date, zone_name: str) -> datetime:
    """Return the UTC instant from which no local date in the zone is on or before `day`.

    Total for every zone and every day from 0001-01-02 to 9999-12-30: a midnight that does not exist
    gives the first instant after the gap, one that exists twice gives the later, and a day that the
    zone left out (Samoa, 2011-12-30) ends when the day before it does.
    """
    where = zone(zone_name)
    midnight = datetime.combine(day + _DAY, time(), UTC)
    # Offsets lie within a day of UTC, so the last change from "on or before" to "after" does too.
    low, high = midnight - _DAY, midnight + _DAY
    return _last_crossing(low, high, where, day)


def _last_crossing(low: datetime, high: datetime, where: ZoneInfo, day: date) -> datetime:
    """Find the earliest instant t in (low, high] with local date > day everywhere in [t, high]."""
    # Between two changes of offset local time runs straight, so it is enough to look at the
    # midnights that each offset in use would give, and at the changes themselves.
    candidates = {high}
    probe = low
    step = timedelta(minutes=15)
    previous = probe.astimezone(where).utcoffset() or timedelta()
    offsets = {previous}
    while probe < high:
        following = probe + step
        offset = following.astimezone(where).utcoffset() or timedelta()
        if offset != previous:
            candidates.add(_change(probe, following, where))
            offsets.add(offset)
            previous = offset
        probe = following
    wall = datetime.combine(day + _DAY, time(), UTC)
    candidates |= {wall - offset for offset in offsets}
    inside = sorted(c for c in candidates if low < c <= high)
    result = high
    for candidate in reversed(inside):
        just_before = candidate - timedelta(microseconds=1)
        if candidate.astimezone(where).date() <= day:
            break
        result = candidate
        if just_before.astimezone(where).date() <= day:
            break
    return result


def _change(before: datetime, after: datetime, where: ZoneInfo) -> datetime:
    """Return the instant, to the second, at which the zone's offset changes between the two."""
    old = before.astimezone(where).utcoffset()
    low, high = before, after
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=int((high - low).total_seconds()) // 2)
        if middle.astimezone(where).utcoffset() == old:
            low = middle
        else:
            high = middle
    return high


def starts_at(day: date, zone_name: str) -> datetime:
    """Return the UTC instant at which `day` begins in the zone: the end of the day before."""
    return expires_at(day - _DAY, zone_name)


def add_months(day: date, months: int) -> date:
    """Return the day `months` later; one that the month does not have falls to its last day."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
