"""Holders in the database."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.errors import Conflict, NotFound
from licet_credentials.holders.model import Holder
from licet_credentials.rows import Row, containing, jsonb
from licet_events.holders import HolderEvent, HolderKind

QUERIES = load_queries(__package__ or "")


@dataclass(frozen=True, slots=True)
class HolderChange:
    """A holder after a change, and what the history says about it."""

    holder: Holder
    event: HolderEvent
    changed: tuple[str, ...] = ()
    reason: str | None = None


async def save_holders(conn: Connection, changes: Sequence[HolderChange], *, actor: str) -> None:
    """Write holders and their history; raises `Conflict` for an external id that another has."""
    rows = [
        {
            **{name: getattr(change.holder, name) for name in Holder.__slots__},
            "attributes": dict(change.holder.attributes),
            "event_type": change.event.event_type,
            "changed": change.changed,
            "reason": change.reason,
        }
        for change in changes
    ]
    try:
        await conn.execute(QUERIES["save_holders"], jsonb(rows), actor)
    except asyncpg.UniqueViolationError as error:
        raise Conflict(
            "Another holder was recorded with this external_id at the same moment.", pointer="/external_id"
        ) from error


async def read_holder(conn: Connection, holder_id: UUID) -> Holder:
    """Return a holder; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["read_holder"], holder_id), holder_id)


async def lock_holder(conn: Connection, holder_id: UUID) -> Holder:
    """Return a holder and hold it until the transaction ends; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["lock_holder"], holder_id), holder_id)


async def lock_by_external_ids(conn: Connection, external_ids: Sequence[str]) -> dict[str, Holder]:
    """Return the holders of those external ids that are known, held until the transaction ends.

    Whoever would create the same ones waits, in the same order, until this transaction ends.
    """
    await conn.execute(QUERIES["reserve_external_ids"], list(external_ids))
    rows = await conn.fetch(QUERIES["lock_holders_by_external_id"], list(external_ids))
    return {row["external_id"]: holder_of(row) for row in rows}


async def ids_by_external_id(conn: Connection, external_ids: Sequence[str]) -> dict[str, UUID]:
    """Return the ids of the holders of those external ids that are known."""
    rows = await conn.fetch(QUERIES["holder_ids_by_external_id"], list(external_ids))
    return {row["external_id"]: row["id"] for row in rows}


async def holder_exists(conn: Connection, holder_id: UUID) -> bool:
    """Return whether there is such a holder."""
    return bool(await conn.fetchval(QUERIES["holder_exists"], holder_id))


async def lock_awaiting_manager(conn: Connection, external_ids: Sequence[str]) -> list[Holder]:
    """Return the holders that named one of these external ids as their manager before it was known."""
    rows = await conn.fetch(QUERIES["lock_awaiting_manager"], list(external_ids))
    return [holder_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class HolderFilter:
    """Which holders a list shows; `None` asks for nothing."""

    q: str | None = None
    kind: HolderKind | None = None
    team: str | None = None
    location: str | None = None
    role: str | None = None
    queue: str | None = None
    active: bool | None = None


async def list_holders(
    conn: Connection, wanted: HolderFilter, *, after: UUID | None, limit: int
) -> list[Holder]:
    """Return a page of the holders that the filter asks for, after the id `after`."""
    rows = await conn.fetch(
        QUERIES["list_holders"],
        after,
        containing(wanted.q),
        wanted.kind,
        wanted.team,
        wanted.location,
        wanted.role,
        wanted.queue,
        wanted.active,
        limit,
    )
    return [holder_of(row) for row in rows]


async def lock_holders_after(conn: Connection, after: UUID | None, limit: int) -> list[Holder]:
    """Return holders in the order of their ids, after `after`, held until the transaction ends."""
    return [holder_of(row) for row in await conn.fetch(QUERIES["lock_holders_after"], after, limit)]


def _found(row: asyncpg.Record | None, holder_id: UUID) -> Holder:
    if row is None:
        raise NotFound(f"There is no holder {holder_id}.")
    return holder_of(row)


def holder_of(row: Row) -> Holder:
    """Return the holder that a row is."""
    return Holder(
        id=row["id"],
        version=row["version"],
        kind=HolderKind(row["kind"]),
        external_id=row["external_id"],
        name=row["name"],
        email=row["email"],
        phone=row["phone"],
        time_zone=row["time_zone"],
        locale=row["locale"],
        team=row["team"],
        location=row["location"],
        manager_id=row["manager_id"],
        awaited_manager=row["awaited_manager"],
        roles=tuple(row["roles"]),
        queues=tuple(row["queues"]),
        attributes=json.loads(row["attributes"]),
        active=row["active"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
