"""Items in the database."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from licet_certifications.worklist.model import Deciders, Item
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries, load_templates

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)


@dataclass(frozen=True, slots=True)
class Listed:
    """An item with where its holder is, which decides who sees it."""

    item: Item
    team: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items are asked for; what is `None` is not asked."""

    kinds: Sequence[str] | None = None
    holder_id: UUID | None = None
    enrolment_id: UUID | None = None
    teams: Collection[str] | None = None
    """Only items about people of these teams; items about nobody known are left out then."""
    locations: Collection[str] | None = None


async def open_item(conn: Connection, item: Item) -> None:
    """Let something wait. One of the same kind and subject that waits already keeps its id and its age."""
    deciders = item.deciders
    await conn.execute(
        QUERIES["open_item"], item.id, item.kind, item.subject, item.holder_id, item.enrolment_id,
        item.since, item.needs, deciders.scope, list(deciders.teams), list(deciders.locations),
        list(deciders.barred), json.dumps(dict(item.details)),
    )  # fmt: skip


async def open_items(conn: Connection, items: Sequence[Item]) -> None:
    """Let several things wait, as `open_item` does; no two of them have the same kind and subject."""
    rows = [
        {
            "id": str(item.id),
            "kind": item.kind,
            "subject": item.subject,
            "holder_id": None if item.holder_id is None else str(item.holder_id),
            "enrolment_id": None if item.enrolment_id is None else str(item.enrolment_id),
            "since": item.since.isoformat(),
            "needs": item.needs,
            "scope": item.deciders.scope,
            "teams": item.deciders.teams,
            "locations": item.deciders.locations,
            "barred": item.deciders.barred,
            "details": dict(item.details),
        }
        for item in items
    ]
    await conn.execute(QUERIES["open_items"], json.dumps(rows))


async def close_items(
    conn: Connection, kind: str, subjects: Collection[str], *, decision: str, actor: str, now: datetime
) -> None:
    """Note that several things of a kind no longer wait; those that do not are passed over."""
    await conn.execute(QUERIES["close_items"], kind, list(subjects), now, decision, actor)


async def close_item(
    conn: Connection,
    kind: str,
    subject: str,
    *,
    decision: str,
    actor: str,
    now: datetime,
    reason: str | None = None,
) -> None:
    """Note that something no longer waits; does nothing where it does not. `reason` is in words."""
    await conn.execute(QUERIES["close_item"], kind, subject, now, decision, actor, reason)


async def lock_item(conn: Connection, item_id: UUID) -> Listed:
    """Return an item; it and its holder's enrolments are held until the end. Raises `NotFound`."""
    await conn.execute(QUERIES["hold_enrolments"], item_id)
    row = await conn.fetchrow(QUERIES["lock_item"], item_id)
    if row is None:
        raise NotFound(f"There is no item {item_id} on the worklist.")
    return _listed(row)


async def list_items(
    conn: Connection, asked: ItemFilter, *, after: tuple[datetime, UUID] | None, limit: int
) -> list[Listed]:
    """Return what waits, oldest first, after one."""
    given = {
        "kinds": None if asked.kinds is None else list(asked.kinds),
        "holder_id": asked.holder_id,
        "enrolment_id": asked.enrolment_id,
        "teams": None if asked.teams is None else sorted(asked.teams),
        "locations": None if asked.locations is None else sorted(asked.locations),
        "after_since": after[0] if after else None,
        "after_id": after[1] if after else None,
        "limit": limit,
    }
    return [_listed(row) for row in await TEMPLATES["list_items"].fetch(conn, given)]


async def lead_on(conn: Connection, merged: UUID, into: UUID) -> None:
    """Give what waits, or waited, about a merged holder to the one whom it leads to."""
    await conn.execute(QUERIES["lead_on"], merged, into)


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete what waits, or waited, about a holder."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


def _listed(row: "asyncpg.Record") -> Listed:
    item = Item(
        id=row["id"],
        kind=row["kind"],
        subject=row["subject"],
        since=row["since"],
        needs=row["needs"],
        holder_id=row["holder_id"],
        enrolment_id=row["enrolment_id"],
        deciders=Deciders(row["scope"], tuple(row["teams"]), tuple(row["locations"]), tuple(row["barred"])),
        details=json.loads(row["details"]),
        closed_at=row["closed_at"],
        decision=row["decision"],
        decided_by=row["decided_by"],
    )
    return Listed(item, row["team"], row["location"])
