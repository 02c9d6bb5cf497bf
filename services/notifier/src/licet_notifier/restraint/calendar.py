"""When a mail may leave: outside quiet hours and days of rest, where its recipient is. Pure."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import TypeAlias

from licet_events.civil import starts_at, zone
from licet_notifier.restraint.model import DigestRule, Every, QuietHours, Rules, Weekday

IsHoliday: TypeAlias = Callable[[str, str | None, date], bool]
"""Whether a day is a public holiday in a country (ISO 3166-1), or in a subdivision (ISO 3166-2) of it."""

_LONGEST_REST = 60
"""Days of rest in a row after which a mail leaves all the same: no rule may swallow one."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a recipient is."""

    time_zone: str
    country: str | None = None
    subdivision: str | None = None


def no_holidays(_country: str, _subdivision: str | None, _day: date) -> bool:
    """Tell that no day is a holiday."""
    return False


@dataclass(frozen=True, slots=True)
class Calendar:
    """The rules on when mails may leave, with what is known of holidays."""

    rules: Rules = Rules()
    is_holiday: IsHoliday = no_holidays

    def is_open(self, now: datetime, place: Place) -> bool:
        """Tell whether a mail may leave at `now`."""
        local = now.astimezone(zone(place.time_zone))
        quiet = self.rules.quiet_hours
        return not self.rests_on(local.date(), place) and not (quiet and quiet.cover(local.time()))

    def rests_on(self, day: date, place: Place) -> bool:
        """Tell whether no mail leaves on a day at a place."""
        if Weekday(day.weekday()) in self.rules.rest_days:
            return True
        return (
            self.rules.holidays
            and place.country is not None
            and self.is_holiday(place.country, place.subdivision, day)
        )

    def opening(self, earliest: datetime, place: Place) -> datetime:
        """Return the first instant at or after `earliest` at which a mail may leave.

        That is `earliest` itself outside quiet hours on a day without rest, else the end of the quiet hours.
        Where a change of the clocks leaves that time out, the mail leaves as much later as the clocks were
        moved.
        """
        moment = earliest
        for _ in range(_LONGEST_REST):
            local = moment.astimezone(zone(place.time_zone))
            if self.rests_on(local.date(), place):
                tomorrow = starts_at(local.date() + timedelta(days=1), place.time_zone)
                moment = tomorrow.astimezone(earliest.tzinfo)
                continue
            quiet = self.rules.quiet_hours
            if quiet is None or not quiet.cover(local.time()):
                return moment
            moment = _end_of(quiet, moment, place.time_zone)
        return moment

    def digest_at(self, rule: DigestRule, earliest: datetime, place: Place) -> datetime:
        """Return the first instant at or after `earliest` at which a digest by `rule` may leave."""
        where = zone(place.time_zone)
        today = earliest.astimezone(where).date()
        for days in range(9):
            day = today + timedelta(days=days)
            if rule.every is Every.WEEK and day.weekday() != rule.weekday:
                continue
            instant = datetime.combine(day, rule.at, where).astimezone(earliest.tzinfo)
            if instant >= earliest:
                return self.opening(instant, place)
        return self.opening(earliest, place)

    def collected_at(self, now: datetime, place: Place) -> datetime | None:
        """Return when the mails beyond a day's cap are gathered: an hour before the day's quiet hours begin.

        `None` where that has passed.
        """
        where = zone(place.time_zone)
        local = now.astimezone(where)
        quiet = self.rules.quiet_hours
        closes = quiet.begins if quiet is not None and quiet.begins > quiet.ends else time(23, 59)
        instant = datetime.combine(local.date(), closes, where) - timedelta(hours=1)
        at = instant.astimezone(now.tzinfo)
        return at if at > now and self.is_open(at, place) else None

    def next_day(self, now: datetime, place: Place) -> datetime:
        """Return the first instant after today at which a mail may leave."""
        tomorrow = now.astimezone(zone(place.time_zone)).date() + timedelta(days=1)
        return self.opening(starts_at(tomorrow, place.time_zone).astimezone(now.tzinfo), place)


BY_DAY = Calendar()
"""The calendar of a deployment that set no rules: mails leave between 08:00 and 18:00."""


def _end_of(quiet: QuietHours, moment: datetime, zone_name: str) -> datetime:
    where = zone(zone_name)
    today = moment.astimezone(where).date()
    for days in range(3):
        for fold in (0, 1):
            # Both of an hour that comes twice: the first may lie before `moment` already.
            end = datetime.combine(today + timedelta(days=days), quiet.ends, where).replace(fold=fold)
            instant = end.astimezone(moment.tzinfo)
            if instant >= moment and not quiet.cover(instant.astimezone(where).time()):
                return instant
    raise AssertionError(f"{zone_name} has no end of quiet hours within two days of {moment.isoformat()}")
