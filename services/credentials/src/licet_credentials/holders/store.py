"""SQL of holders."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.erasure import erased_among
from licet_chassis.errors import Gone, NotFound
from licet_chassis.ordering import Ordering
from licet_chassis.queries import load_queries, load_templates
from licet_chassis.words import search_words
from licet_credentials.errors import ExternalIdTaken
from licet_credentials.holders.changes import HolderChange
from licet_credentials.holders.model import Holder
from licet_credentials.rows import Row, fields_of, jsonb
from licet_credentials.visibility.model import Sees
from licet_events.holders import HolderKind

QUERIES = load_queries(__package__ or "")
TEMPLATES = load_templates(__package__ or "")


async def save_holders(conn: Connection, changes: Sequence[HolderChange], *, actor: str) -> None:
    """Write holders and their history; raises `ExternalIdTaken`."""
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
    """Return a holder; raises `NotFound`, or `Gone` for an erased one."""
    return await _found(conn, await conn.fetchrow(QUERIES["read_holder"], holder_id), holder_id)


async def read_birth_date(conn: Connection, holder_id: UUID) -> date | None:
    """Return the date of birth of a holder; `None` if it is not recorded."""
    born: date | None = await conn.fetchval(QUERIES["read_birth_date"], holder_id)
    return born


async def lock_holder(conn: Connection, holder_id: UUID) -> Holder:
    """Lock and return a holder; raises `NotFound` or `Gone`."""
    return await _found(conn, await conn.fetchrow(QUERIES["lock_holder"], holder_id), holder_id)


async def reserve_external_ids(
    conn: Connection, external_ids: Sequence[str], *, naming: Sequence[str] = ()
) -> None:
    """Lock external ids, known or not, until the transaction ends; those in `naming` in shared mode."""
    await conn.execute(QUERIES["reserve_external_ids"], list(external_ids), list(naming))


async def lock_by_external_ids(
    conn: Connection, external_ids: Sequence[str], *, naming: Sequence[str] = ()
) -> dict[str, Holder]:
    """Lock and return the holders of external ids, by external id; unknown ones are left out.

    The external id of a merged record resolves to the survivor. Other transactions that would enter one of
    these ids, or one in `naming`, wait; ids are locked in one order. Holders that await one of the ids as
    their manager are locked too.
    """
    await reserve_external_ids(conn, external_ids, naming=naming)
    rows = await conn.fetch(QUERIES["lock_holders_by_external_id"], list(external_ids))
    held = {row["id"]: holder_of(row) for row in rows}
    wanted, found = set(external_ids), {}
    for holder in held.values():
        if holder.external_id in wanted:
            into = holder.merged_into
            # If it was merged while this waited for its lock, the survivor is not locked yet.
            survivor = holder if into is None else held.get(into) or await lock_holder(conn, into)
            found[holder.external_id] = survivor
    return found


async def lock_record(conn: Connection, external_id: str) -> Holder:
    """Lock and return the record with the external id, merged or not; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["lock_record"], external_id)
    if row is None:
        raise NotFound(f"There is no holder with the external_id {external_id!r}.")
    return holder_of(row)


async def resolve_external_ids(conn: Connection, external_ids: Sequence[str]) -> dict[str, UUID]:
    """Return the holder ids of known external ids, survivors for merged records; locked for key share."""
    rows = await conn.fetch(QUERIES["resolve_external_ids"], list(external_ids))
    return {row["external_id"]: row["resolved"] for row in rows}


async def resolve_ids(conn: Connection, holder_ids: Sequence[UUID]) -> dict[UUID, UUID]:
    """Return the ids themselves, or the survivors' for merged records, of known ids; locked for key share."""
    rows = await conn.fetch(QUERIES["resolve_ids"], list(holder_ids))
    return {row["id"]: row["resolved"] for row in rows}


async def note_feed_date(conn: Connection, holder_id: UUID, now: datetime) -> None:
    """Note that a feed has named the holder; that is not a change of it."""
    await conn.execute(QUERIES["note_feed_date"], holder_id, now)


async def note_feed_dates(conn: Connection, external_ids: Sequence[str], now: datetime) -> None:
    """Note that a feed has named these holders, as far as they are known."""
    await conn.execute(QUERIES["note_feed_dates"], list(external_ids), now)


async def lock_managers(conn: Connection) -> None:
    await conn.execute(QUERIES["lock_managers"])


async def manager_cycle(conn: Connection, holder_ids: Sequence[UUID]) -> list[str]:
    """Return a cycle of managers through one of these holders, as labels in order; empty if there is none."""
    rows = await conn.fetch(QUERIES["manager_cycle"], list(holder_ids))
    return [row["label"] for row in rows]


