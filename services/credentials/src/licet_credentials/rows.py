"""What every store needs to talk to PostgreSQL: rows in, JSON out."""

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
