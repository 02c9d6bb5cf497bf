"""Erases a holder from the tables that every service has, and keeps the list of the erased.

A service adds its own tables (`Service.erase`). Everything here is safe to repeat.

A consumer or loop that writes about holders blocks erasures for the length of its transaction: what it read
of a holder must not be written after the holder was erased.
"""

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

import structlog

from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.queries import load_queries

Erase: TypeAlias = Callable[[Transaction, UUID, datetime], Awaitable[None]]
"""Deletes what a service keeps about a holder and ends its keys on topics; business now comes last."""

LeftToErase: TypeAlias = Callable[[Connection, Sequence[UUID]], Awaitable[Mapping[UUID, int]]]
"""Returns how much of each erased holder is still to be removed; leaves out those with nothing left."""

QUERIES = load_queries("licet_chassis", "erasure.sql")
_LOCK = 0x6C6963657400
_PATIENCE = 600.0
"""The timeout in seconds of the one statement that reads a whole table."""
_log = structlog.get_logger("licet.erasure")

_GONE = json.dumps(
    {
        "type": "about:blank",
        "title": "Gone",
        "status": 410,
        "detail": "This request was carried out; what it was about has been erased since.",
    }
).encode()
_GONE_HEADERS = json.dumps({"content-type": "application/problem+json"})


@dataclass(frozen=True, slots=True)
class Erased:
    """A holder on the list of the erased."""

    holder_id: UUID
    erased_at: datetime
    """Machine time at which this service erased it."""
    unpublished: int
    """How many records about it, tombstones mostly, have yet to reach Kafka."""


async def block_erasures(conn: Connection) -> None:
    """Keep erasures out until the transaction ends. Call it before anything is read or locked."""
    await conn.execute(QUERIES["block_erasures"], _LOCK)


async def lock_for_erasure(conn: Connection) -> None:
    """Wait for the transactions that block erasures, and keep others from it until this one ends.

    Call it before anything else is locked, as `erase_from_service` does.
    """
    await conn.execute(QUERIES["lock_for_erasure"], _LOCK)


async def erased_among(conn: Connection, partition_keys: Iterable[str]) -> frozenset[str]:
    """Return those of the partition keys that are erased holders; call it after `block_erasures`."""
    ids = [holder_id for key in partition_keys if (holder_id := _uuid(key)) is not None]
    if not ids:
        return frozenset()
    return frozenset(str(row["holder_id"]) for row in await conn.fetch(QUERIES["erased_among"], ids))


async def erase_from_service(
    tx: Transaction, holder_id: UUID, erase: Erase | None, *, now: datetime, mentions: Sequence[str] = ()
) -> bool:
    """Erase a holder from this service; returns whether it was not on the list before.

    Deletes parked and waiting records, unsent rows of the outbox and stored answers; then `erase` deletes the
    service's own rows and publishes tombstones, which are the last records of their keys. `mentions` are
    further texts, such as ids, by which stored answers are found.
    """
    await lock_for_erasure(tx.conn)
    new = bool(await tx.conn.fetchval(QUERIES["note_erased"], holder_id))
    key = str(holder_id)
    await tx.conn.execute(QUERIES["forget_parked"], key)
    await tx.conn.execute(QUERIES["forget_waiting"], key)
    await tx.conn.execute(QUERIES["forget_unsent"], [key])
    await tx.conn.execute(
        QUERIES["forget_answers"], [key, *mentions], _GONE_HEADERS, _GONE, timeout=_PATIENCE
    )
    if erase is not None:
        await erase(tx, holder_id, now)
    _log.info("erasure.done", holder_id=key, new=new)
    return new


async def list_erased(conn: Connection, after: UUID | None, limit: int) -> list[Erased]:
    """Return holders on the list in the order of their ids, after one."""
    rows = await conn.fetch(QUERIES["list_erased"], after, limit)
    return [Erased(row["holder_id"], row["erased_at"], row["unpublished"]) for row in rows]


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
