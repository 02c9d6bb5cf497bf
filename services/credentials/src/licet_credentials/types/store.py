"""SQL of credential types."""

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
    AgeBand,
    BirthAnchor,
    Category,
    DeclaredAttribute,
    FixedDate,
    LateRenewal,
    MonthEnd,
    NumberComparison,
    NumberUnique,
    Period,
    RenewalBasis,
    RenewalEvidence,
)
from licet_events.civil import ExpiresAtRule

QUERIES = load_queries(__package__ or "")


async def insert_type(conn: Connection, entry: CredentialType) -> bool:
    """Add a type; returns whether the code was free."""
    return await conn.fetchval(QUERIES["insert_type"], *_parameters(entry)) is not None


async def update_type(conn: Connection, entry: CredentialType) -> None:
    await conn.execute(QUERIES["update_type"], *_parameters(entry))


async def take_names(conn: Connection, entry: CredentialType) -> dict[str, str]:
    """Give the type its code and aliases as names; returns those that other types have, with these types.

    Waits for concurrent transactions that take one of the names. If a name is taken, the caller must roll
    back.
    """
    names = [entry.code, *entry.aliases]
    await conn.execute(QUERIES["hold_names"])
    await conn.execute(QUERIES["drop_names"], entry.code, names)
    await conn.execute(QUERIES["take_names"], entry.code, names)
    return {
        row["name"]: row["type"] for row in await conn.fetch(QUERIES["names_of_others"], entry.code, names)
    }


async def read_type(conn: Connection, name: str) -> CredentialType:
    """Return a type by code or alias; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["read_type"], name), name)


async def lock_type(conn: Connection, name: str) -> CredentialType:
    """Lock a type exclusively and return it; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["lock_type"], name), name)


async def hold_type(conn: Connection, name: str) -> CredentialType:
    """Lock a type for share and return it; raises `NotFound`.

    Required before giving a credential the type. Lock it after holders and before credentials.
    """
    held = await hold_types(conn, [name])
    return held[name] if name in held else _found(None, name)


async def hold_types(conn: Connection, names: Sequence[str]) -> dict[str, CredentialType]:
    """Lock types as `hold_type` does, and return them by the requested name; unknown names are left out."""
    return {row["asked"]: type_of(row) for row in await conn.fetch(QUERIES["hold_types"], list(names))}


async def lock_types_after(conn: Connection, after: str | None, limit: int) -> list[CredentialType]:
    return [type_of(row) for row in await conn.fetch(QUERIES["lock_types_after"], after, limit)]


@dataclass(frozen=True, slots=True)
class TypeFilter:
    """Conditions of a list of types; `None` for any."""

    retired: bool | None = None
    category: Category | None = None


async def list_types(
    conn: Connection, wanted: TypeFilter, after: str | None, limit: int
) -> list[CredentialType]:
    rows = await conn.fetch(QUERIES["list_types"], after, wanted.retired, wanted.category, limit)
    return [type_of(row) for row in rows]


async def attribute_in_use(conn: Connection, code: str, name: str) -> bool:
    used: bool = await conn.fetchval(QUERIES["attribute_in_use"], code, name)
    return used


@dataclass(frozen=True, slots=True)
class ReplanningTask:
    """A type whose credentials are to get the rules of this version."""

    type: str
    version: int


async def queue_replanning(conn: Connection, entry: CredentialType) -> None:
    await conn.execute(QUERIES["queue_replanning"], entry.code, entry.updated_at)


async def claim_replanning(conn: Connection) -> ReplanningTask | None:
    """Claim a type whose credentials have old rules; the claim lasts until the transaction ends."""
    row = await conn.fetchrow(QUERIES["claim_replanning"])
    return None if row is None else ReplanningTask(row["type"], row["version"])


async def note_replanned(conn: Connection, code: str, done: int) -> None:
    await conn.execute(QUERIES["note_replanned"], code, done)


async def finish_replanning(conn: Connection, code: str, version: int) -> bool:
    """End the replanning of a type if no credential has older rules; returns whether it ended."""
    return await conn.fetchval(QUERIES["finish_replanning"], code, version) is not None


async def count_replanning(conn: Connection) -> int:
    count: int = await conn.fetchval(QUERIES["count_replanning"])
    return count


@dataclass(frozen=True, slots=True)
class ReplanningProgress:
    """Progress of a replanning; `since` is `None` if none is under way."""

    since: datetime | None
    done: int
    remaining: int


async def read_replanning(conn: Connection, code: str) -> ReplanningProgress:
    row = await conn.fetchrow(QUERIES["read_replanning"], code)
    return (
        ReplanningProgress(None, 0, 0)
        if row is None
        else ReplanningProgress(row["since"], row["done"], row["remaining"])
    )


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
        entry.late_renewal,
        entry.late_renewal_days,
        entry.month_end,
        entry.birth_anchor and entry.birth_anchor.model_dump_json(),
        jsonb(entry.age_bands),
        entry.expires_at_rule,
        entry.expires_at_time,
        entry.end_of_month,
        entry.number_comparison,
    )


def _found(row: asyncpg.Record | None, name: str) -> CredentialType:
    if row is None:
        raise NotFound(f"There is no credential type {name}.")
    return type_of(row)


def type_of(row: Row) -> CredentialType:
    """Return the credential type of a row."""
    validity, fixed_date, birth_anchor = row["validity"], row["fixed_date"], row["birth_anchor"]
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
        number_comparison=NumberComparison(row["number_comparison"]),
        aliases=tuple(row["aliases"]),
        retired=row["retired"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        attributes=tuple(DeclaredAttribute(**each) for each in json.loads(row["attributes"])),
        late_renewal=LateRenewal(row["late_renewal"]),
        late_renewal_days=row["late_renewal_days"],
        month_end=MonthEnd(row["month_end"]),
        birth_anchor=None if birth_anchor is None else BirthAnchor(**json.loads(birth_anchor)),
        age_bands=tuple(AgeBand(**each) for each in json.loads(row["age_bands"])),
        expires_at_rule=ExpiresAtRule(row["expires_at_rule"]),
        expires_at_time=row["expires_at_time"],
        end_of_month=row["end_of_month"],
    )
