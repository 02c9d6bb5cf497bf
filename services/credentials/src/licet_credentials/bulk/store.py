"""Jobs on many credentials in the database."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries
from licet_credentials.bulk.model import BulkJob, BulkOutcome, BulkResult, BulkState, ReportLine
from licet_credentials.errors import NumberTaken
from licet_credentials.rows import Row, jsonb
from licet_credentials.visibility.model import Sees

QUERIES = load_queries(__package__ or "")


async def insert_bulk(
    conn: Connection,
    bulk_id: UUID,
    action: str,
    ids: Sequence[UUID],
    *,
    dry_run: bool,
    actor: str,
    sees: Sees,
    now: datetime,
) -> None:
    """Keep a job with its credentials; `action` is JSON."""
    await conn.execute(
        QUERIES["insert_bulk"], bulk_id, action, dry_run, actor, sees.teams, sees.locations, ids, now
    )


async def read_bulk(conn: Connection, bulk_id: UUID, sees: Sees) -> BulkJob:
    """Return a job; raises `NotFound`, also for one that saw somebody who is not seen now."""
    row = await conn.fetchrow(QUERIES["read_bulk"], bulk_id)
    job = None if row is None else _job(row)
    if job is None or not job.sees.within(sees):
        raise NotFound(f"There is no bulk action {bulk_id}.")
    return job


async def list_bulks(conn: Connection, sees: Sees, after: UUID | None, limit: int) -> list[BulkJob]:
    """Return a page of jobs, the latest first: those that saw nobody who is not seen now."""
    rows = await conn.fetch(QUERIES["list_bulks"], sees.teams, sees.locations, after, limit)
    return [_job(row) for row in rows]


async def open_bulks(conn: Connection, limit: int) -> list[tuple[UUID, str]]:
    """Return jobs that are not finished and who asked for them, the oldest first."""
    return [(row["id"], row["actor"]) for row in await conn.fetch(QUERIES["open_bulks"], limit)]


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """One credential in hand, and what is to be done with it."""

    ordinal: int
    credential_id: UUID
    action: str
    dry_run: bool
    sees: Sees


async def claim_row(conn: Connection, bulk_id: UUID) -> ClaimedRow | None:
    """Return the next credential of a job that runs, held with it; `None` where nothing waits."""
    job = await conn.fetchrow(QUERIES["hold_running"], bulk_id)
    row = None if job is None else await conn.fetchrow(QUERIES["claim_row"], bulk_id)
    if job is None or row is None:
        return None
    return ClaimedRow(row["ordinal"], row["credential_id"], job["action"], job["dry_run"], _sees(job))


async def finish_row(conn: Connection, bulk_id: UUID, ordinal: int, result: BulkResult) -> None:
    """Note what came of a credential."""
    changes = None if result.changes is None else jsonb(result.changes)
    await conn.execute(
        QUERIES["finish_row"], bulk_id, ordinal, result.outcome.value, result.detail, changes, result.takes
    )


async def take_number(conn: Connection, bulk_id: UUID, credential_id: UUID) -> UUID | None:
    """Return which number a credential takes, as the dry run has made it; a hash, `None` where it takes none.

    Raises `NumberTaken` where one took it that was tried before; others wait until the transaction ends.
    """
    await conn.execute(QUERIES["hold_numbers"], bulk_id)
    row = await conn.fetchrow(QUERIES["number_taken"], bulk_id, credential_id)
    if row is None:
        return None
    if row["other"] is not None:
        raise NumberTaken(row["number"], row["other"])
    key: UUID = row["key"]
    return key


async def finish_bulk(conn: Connection, bulk_id: UUID, now: datetime) -> None:
    """Note that a job is finished, if nothing of it waits."""
    await conn.execute(QUERIES["finish_bulk"], bulk_id, now)


async def cancel_bulk(conn: Connection, bulk_id: UUID, now: datetime) -> bool:
    """End a job that runs; returns whether it did."""
    done: str = await conn.execute(QUERIES["cancel_bulk"], bulk_id, now)
    return done == "UPDATE 1"


async def list_rows(
    conn: Connection, bulk_id: UUID, outcome: BulkOutcome | None, after: int, limit: int
) -> list[ReportLine]:
    """Return a page of what came of a job's credentials, after the one with that number."""
    rows = await conn.fetch(QUERIES["list_rows"], bulk_id, after, outcome, limit)
    return [ReportLine(row["ordinal"], row["credential_id"], _result(row)) for row in rows]


async def count_open(conn: Connection) -> int:
    """Return how many jobs are not finished."""
    count: int = await conn.fetchval(QUERIES["count_open"])
    return count


def _result(row: Row) -> BulkResult | None:
    if row["outcome"] is None:
        return None
    changes: Any = None if row["changes"] is None else json.loads(row["changes"])
    return BulkResult(BulkOutcome(row["outcome"]), row["detail"], changes)


def _sees(row: Row) -> Sees:
    teams, locations = row["teams"], row["locations"]
    return Sees(None if teams is None else tuple(teams), None if locations is None else tuple(locations))


def _job(row: Row) -> BulkJob:
    return BulkJob(
        id=row["id"],
        state=BulkState(row["state"]),
        action=json.loads(row["action"]),
        dry_run=row["dry_run"],
        actor=row["actor"],
        sees=_sees(row),
        total=row["total"],
        counts=json.loads(row["counts"]),
        created_at=row["created_at"],
        finished_at=row["finished_at"],
    )
