"""Credential types in the database."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries
from licet_credentials.rows import Row, jsonb
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import (
    Category,
    DeclaredAttribute,
    FixedDate,
    NumberUnique,
    Period,
    RenewalBasis,
    RenewalEvidence,
)

QUERIES = load_queries(__package__ or "")


async def insert_type(conn: Connection, entry: CredentialType) -> bool:
    """Add a type; returns whether there was none of that code."""
    return await conn.fetchval(QUERIES["insert_type"], *_parameters(entry)) is not None


async def update_type(conn: Connection, entry: CredentialType) -> None:
    """Write a changed type."""
    await conn.execute(QUERIES["update_type"], *_parameters(entry))


async def take_names(conn: Connection, entry: CredentialType) -> dict[str, str]:
    """Let the type be called its code and aliases; returns those that are others', with whose they are.

    Whoever takes one of the names at the same moment is waited for. Where one is another's the
    transaction must not be committed.
    """
    names = [entry.code, *entry.aliases]
    await conn.execute(QUERIES["drop_names"], entry.code, names)
    await conn.execute(QUERIES["take_names"], entry.code, names)
    return {
        row["name"]: row["type"] for row in await conn.fetch(QUERIES["names_of_others"], entry.code, names)
    }


async def read_type(conn: Connection, name: str) -> CredentialType:
    """Return the type that is called so, by code or alias; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["read_type"], name), name)


async def lock_type(conn: Connection, name: str) -> CredentialType:
    """Return the type that is called so and let nobody else use it until the transaction ends.

    Raises `NotFound`.
    """
    return _found(await conn.fetchrow(QUERIES["lock_type"], name), name)


async def hold_type(conn: Connection, name: str) -> CredentialType:
    """Return the type that is called so as it stays until the transaction ends; raises `NotFound`.

    Whoever gives a credential a type holds it. Take it before credentials, after holders.
    """
    held = await hold_types(conn, [name])
    return held[name] if name in held else _found(None, name)


async def hold_types(conn: Connection, names: Sequence[str]) -> dict[str, CredentialType]:
    """Return the types that are called so, by the name that was asked for, held as by `hold_type`.

    Several names may be one type's; what nothing is called is absent.
    """
    return {row["asked"]: type_of(row) for row in await conn.fetch(QUERIES["hold_types"], list(names))}


async def lock_types_after(conn: Connection, after: str | None, limit: int) -> list[CredentialType]:
    """Return types by code, after `after`, held until the transaction ends."""
    return [type_of(row) for row in await conn.fetch(QUERIES["lock_types_after"], after, limit)]


@dataclass(frozen=True, slots=True)
class TypeFilter:
    """Which types a list shows; `None` asks for nothing."""

    retired: bool | None = None
    category: Category | None = None


async def list_types(
    conn: Connection, wanted: TypeFilter, after: str | None, limit: int
) -> list[CredentialType]:
    """Return types by code, after `after`."""
    rows = await conn.fetch(QUERIES["list_types"], after, wanted.retired, wanted.category, limit)
    return [type_of(row) for row in rows]


async def attribute_in_use(conn: Connection, code: str, name: str) -> bool:
    """Return whether some credential of the type has a value of the attribute."""
    used: bool = await conn.fetchval(QUERIES["attribute_in_use"], code, name)
    return used


@dataclass(frozen=True, slots=True)
class Claimed:
    """A type whose credentials are to carry the rules of this version."""

    type: str
    version: int


async def note_changed_rules(conn: Connection, entry: CredentialType) -> None:
    """Have the type's credentials worked through."""
    await conn.execute(QUERIES["note_changed_rules"], entry.code, entry.updated_at)


async def claim_replanning(conn: Connection) -> Claimed | None:
    """Return a type whose credentials carry old rules; nobody else works on it until the transaction ends."""
    row = await conn.fetchrow(QUERIES["claim_replanning"])
    return None if row is None else Claimed(row["type"], row["version"])


async def note_replanned(conn: Connection, code: str, done: int) -> None:
    """Note that so many more credentials carry their type's present rules."""
    await conn.execute(QUERIES["note_replanned"], code, done)


async def finish_replanning(conn: Connection, code: str, version: int) -> bool:
    """Note that every credential of the type carries its present rules; returns whether it is so."""
    return await conn.fetchval(QUERIES["finish_replanning"], code, version) is not None


async def count_replanning(conn: Connection) -> int:
    """Return how many types have credentials that may carry old rules."""
    count: int = await conn.fetchval(QUERIES["count_replanning"])
    return count


@dataclass(frozen=True, slots=True)
class Replanned:
    """How far a type's changed rules have been carried; `since` is absent where nothing is under way."""

    since: datetime | None
    done: int
    remaining: int


async def read_replanning(conn: Connection, code: str) -> Replanned:
    """Return how far a type's changed rules have been carried to its credentials."""
    row = await conn.fetchrow(QUERIES["read_replanning"], code)
    return Replanned(None, 0, 0) if row is None else Replanned(row["since"], row["done"], row["remaining"])


def _parameters(entry: CredentialType) -> tuple[Any, ...]:
    return (
        entry.code,
        entry.version,
        entry.name,
        entry.category,
        entry.expires,
        entry.validity and entry.validity.model_dump_json(),
        list(entry.ladder),
        entry.renewal_window_days,
        entry.grace_days,
        entry.renewal_basis,
        entry.fixed_date and entry.fixed_date.model_dump_json(),
        entry.renewal_evidence,
        entry.number_unique,
        list(entry.aliases),
        entry.retired,
        entry.created_at,
        entry.updated_at,
        jsonb(entry.attributes),
    )


def _found(row: asyncpg.Record | None, name: str) -> CredentialType:
    if row is None:
        raise NotFound(f"There is no credential type {name}.")
    return type_of(row)


def type_of(row: Row) -> CredentialType:
    """Return the credential type that a row is."""
    validity, fixed_date = row["validity"], row["fixed_date"]
    return CredentialType(
        code=row["code"],
        version=row["version"],
        name=row["name"],
        category=Category(row["category"]),
        expires=row["expires"],
        validity=None if validity is None else Period(**json.loads(validity)),
        ladder=tuple(row["ladder"]),
        renewal_window_days=row["renewal_window_days"],
        grace_days=row["grace_days"],
        renewal_basis=None if row["renewal_basis"] is None else RenewalBasis(row["renewal_basis"]),
        fixed_date=None if fixed_date is None else FixedDate(**json.loads(fixed_date)),
        renewal_evidence=RenewalEvidence(row["renewal_evidence"]),
        number_unique=NumberUnique(row["number_unique"]),
        aliases=tuple(row["aliases"]),
        retired=row["retired"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        attributes=tuple(DeclaredAttribute(**each) for each in json.loads(row["attributes"])),
    )
