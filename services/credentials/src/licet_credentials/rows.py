"""Converting between PostgreSQL rows, JSON and dataclasses, for all stores."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import asyncpg
from pydantic_core import to_json

Row: TypeAlias = Mapping[str, Any] | asyncpg.Record
"""A row of a result, or of a JSON value in one."""


def fields_of(made: type[Any], row: Row) -> dict[str, Any]:
    """Return the columns of a row that are fields of a dataclass, by name."""
    return {name: row[name] for name in made.__dataclass_fields__}


def jsonb(value: object) -> str:
    """Return the value as a parameter of type jsonb; dates, instants, ids and enumerations as text."""
    return to_json(value).decode()