@dataclass(frozen=True, slots=True)
class ManagerLink:
    """A holder in a chain of managers."""

    holder_id: UUID
    manager_id: UUID | None
    awaited_manager: str | None
    label: str
    """External id, or the id if there is none."""


async def read_manager_chains(conn: Connection, holder_ids: Sequence[UUID]) -> list[ManagerLink]:
    """Return the chains of managers above these holders, including the holders themselves."""
    return [ManagerLink(**row) for row in await conn.fetch(QUERIES["read_manager_chains"], list(holder_ids))]


async def lock_awaiting_manager(conn: Connection, external_ids: Sequence[str]) -> list[Holder]:
    rows = await conn.fetch(QUERIES["lock_awaiting_manager"], list(external_ids))
    return [holder_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Absence:
    """How many holders of a kind a feed has named since an instant, and how many it has not."""

    named: int
    absent: int
    """Active holders with an external id, entered before, that it has not named."""


async def count_absent(conn: Connection, kind: HolderKind, since: datetime) -> Absence:
    row = await conn.fetchrow(QUERIES["count_absent"], kind.value, since)
    assert row is not None  # noqa: S101  # an aggregate without group by has one row
    return Absence(named=row["named"], absent=row["absent"])


async def lock_absent(
    conn: Connection, kind: HolderKind, since: datetime, limit: int
) -> list[tuple[Holder, datetime | None]]:
    rows = await conn.fetch(QUERIES["lock_absent"], kind.value, since, limit)
    return [(holder_of(row), row["named_at"]) for row in rows]


async def lock_affected(conn: Connection, holder_ids: Sequence[UUID], limit: int) -> dict[UUID, Holder]:
    """Lock and return holders, with the reports of the first one and the records merged into it."""
    rows = await conn.fetch(QUERIES["lock_affected"], list(holder_ids), holder_ids[0], limit)
    return {row["id"]: holder_of(row) for row in rows}


async def fence(conn: Connection, holder_id: UUID) -> None:
    await conn.execute(QUERIES["fence"], holder_id)


async def ids_merged_into(conn: Connection, holder_id: UUID) -> list[UUID]:
    return [row["id"] for row in await conn.fetch(QUERIES["ids_merged_into"], holder_id)]


@dataclass(frozen=True, slots=True)
class HolderHistoryLine:
    """A change of a holder: what, by whom, when and why."""

    version: int
    event_type: str
    changed: tuple[str, ...]
    reason: str | None
    note: str | None
    actor: str
    at: datetime


async def read_history(conn: Connection, holder_id: UUID, after: int, limit: int) -> list[HolderHistoryLine]:
    rows = await conn.fetch(QUERIES["read_history"], holder_id, after, limit)
    return [
        HolderHistoryLine(**fields_of(HolderHistoryLine, row) | {"changed": tuple(row["changed"])})
        for row in rows
    ]


class HolderSort(Ordering):
    """Sort orders of a list of holders."""

    ENTRY = "id"
    LATEST_ENTRY = "-id"
    NAME = "name"
    NAME_BACKWARDS = "-name"


@dataclass(frozen=True, slots=True)
class HolderFilter:
    """Conditions of a list of holders, all together; `None` for any."""

    q: str | None = None
    """Words, each of which matches name, external id or e-mail address."""
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
    """Return a page of the holders that match and are seen, `after` the id and, if sorted by it, the name."""
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
    given |= {f"word_{number}": word for number, word in enumerate(search_words(wanted.q), start=1)}
    if after is not None:
        given |= {f"after_{sort.clause}": True, "after_id": after[0], "after": after[1]}
    return [holder_of(row) for row in await TEMPLATES["list_holders"].fetch(conn, given)]


async def lock_holders_after(conn: Connection, after: UUID | None, limit: int) -> list[Holder]:
    return [holder_of(row) for row in await conn.fetch(QUERIES["lock_holders_after"], after, limit)]


async def _found(conn: Connection, row: asyncpg.Record | None, holder_id: UUID) -> Holder:
    if row is not None:
        return holder_of(row)
    if await erased_among(conn, [str(holder_id)]):
        raise Gone(f"The holder {holder_id} was erased.")
    raise NotFound(f"There is no holder {holder_id}.")


def holder_of(row: Row) -> Holder:
    """Return the holder of a row."""
    return Holder(
        **fields_of(Holder, row)
        | {
            "kind": HolderKind(row["kind"]),
            "roles": tuple(row["roles"]),
            "queues": tuple(row["queues"]),
            "attributes": json.loads(row["attributes"]),
        }
    )
