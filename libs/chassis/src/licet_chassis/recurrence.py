"""Recurrences by rules of RFC 5545, in civil time: a rule means what a clock on the wall shows.

`dateutil` computes them. It knows local times without a zone only, so that a change of the clocks moves no
occurrence: 08:00 stays 08:00.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import cast

from dateutil.rrule import rrule, rrulestr

from licet_chassis.errors import Invalid
from licet_events.civil import UnknownZone, zone

_FREQUENCIES = frozenset({"YEARLY", "MONTHLY", "WEEKLY", "DAILY"})
_PARTS = frozenset(
    {
        "FREQ", "INTERVAL", "UNTIL", "BYMONTH", "BYMONTHDAY", "BYDAY", "BYHOUR", "BYMINUTE", "BYSETPOS",
        "BYWEEKNO", "BYYEARDAY", "WKST",
    }
)  # fmt: skip
_HORIZON = timedelta(days=3660)
"""How far the next occurrence is looked for: a rule that never fires would be followed to the year 9999."""
_LONGEST = 500
_MOST_YEARS = 10


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Instants at which something recurs."""

    rule: str
    """Such as `FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1;BYHOUR=8`; without a time it means midnight."""
    time_zone: str
    starts_on: date
    """The first day on which it may occur; an interval is counted from it."""

    def after(self, instant: datetime) -> datetime | None:
        """Return the first occurrence after `instant`, in UTC; `None` if there is none within ten years.

        An occurrence at a time that the clocks leave out comes as much later as they were moved; one at a
        time that comes twice comes the first time.
        """
        where = zone(self.time_zone)
        shown = max(
            instant.astimezone(where).replace(tzinfo=None),
            datetime.combine(self.starts_on, time()) - timedelta(microseconds=1),
        )
        bounded = _bounded(self._parsed(), shown + _HORIZON)
        # The hour before is looked at too: what a wall shows may come twice, or be left out.
        candidate = bounded.after(shown - timedelta(hours=3))
        while candidate is not None:
            occurrence = candidate.replace(tzinfo=where).astimezone(UTC)
            if occurrence > instant:
                return occurrence
            candidate = bounded.after(candidate)
        return None

    def _parsed(self) -> rrule:
        # A text of one rule gives an rrule; texts of several are refused before.
        return cast("rrule", rrulestr(self.rule, dtstart=datetime.combine(self.starts_on, time())))


def _bounded(parsed: rrule, horizon: datetime) -> rrule:
    until: datetime | None = getattr(parsed, "_until", None)
    return parsed.replace(until=horizon if until is None else min(until, horizon))


def parse_recurrence(rule: str, time_zone: str, starts_on: date, *, pointer: str = "/rule") -> Recurrence:
    """Return a recurrence; raises `Invalid` for a rule that is malformed, too frequent, or never fires."""
    text = rule.strip().upper().removeprefix("RRULE:")
    parts = dict(part.partition("=")[::2] for part in text.split(";"))
    if len(text) > _LONGEST or not parts.keys() <= _PARTS or parts.get("FREQ") not in _FREQUENCIES:
        raise Invalid(
            f"The rule has to be one of RFC 5545 with FREQ of {', '.join(sorted(_FREQUENCIES))} and other "
            f"parts out of {', '.join(sorted(_PARTS - {'FREQ'}))}, such as "
            "FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1.",
            pointer=pointer,
        )
    if not parts.get("INTERVAL", "1").isdigit() or int(parts.get("INTERVAL", "1")) not in range(1, 1000):
        # dateutil takes 0, and would give the same day for ever.
        raise Invalid("INTERVAL has to be a number from 1 to 999.", pointer=pointer)
    try:
        zone(time_zone)
    except UnknownZone as error:
        raise Invalid(f"{error}.", pointer="/time_zone") from None
    recurrence = Recurrence(text, time_zone, starts_on)
    try:
        first = recurrence.after(datetime.combine(starts_on, time(), UTC) - timedelta(days=2))
    except (ValueError, TypeError, OverflowError) as error:
        raise Invalid(f"The rule {text} is not understood: {error}.", pointer=pointer) from None
    if first is None:
        raise Invalid(
            f"The rule {text} never fires in the {_MOST_YEARS} years after {starts_on}.", pointer=pointer
        )
    return recurrence
