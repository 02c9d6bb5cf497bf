"""Holders in the database."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.erasure import erased_among
from licet_chassis.errors import Gone, NotFound
from licet_chassis.ordering import Ordering
from licet_chassis.queries import load_queries, load_templates
from licet_chassis.words import words
from licet_credentials.errors import ExternalIdTaken
from licet_credentials.holders.changes import HolderChange
from licet_credentials.holders.model import Holder
from licet_credentials.rows import Row, fields_of, jsonb
from licet_credentials.visibility.model import Sees
from licet_events.holders import HolderKind

QUERIES = load_queries(__package__ or "")
TEMPLATES = load_templates(__package__ or "")


async def save_holders(conn: Connection, changes: Sequence[HolderChange], *, actor: str) -> None:
    """Write holders and their history; raises `Conflict` for an external id that another has."""
    rows = [
        {
            **{name: getattr(change.holder, name) for name in Holder.__slots__},
            "attributes": dict(change.holder.attributes),
            "event_type": change.event.event_type,
            "changed": change.changed,
            "reason": change.reason,
            "note": change.note,
        }
        for change in changes
    ]
    try:
        await conn.execute(QUERIES["save_holders"], jsonb(rows), actor)
    except asyncpg.UniqueViolationError as error:
        raise ExternalIdTaken(changes[0].holder.external_id or "", None) from error


async def read_holder(conn: Connection, holder_id: UUID) -> Holder:
    """Return a holder; raises `NotFound`, for one that was erased `Gone`."""
    return await _found(conn, await conn.fetchrow(QUERIES["read_holder"], holder_id), holder_id)


async def lock_holder(conn: Connection, holder_id: UUID) -> Holder:
    """Return a holder and hold it until the transaction ends; raises `NotFound` or `Gone`."""
    return await _found(conn, await conn.fetchrow(QUERIES["lock_holder"], holder_id), holder_id)


async def reserve_external_ids(
    conn: Connection, external_ids: Sequence[str], *, naming: Sequence[str] = ()
) -> None:
    """Let whoever is about to find out whose these external ids are wait until the transaction ends.

    Those that are only named beside may be so by several at once.
    """
    await conn.execute(QUERIES["reserve_external_ids"], list(external_ids), list(naming))


async def lock_by_external_ids(
    conn: Connection, external_ids: Sequence[str], *, naming: Sequence[str] = ()
) -> dict[str, Holder]:
    """Return the holders of those external ids that are known, held until the transaction ends.

    The id of a merged record leads to the holder it was merged into. Whoever would create the same ones
    waits, in the same order, until this transaction ends; so does whoever would create those that it
    is `naming` and does not hold itself. Who awaits one of them as manager is held too.
    """
    await reserve_external_ids(conn, external_ids, naming=naming)
    rows = await conn.fetch(QUERIES["lock_holders_by_external_id"], list(external_ids))
    held = {row["id"]: holder_of(row) for row in rows}
    wanted, found = set(external_ids), {}
    for holder in held.values():
        if holder.external_id in wanted:
            into = holder.merged_into
            # One that was merged while it was waited for leads to somebody who is not held yet.
            leads_to = holder if into is None else held.get(into) or await lock_holder(conn, into)
            found[holder.external_id] = leads_to
    return found


async def lock_record(conn: Connection, external_id: str) -> Holder:
    """Return the record that has the external id itself, merged or not, held; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["lock_record"], external_id)
    if row is None:
        raise NotFound(f"There is no holder with the external_id {external_id!r}.")
    return holder_of(row)


async def resolve_external_ids(conn: Connection, external_ids: Sequence[str]) -> dict[str, UUID]:
    """Return where those external ids lead that are known: whose they are, or whom they were merged into.

    None of them is merged or erased until the transaction ends.
    """
    rows = await conn.fetch(QUERIES["resolve_external_ids"], list(external_ids))
    return {row["external_id"]: row["leads_to"] for row in rows}


