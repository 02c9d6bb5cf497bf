"""What every store needs to talk to PostgreSQL: rows in, JSON and patterns out."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import asyncpg
from pydantic_core import to_json

Row: TypeAlias = Mapping[str, Any] | asyncpg.Record
"""A row of a result, or one that was inside a JSON value."""


def fields_of(made: type[Any], row: Row) -> dict[str, Any]:
    """Return what a row says about each field of a dataclass, under the same names."""
    return {name: row[name] for name in made.__dataclass_fields__}


def jsonb(value: object) -> str:
    """Return the value as a parameter of type jsonb; dates, instants, ids and enumerations as text."""
    return to_json(value).decode()


def containing(text: str | None) -> str | None:
    """Return the pattern with which `ilike` finds the text anywhere, taken literally."""
    if not text:
        return None
    return "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
