"""Jobs on many holders or enrolments in the database."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from licet_certifications.bulk.model import (
    Asker,
    BulkState,
    HolderFilter,
    Job,
    Kind,
    Outcome,
    ReportLine,
    Result,
    Wanted,
)
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries, load_templates
from licet_events.sameness import target_of

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)


async def insert_job(
    conn: Connection,
    job_id: UUID,
    kind: Kind,
    request: Mapping[str, Any],
    asker: Asker,
    *,
    dry_run: bool,
    now: datetime,
) -> None:
    """Keep a job, as yet without rows."""
    await conn.execute(
        QUERIES["insert_job"], job_id, kind.value, json.dumps(request), dry_run, asker.actor,
        sorted(asker.scopes), _listed(asker.teams), _listed(asker.locations), now,
    )  # fmt: skip


async def insert_rows(conn: Connection, job_id: UUID, rows: Sequence[Wanted]) -> None:
    """Keep the rows of a job, in their order."""
    await conn.execute(
        QUERIES["insert_rows"], job_id, [row.holder_id for row in rows], [row.programme for row in rows],
        [row.refused for row in rows],
    )  # fmt: skip
    await conn.execute(QUERIES["count_rows"], job_id)


async def insert_enrolments(conn: Connection, job_id: UUID, programme: str, number: int) -> None:
    """Take in every open enrolment of a programme that is on another version than `number`.

    It is one statement within the database, so it takes no memory here however many they are.
    """
    await conn.execute(QUERIES["insert_enrolments"], job_id, programme, number, timeout=600)
    await conn.execute(QUERIES["count_rows"], job_id, timeout=600)


async def find_holders(conn: Connection, wanted: HolderFilter, asker: Asker, limit: int) -> list[UUID]:
    """Return the active holders whom a filter finds and the asker sees, in the order of their ids."""
    given = {
        "team": wanted.team,
        "location": wanted.location,
        "role": None if wanted.role is None else [target_of("role", wanted.role)],
        "queue": None if wanted.queue is None else [target_of("queue", wanted.queue)],
        "credential_type": wanted.credential_type,
        "teams": _listed(asker.teams),
        "locations": _listed(asker.locations),
        "limit": limit,
    }
    return [row["id"] for row in await TEMPLATES["holders_for"].fetch(conn, given)]


async def holders_called(conn: Connection, keys: Sequence[str]) -> dict[str, set[UUID]]:
    """Return the holders with external ids, in their comparison form; several of one are in doubt."""
    found: dict[str, set[UUID]] = {}
    for row in await conn.fetch(QUERIES["holders_called"], list(keys)):
        found.setdefault(row["external_key"], set()).add(row["id"])
    return found


async def read_job(conn: Connection, job_id: UUID, asker: Asker) -> Job:
    """Return a job; raises `NotFound`, also where it saw somebody whom the asker does not."""
    row = await conn.fetchrow(QUERIES["read_job"], job_id, _listed(asker.teams), _listed(asker.locations))
    if row is None:
        raise NotFound(f"There is no bulk action {job_id}.")
    return _job(row)


async def list_jobs(conn: Connection, asker: Asker, after: UUID | None, limit: int) -> list[Job]:
    """Return a page of jobs, the latest first: those that saw nobody whom the asker does not see."""
    rows = await conn.fetch(
        QUERIES["list_jobs"], after, _listed(asker.teams), _listed(asker.locations), limit
    )
    return [_job(row) for row in rows]


async def open_jobs(conn: Connection, limit: int) -> list[tuple[UUID, str]]:
    """Return jobs that are not finished and who asked for them, the oldest first."""
    return [(row["id"], row["actor"]) for row in await conn.fetch(QUERIES["open_jobs"], limit)]


@dataclass(frozen=True, slots=True)
class Claimed:
    """One row in hand, and what is to be done with it."""

    ordinal: int
    holder_id: UUID
    programme: str
    enrolment_id: UUID | None
    kind: Kind
    request: Mapping[str, Any]
    dry_run: bool
    asker: Asker


async def claim_row(conn: Connection, job_id: UUID) -> Claimed | None:
    """Return the next row of a job that runs, held with it; `None` where nothing waits."""
    job = await conn.fetchrow(QUERIES["hold_running"], job_id)
    row = None if job is None else await conn.fetchrow(QUERIES["claim_row"], job_id)
    if job is None or row is None:
        return None
    asker = Asker(
        job["actor"],
        frozenset(job["scopes"]),
        None if job["teams"] is None else frozenset(job["teams"]),
        None if job["locations"] is None else frozenset(job["locations"]),
    )
    return Claimed(
        **row, kind=Kind(job["kind"]), request=json.loads(job["request"]), dry_run=job["dry_run"], asker=asker
    )


async def finish_row(conn: Connection, job_id: UUID, ordinal: int, result: Result) -> None:
    """Note what came of a row."""
    await conn.execute(
        QUERIES["finish_row"], job_id, ordinal, result.outcome.value, result.detail, result.enrolment_id,
        result.status, result.complete, list(result.missing),
    )  # fmt: skip


async def finish_job(conn: Connection, job_id: UUID, now: datetime) -> None:
    """Note that a job is finished, if nothing of it waits."""
    await conn.execute(QUERIES["finish_job"], job_id, now)


async def cancel_job(conn: Connection, job_id: UUID, now: datetime) -> bool:
    """End a job that runs; returns whether it did."""
    done: str = await conn.execute(QUERIES["cancel_job"], job_id, now)
    return done == "UPDATE 1"


async def list_rows(
    conn: Connection, job_id: UUID, outcome: Outcome | None, complete: bool | None, after: int, limit: int
) -> list[ReportLine]:
    """Return a page of what came of a job's rows, after the one with that number."""
    rows = await conn.fetch(QUERIES["list_rows"], job_id, after, outcome, complete, limit)
    return [ReportLine(row["ordinal"], row["holder_id"], row["programme"], _result(row)) for row in rows]


async def count_open(conn: Connection) -> int:
    """Return how many jobs are not finished."""
    count: int = await conn.fetchval(QUERIES["count_open"])
    return count


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete what jobs say of a holder."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


def _result(row: "asyncpg.Record") -> Result | None:
    if row["outcome"] is None:
        return None
    return Result(
        Outcome(row["outcome"]), row["detail"], row["enrolment_id"], row["status"], row["complete"],
        tuple(row["missing"]),
    )  # fmt: skip


def _job(row: "asyncpg.Record") -> Job:
    return Job(
        **{
            **row,
            "kind": Kind(row["kind"]),
            "state": BulkState(row["state"]),
            "request": json.loads(row["request"]),
            "counts": json.loads(row["counts"]),
        }
    )


def _listed(codes: frozenset[str] | None) -> list[str] | None:
    return None if codes is None else sorted(codes)
