"""Credential types in the database."""

import json
from collections.abc import Sequence
from typing import Any

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.errors import NotFound
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
    """Add a type; returns whether its code was free."""
    return await conn.fetchval(QUERIES["insert_type"], *_parameters(entry)) is not None


async def update_type(conn: Connection, entry: CredentialType, *, replan: bool) -> None:
    """Write a changed type; `replan` has its credentials worked through."""
    await conn.execute(QUERIES["update_type"], *_parameters(entry), replan)


async def read_type(conn: Connection, code: str) -> CredentialType:
    """Return a type; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["read_type"], code), code)


async def lock_type(conn: Connection, code: str) -> CredentialType:
    """Return a type and hold it until the transaction ends; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["lock_type"], code), code)


async def read_types(conn: Connection, codes: Sequence[str]) -> dict[str, CredentialType]:
    """Return those of the types that exist, by code."""
    return {row["code"]: type_of(row) for row in await conn.fetch(QUERIES["read_types"], list(codes))}


async def lock_types_after(conn: Connection, after: str | None, limit: int) -> list[CredentialType]:
    """Return types by code, after `after`, held until the transaction ends."""
    return [type_of(row) for row in await conn.fetch(QUERIES["lock_types_after"], after, limit)]


async def list_types(conn: Connection, after: str | None, limit: int) -> list[CredentialType]:
    """Return types by code, after `after`."""
    return [type_of(row) for row in await conn.fetch(QUERIES["list_types"], after, limit)]


async def attribute_in_use(conn: Connection, code: str, name: str) -> bool:
    """Return whether some credential of the type has a value of the attribute."""
    used: bool = await conn.fetchval(QUERIES["attribute_in_use"], code, name)
    return used


async def claim_replanning(conn: Connection) -> str | None:
    """Return the code of a type whose credentials carry old rules, held until the transaction ends."""
    code: str | None = await conn.fetchval(QUERIES["claim_replanning"])
    return code


async def count_replanning(conn: Connection) -> int:
    """Return how many types have credentials that may carry old rules."""
    count: int = await conn.fetchval(QUERIES["count_replanning"])
    return count


async def finish_replanning(conn: Connection, code: str) -> None:
    """Note that every credential of the type carries its present rules."""
    await conn.execute(QUERIES["finish_replanning"], code)


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


def _found(row: asyncpg.Record | None, code: str) -> CredentialType:
    if row is None:
        raise NotFound(f"There is no credential type {code}.")
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