async def resolve_ids(conn: Connection, holder_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return where those ids lead that are known: to the holder itself, or whom it was merged into.

    None of them is merged or erased until the transaction ends.
    """
    rows = await conn.fetch(QUERIES["resolve_ids"], list(holder_ids))
    return {row["id"]: row["leads_to"] for row in rows}


async def note_feed_date(conn: Connection, holder_id: UUID, now: datetime) -> None:
    """Note that another system has just sent a holder by its external id; that is no change of it."""
    await conn.execute(QUERIES["note_feed_date"], holder_id, now)


async def lock_managers(conn: Connection) -> None:
    """Wait until nobody else changes who manages whom, and let others wait until the transaction ends."""
    await conn.execute(QUERIES["lock_managers"])


async def manager_cycle(conn: Connection, holder_ids: Sequence[UUID]) -> list[str]:
    """Return a way up by managers that comes back to one of these holders: ids as people know them.

    An external id where there is one; each once, in order. Empty where there is no such way.
    """
    rows = await conn.fetch(QUERIES["manager_cycle"], list(holder_ids))
    return [row["label"] for row in rows]


@dataclass(frozen=True, slots=True)
class ManagerLink:
    """A holder on a way up by managers."""

    holder_id: UUID
    manager_id: UUID | None
    awaited_manager: str | None
    label: str
    """External id, or the id if there is none."""


async def read_manager_chains(conn: Connection, holder_ids: Sequence[UUID]) -> list[ManagerLink]:
    """Return everybody on the ways up by managers from these holders, themselves included."""
    return [ManagerLink(**row) for row in await conn.fetch(QUERIES["read_manager_chains"], list(holder_ids))]


async def lock_awaiting_manager(conn: Connection, external_ids: Sequence[str]) -> list[Holder]:
    """Return the holders that named one of these external ids as their manager before it was known."""
    rows = await conn.fetch(QUERIES["lock_awaiting_manager"], list(external_ids))
    return [holder_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Absence:
    """Who of one kind a feed has named since an instant, and who of them that it knows it has not."""

    named: int
    absent: int
    """Active ones with an external id, whom it has not named and who were entered before."""


async def count_absent(conn: Connection, kind: HolderKind, since: datetime) -> Absence:
    """Return how many holders of the kind a feed has named since, and how many it has not."""
    row = await conn.fetchrow(QUERIES["count_absent"], kind.value, since)
    assert row is not None  # noqa: S101  # counts are always there
    return Absence(named=row["named"], absent=row["absent"])


async def lock_absent(
    conn: Connection, kind: HolderKind, since: datetime, limit: int
) -> list[tuple[Holder, datetime | None]]:
    """Return some of those whom a feed has not named since, with when it last did; held, by id."""
    rows = await conn.fetch(QUERIES["lock_absent"], kind.value, since, limit)
    return [(holder_of(row), row["named_at"]) for row in rows]


async def lock_affected(conn: Connection, holder_ids: Sequence[UUID], limit: int) -> dict[UUID, Holder]:
    """Return these holders and whoever reports to the first or was merged into it, held, in one order."""
    rows = await conn.fetch(QUERIES["lock_affected"], list(holder_ids), holder_ids[0], limit)
    return {row["id"]: holder_of(row) for row in rows}


async def fence(conn: Connection, holder_id: UUID) -> None:
    """Let whoever is about to refer to the holder, or to one that was merged into it, wait."""
    await conn.execute(QUERIES["fence"], holder_id)


async def ids_merged_into(conn: Connection, holder_id: UUID) -> list[UUID]:
    """Return the records that turned out to be this holder."""
    return [row["id"] for row in await conn.fetch(QUERIES["ids_merged_into"], holder_id)]


@dataclass(frozen=True, slots=True)
class HolderHistoryLine:
    """One change of a holder: what, by whom, when and why."""

    version: int
    event_type: str
    changed: tuple[str, ...]
    reason: str | None
    note: str | None
    actor: str
    at: datetime


async def read_history(conn: Connection, holder_id: UUID, after: int, limit: int) -> list[HolderHistoryLine]:
    """Return what happened to a holder after the version `after`, oldest first."""
    rows = await conn.fetch(QUERIES["read_history"], holder_id, after, limit)
    return [
        HolderHistoryLine(**fields_of(HolderHistoryLine, row) | {"changed": tuple(row["changed"])})
        for row in rows
    ]


class HolderSort(Ordering):
    """What a list of holders is ordered by, and backwards."""

    ENTRY = "id"
    LATEST_ENTRY = "-id"
    NAME = "name"
    NAME_BACKWARDS = "-name"


@dataclass(frozen=True, slots=True)
class HolderFilter:
    """Which holders a list shows, all conditions together; `None` asks for nothing."""

    q: str | None = None
    """Words, each of which is found in name, external id or e-mail address."""
    kind: HolderKind | None = None
    team: str | None = None
    location: str | None = None
    role: str | None = None
    queue: str | None = None
    active: bool | None = None


async def list_holders(
    conn: Connection,
    wanted: HolderFilter,
    *,
    limit: int,
    sees: Sees,
    sort: HolderSort = HolderSort.ENTRY,
    after: tuple[UUID, str] | None = None,
) -> list[Holder]:
    """Return the next holders that the filter asks for and that are seen, in order.

    They come `after` a holder's id and, where the list is sorted by it, name.
    """
    given: dict[str, Any] = {
        "limit": limit,
        "kind": wanted.kind,
        "team": wanted.team,
        "location": wanted.location,
        "teams": sees.teams,
        "locations": sees.locations,
        "role": wanted.role,
        "queue": wanted.queue,
        "active": wanted.active or None,
        "inactive": wanted.active is False or None,
        sort.clause: True,
        "backwards": sort.backwards or None,
    }
    given |= {f"word_{number}": word for number, word in enumerate(words(wanted.q), start=1)}
    if after is not None:
        given |= {f"after_{sort.clause}": True, "after_id": after[0], "after": after[1]}
    return [holder_of(row) for row in await TEMPLATES["list_holders"].fetch(conn, given)]


async def lock_holders_after(conn: Connection, after: UUID | None, limit: int) -> list[Holder]:
    """Return holders in the order of their ids, after `after`, held until the transaction ends."""
    return [holder_of(row) for row in await conn.fetch(QUERIES["lock_holders_after"], after, limit)]


async def _found(conn: Connection, row: asyncpg.Record | None, holder_id: UUID) -> Holder:
    if row is not None:
        return holder_of(row)
    if await erased_among(conn, [str(holder_id)]):
        raise Gone(f"The holder {holder_id} was erased.")
    raise NotFound(f"There is no holder {holder_id}.")


def holder_of(row: Row) -> Holder:
    """Return the holder that a row is."""
    return Holder(
        **fields_of(Holder, row)
        | {
            "kind": HolderKind(row["kind"]),
            "roles": tuple(row["roles"]),
            "queues": tuple(row["queues"]),
            "attributes": json.loads(row["attributes"]),
        }
    )
