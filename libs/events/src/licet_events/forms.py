"""The one written form of each kind of value, for bodies, parameters, headers, files and the command line.

What a lenient parser would coerce, such as `yes` for true or a Unix time for a date, has none of these forms
and is refused. Pure: `licet_chassis.http.strictness` applies the forms to bodies and parameters.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from types import MappingProxyType
from typing import Any
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Form:
    """The written form of a kind of value."""

    pattern: re.Pattern[str]
    """Matches the whole text."""
    wanted: str
    """What an error says, after the name of the field."""
    read: Callable[[str], object] = str
    """Reads a text that matches; raises `ValueError` for what is no value, such as 2026-02-30."""

    def check(self, text: str) -> str:
        """Return the text; raises `ValueError` with what is allowed if it has another form."""
        self.value(text)
        return text

    def value(self, text: str) -> Any:
        """Return the value; raises `ValueError` with what is allowed if the text has another form."""
        if self.pattern.fullmatch(text) is not None:
            try:
                return self.read(text)
            except ValueError:
                pass
        raise ValueError(self.wanted)

    def fits(self, text: str) -> bool:
        """Return whether the text has this form and names a value."""
        try:
            self.value(text)
        except ValueError:
            return False
        return True


def _form(pattern: str, wanted: str, read: Callable[[str], object] = str) -> Form:
    return Form(re.compile(pattern, re.ASCII), wanted, read)


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        "date": _form(r"\d{4}-\d\d-\d\d", "must be a date that exists, YYYY-MM-DD", date.fromisoformat),
        "datetime": _form(
            r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)",
            "must be an instant with its offset, such as 2026-01-31T08:00:00Z",
            datetime.fromisoformat,
        ),
        "time": _form(
            r"([01]\d|2[0-3]):[0-5]\d(:[0-5]\d)?", "must be a time of day, such as 08:00", time.fromisoformat
        ),
        "uuid": _form(
            r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}",
            "must be an id (a UUID)",
            UUID,
        ),
        "int": _form(r"0|-?[1-9]\d{0,29}", "must be a whole number, such as 50"),
        "float": _form(r"-?(0|[1-9]\d{0,17})(\.\d{1,17})?", "must be a number, such as 8 or 1.5"),
        "decimal": _form(r"-?(0|[1-9]\d{0,29})(\.\d{1,30})?", "must be a decimal, such as 1500.50", Decimal),
        "bool": _form(r"true|false", "must be true or false"),
    }
)
"""The forms, by the kind that pydantic's core schemas name.

Dates as ISO 8601 writes a calendar date, instants as RFC 3339 with upper-case T and Z, ids as RFC 9562 with
hyphens, numbers as JSON (RFC 8259) without an exponent.
"""

DATE, INSTANT = FORMS["date"], FORMS["datetime"]


def date_of(text: str) -> date:
    """Return the date; raises `ValueError` with what is allowed.

    `date.fromisoformat` alone would also take 20260131 and 2026-W05-6.
    """
    day: date = DATE.value(text)
    return day


def instant_of(text: str) -> datetime:
    """Return the instant with its offset, to the microsecond; raises `ValueError` with what is allowed."""
    instant: datetime = INSTANT.value(text)
    return instant
