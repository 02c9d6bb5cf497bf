"""Parsing the text of a cell by kind; the error of each kind says what is allowed."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

from pydantic import TypeAdapter, ValidationError

from licet_credentials.inputs import (
    AttributeText,
    Code,
    Country,
    Email,
    ExternalId,
    Line,
    Locale,
    Note,
    Phone,
    Subdivision,
    Whole,
    Zone,
)
from licet_events.holders import HolderKind

Reader = Callable[[str], Any]
"""Parses a text; raises `ValueError` with what is allowed."""

_KINDS: Mapping[str, tuple[Any, str]] = {
    "line": (Line, "must be a line of at most 200 characters"),
    "note": (Note, "must be a text of at most 4,000 characters"),
    "code": (Code, "must be a code: at most 64 letters, digits, dots, underscores and hyphens"),
    "email": (Email, "must be an e-mail address, such as ana@example.org"),
    "country": (Country, "must be a country by ISO 3166-1, such as DE"),
    "subdivision": (Subdivision, "must be a subdivision by ISO 3166-2, such as US-IL"),
    "zone": (Zone, "must be an IANA time zone, such as Europe/Berlin"),
    "external id": (ExternalId, "must be at most 200 characters without slashes and control characters"),
    "phone": (Phone, "must be a telephone number: 3 to 40 digits, spaces and + ( ) . / -"),
    "locale": (Locale, "must be a language by BCP 47, such as de-AT"),
    "text": (AttributeText, "must be a text of at most 1,000 characters"),
    "integer": (Whole, "must be an integer between -2^53 and 2^53"),
    "boolean": (bool, "must be true or false, yes or no, 1 or 0"),
    "holder kind": (HolderKind, f"must be one of {', '.join(HolderKind)}"),
}


_PLAIN = {"line": 200, "note": 4_000}
"""Characters up to which a printable text without surrounding space needs no validation."""


def reader_of(kind: str) -> Reader:
    """Return the reader of a kind."""
    adapter, allowed = _KINDS[kind]
    validate = TypeAdapter(adapter).validate_python

    plain = _PLAIN.get(kind, 0)

    def read(text: str) -> Any:
        if len(text) <= plain and text.isprintable():
            return text  # nearly every cell; much cheaper than pydantic
        try:
            return validate(text)
        except ValidationError:
            raise ValueError(allowed) from None

    return read


READERS: Mapping[str, Reader] = {kind: reader_of(kind) for kind in _KINDS}
"""The reader of each kind."""

EARLIEST, LATEST = date(1900, 1, 1), date(9000, 12, 31)
"""Range in which time zones and ladders work."""


def date_reader(formats: tuple[str, ...]) -> Callable[[str], date]:
    """Return the reader of dates in these formats; the first that fits counts."""
    allowed = " or ".join(date_as_written(date_format) for date_format in formats)

    @lru_cache(maxsize=20_000)
    def judged(text: str) -> date | None:
        for date_format in formats:
            try:
                day = datetime.strptime(text, date_format).replace(tzinfo=UTC).date()
            except ValueError:
                continue
            if EARLIEST <= day <= LATEST:
                return day
        return None

    def read(text: str) -> date:
        day = judged(text)
        if day is None:
            raise ValueError(f"must be a date that exists, written {allowed}, of the years 1900 to 9000")
        return day

    return read


_PARTS = {
    "%Y": "YYYY", "%y": "YY", "%m": "MM", "%d": "DD", "%b": "Mon", "%B": "Month", "%H": "hh", "%M": "mm",
    "%S": "ss", "%p": "AM", "%I": "hh", "%j": "day of the year", "%f": "fraction",
}  # fmt: skip


def date_as_written(date_format: str) -> str:
    """Return a format as people write it, such as `MM/DD/YYYY` for `%m/%d/%Y`."""
    for part, words in _PARTS.items():
        date_format = date_format.replace(part, words)
    return date_format


def checked_format(date_format: str) -> str:
    """Return the format; raises `ValueError` for one that does not give a whole date back."""
    day = datetime(2024, 11, 23, tzinfo=UTC)
    try:
        same = datetime.strptime(day.strftime(date_format), date_format).replace(tzinfo=UTC).date()
    except (ValueError, re.error):  # the latter for a directive that stands twice
        same = None
    if same != day.date():
        raise ValueError(
            f"{date_format!r} does not name day, month and year as strptime has them, such as %d.%m.%Y"
        )
    return date_format
