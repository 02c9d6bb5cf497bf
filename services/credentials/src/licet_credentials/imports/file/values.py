"""Parsing the text of a cell by kind; the error of each kind says what is allowed."""

from collections.abc import Callable, Mapping
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
