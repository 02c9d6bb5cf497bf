"""SQL of bulk actions."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries
from licet_credentials.bulk.actions import action_json
from licet_credentials.bulk.model import Action, BulkJob, BulkOutcome, BulkResult, BulkState, ReportLine
from licet_credentials.errors import NumberTaken
from licet_credentials.rows import Row, jsonb
from licet_credentials.visibility.model import Sees

QUERIES = load_queries(__package__ or "")


async def insert_bulk(
    conn: Connection,
    bulk_id: UUID,
    action: Action,
    ids: Sequence[UUID],
    *,
    dry_run: bool,
    actor: str,
    sees: Sees,
    now: datetime,
) -> None:
    """Store a job with its credentials, all pending."""
    await conn.execute(
        QUERIES["insert_bulk"],
        bulk_id,
        action_json(action),
        dry_run,
        actor,
        sees.teams,
        sees.locations,
        ids,
        now,
    )


async def read_bulk(conn: Connection, bulk_id: UUID, sees: Sees) -> BulkJob:
    """Return a job; raises `NotFound`, also if its submitter could see more than the caller can."""
    row = await conn.fetchrow(QUERIES["read_bulk"], bulk_id)
    job = None if row is None else _job(row)
    if job is None or not job.sees.within(sees):
        raise NotFound(f"There is no bulk action {bulk_id}.")
    return job


async def list_bulks(conn: Connection, sees: Sees, after: UUID | None, limit: int) -> list[BulkJob]:
    """Return a page of jobs, the latest first: those whose submitters saw no more than the caller does."""
    rows = await conn.fetch(QUERIES["list_bulks"], sees.teams, sees.locations, after, limit)
    return [_job(row) for row in rows]


async def open_bulks(conn: Connection, limit: int) -> list[tuple[UUID, str]]:
    """Return running jobs and their submitters, the oldest first."""
    return [(row["id"], row["actor"]) for row in await conn.fetch(QUERIES["open_bulks"], limit)]


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """A claimed credential, and the action to apply to it; `action` is the stored form."""

    ordinal: int
    credential_id: UUID
    action: str
    dry_run: bool
    sees: Sees


async def claim_row(conn: Connection, bulk_id: UUID) -> ClaimedRow | None:
    """Claim the next pending credential of a running job; returns `None` if there is none."""
    job = await conn.fetchrow(QUERIES["hold_running"], bulk_id)
    row = None if job is None else await conn.fetchrow(QUERIES["claim_row"], bulk_id)
    if job is None or row is None:
        return None
    return ClaimedRow(row["ordinal"], row["credential_id"], job["action"], job["dry_run"], _sees(job))


async def finish_row(conn: Connection, bulk_id: UUID, ordinal: int, result: BulkResult) -> None:
    """Store the outcome for a credential."""
    changes = None if result.changes is None else jsonb(result.changes)
    await conn.execute(
        QUERIES["finish_row"], bulk_id, ordinal, result.outcome.value, result.detail, changes, result.takes
    )


async def take_number(conn: Connection, bulk_id: UUID, credential_id: UUID) -> UUID | None:
    """Return a hash of the number that a credential would take in a dry run, or `None` if it takes none.

    Raises `NumberTaken` if an earlier credential of the job would take the same number. Other instances
    wait until the transaction ends.
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
    """Mark a job as finished if none of its credentials is pending."""
    await conn.execute(QUERIES["finish_bulk"], bulk_id, now)


async def cancel_bulk(conn: Connection, bulk_id: UUID, now: datetime) -> bool:
    """Cancel a running job; returns `False` if it has ended."""
    done: str = await conn.execute(QUERIES["cancel_bulk"], bulk_id, now)
    return done == "UPDATE 1"


async def list_rows(
    conn: Connection, bulk_id: UUID, outcome: BulkOutcome | None, after: int, limit: int
) -> list[ReportLine]:
    """Return a page of the report, after the line with ordinal `after`."""
    rows = await conn.fetch(QUERIES["list_rows"], bulk_id, after, outcome, limit)
    return [ReportLine(row["ordinal"], row["credential_id"], _result(row)) for row in rows]


async def count_open(conn: Connection) -> int:
    """Return the number of running jobs."""
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
