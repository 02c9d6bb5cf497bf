"""Statements in the database."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_certifications.xapi.model import (
    SOURCE,
    Statement,
    account_keys,
    address_keys,
    statement_id,
)
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries, load_templates

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)


@dataclass(frozen=True, slots=True)
class StatementFilter:
    """Which statements are asked for; what is `None` is not asked."""

    agent: str | None = None
    """A key, as `model.agent_key` makes it."""
    related_agents: bool = False
    """Whether the agent may stand anywhere in the statement."""
    verb: str | None = None
    activity: str | None = None
    related_activities: bool = False
    registration: UUID | None = None
    since: datetime | None = None
    until: datetime | None = None
    ascending: bool = False


async def insert_statements(conn: Connection, statements: Sequence[Statement]) -> set[UUID]:
    """Keep statements that are not there yet, and return the ids of these."""
    rows = [
        {
            "place": place,
            "id": str(one.id),
            "stored": one.stored.isoformat(),
            "document": one.document,
            "digest": one.digest.hex(),
            "verb": one.verb,
            "activity": one.activity,
            "registration": None if one.registration is None else str(one.registration),
            "agents": one.agents,
            "related_agents": one.related_agents,
            "related_activities": one.related_activities,
            "voids": None if one.voids is None else str(one.voids),
        }
        for place, one in enumerate(statements)
    ]
    return {row["id"] for row in await conn.fetch(QUERIES["insert_statements"], json.dumps(rows))}


async def digests_of(conn: Connection, ids: Collection[UUID]) -> dict[UUID, bytes]:
    """Return the digests of statements that are kept, and hold them until the transaction ends."""
    rows = await conn.fetch(QUERIES["lock_statements"], list(ids))
    return {row["id"]: row["digest"] for row in rows}


async def voiding_among(conn: Connection, ids: Collection[UUID]) -> set[UUID]:
    """Return those of the statements that take others back."""
    return {row["id"] for row in await conn.fetch(QUERIES["voiding_among"], list(ids))}


async def void_statements(conn: Connection, ids: Collection[UUID]) -> set[UUID]:
    """Take statements back; returns those that were kept and not taken back before."""
    return {row["id"] for row in await conn.fetch(QUERIES["void_statements"], list(ids))}


async def voided_by_others(conn: Connection, ids: Collection[UUID]) -> set[UUID]:
    """Return those of the statements that a kept statement takes back."""
    return {row["voids"] for row in await conn.fetch(QUERIES["voided_by_others"], list(ids))}


async def read_statement(conn: Connection, id: UUID, *, voided: bool) -> dict[str, Any] | None:
    """Return a statement that is, or is not, voided; `None` where there is none."""
    text = await conn.fetchval(QUERIES["read_statement"], id, voided)
    return None if text is None else json.loads(text)


async def list_statements(
    conn: Connection, asked: StatementFilter, *, after: int | None, limit: int
) -> list[tuple[int, dict[str, Any]]]:
    """Return statements with their places, newest first or as asked, after a place."""
    given = {
        "agent": None if asked.related_agents else asked.agent,
        "related_agent": asked.agent if asked.related_agents else None,
        "verb": asked.verb,
        "activity": None if asked.related_activities else asked.activity,
        "related_activity": asked.activity if asked.related_activities else None,
        "registration": asked.registration,
        "since": asked.since,
        "until": asked.until,
        "ascending": asked.ascending or None,
        "ascending_after": True if asked.ascending and after is not None else None,
        "after": after if asked.ascending else None,
        "before": None if asked.ascending else after,
        "limit": limit,
    }
    rows = await TEMPLATES["list_statements"].fetch(conn, given)
    return [(row["place"], json.loads(row["document"])) for row in rows]


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete every statement that names a holder; the facts and accounts still have to know the holder."""
    address = await conn.fetchval(QUERIES["addresses_of_holder"], holder_id)
    accounts = [row["account_key"] for row in await conn.fetch(QUERIES["accounts_of_holder"], holder_id)]
    completed = await conn.fetch(QUERIES["completed_by_statement"], holder_id, SOURCE)
    keys = [] if address is None else address_keys(address)
    keys += [key for account in accounts for key in account_keys(account)]
    ids = [one for row in completed if (one := statement_id(row["source_id"])) is not None]
    await conn.execute(QUERIES["forget_holder"], keys, ids)
