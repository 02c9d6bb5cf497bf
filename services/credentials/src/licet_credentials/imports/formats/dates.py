"""Dates and months in formats of `strptime`."""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from typing import NamedTuple

EARLIEST, LATEST = date(1900, 1, 2), date(2199, 12, 31)
"""Range of dates that mean a day; programs write the days outside for none, or for never."""
POSIX_PIVOT, ENDS_PIVOT = 69, 100
"""Years of two digits from the pivot on are of the 1900s, those below of the 2000s."""


class End(NamedTuple):
    """The end of a term."""

    day: date | None
    """`None`: it never ends."""
    month_only: bool = False
    """Whether only the month is given; `day` is its last."""


@lru_cache(maxsize=20_000)
def parse_date(text: str, formats: tuple[str, ...], pivot: int) -> End | None:
    """Return the date that the first fitting format gives, of a month its last day; `None` if none fits."""
    for each in formats:
        found = parse_date_as(text, each, pivot)
        if found is not None:
            return found
    return None


def parse_date_as(text: str, date_format: str, pivot: int) -> End | None:
    """Return the date in one format, as `parse_date` does."""
    try:
        day = datetime.strptime(text, date_format).replace(tzinfo=UTC).date()
        if "%y" in date_format:
            day = day.replace(year=day.year % 100 + (1900 if day.year % 100 >= pivot else 2000))
    except (ValueError, OverflowError):
        return None
    return End(day) if has_day(date_format) else End(_last_of_month(day), month_only=True)


def has_day(date_format: str) -> bool:
    """Return whether a format gives a day, not a month alone."""
    return "%d" in date_format or "%j" in date_format


def _last_of_month(day: date) -> date:
    if day.year == date.max.year and day.month == 12:
        return date.max
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1) - timedelta(days=1)


_PARTS: Mapping[str, str] = {
    "%Y": "YYYY", "%y": "YY", "%m": "MM", "%d": "DD", "%b": "Mon", "%B": "Month", "%H": "hh", "%M": "mm",
    "%S": "ss", "%p": "AM", "%I": "hh", "%j": "day of the year", "%f": "fraction",
}  # fmt: skip


def date_as_written(date_format: str) -> str:
    """Return a format as people write it, such as `MM/DD/YYYY` for `%m/%d/%Y`."""
    for part, words in _PARTS.items():
        date_format = date_format.replace(part, words)
    return date_format


def checked_format(date_format: str) -> str:
    """Return the format; raises `ValueError` for one that gives back neither a whole date nor a month."""
    day = datetime(2024, 11, 23, tzinfo=UTC)
    wanted = day.date() if has_day(date_format) else day.date().replace(day=1)
    try:
        same = datetime.strptime(day.strftime(date_format), date_format).replace(tzinfo=UTC).date()
    except (ValueError, re.error):  # the latter for a directive that stands twice
        same = None
    if same != wanted:
        raise ValueError(
            f"{date_format!r} does not name day, month and year as strptime has them, such as %d.%m.%Y, "
            "nor month and year, such as %m/%Y"
        )
    return date_format
