"""Imports and their reports in the database."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.errors import NotFound
from licet_credentials.imports.model import Outcome, RowResult
from licet_credentials.rows import jsonb

QUERIES = load_queries(__package__ or "")


@dataclass(frozen=True, slots=True)
class Import:
    """An import as it is shown."""

    id: UUID
    state: str
    """`queued`, `running`, `finished` or `failed`."""
    mapping_name: str
    dry_run: bool
    file_name: str
    total_rows: int | None
    total_batches: int | None
    done_batches: int
    counts: Mapping[str, int]
    types_created: tuple[str, ...]
    problem: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """An import in hand: what it takes to work off a batch."""

    id: UUID
    mapping: str
    dry_run: bool
    content: bytes
    done_batches: int
    counts: Counter[str]
    types_created: frozenset[str]


async def insert_import(
    conn: Connection,
    import_id: UUID,
    *,
    mapping_name: str,
    mapping: str,
    dry_run: bool,
    file_name: str,
    content: bytes,
    actor: str,
    now: datetime,
) -> None:
    """Take in a file with its mapping."""
    await conn.execute(
        QUERIES["insert_import"], import_id, mapping_name, mapping, dry_run, file_name, content, actor, now
    )


async def read_import(conn: Connection, import_id: UUID) -> Import:
    """Return an import; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["read_import"], import_id)
    if row is None:
        raise NotFound(f"There is no import {import_id}.")
    return Import(
        **{**row, "counts": json.loads(row["counts"]), "types_created": tuple(row["types_created"])}
    )


async def next_import(conn: Connection) -> tuple[UUID, str] | None:
    """Return the oldest import that is not finished, and who sent it."""
    row = await conn.fetchrow(QUERIES["next_import"])
    return None if row is None else (row["id"], row["actor"])


async def claim_import(conn: Connection, import_id: UUID) -> Claimed | None:
    """Return the import, held until the transaction ends; `None` if it is held elsewhere or finished."""
    row = await conn.fetchrow(QUERIES["claim_import"], import_id)
    if row is None:
        return None
    return Claimed(
        id=row["id"],
        mapping=row["mapping"],
        dry_run=row["dry_run"],
        content=row["content"],
        done_batches=row["done_batches"],
        counts=Counter(json.loads(row["counts"])),
        types_created=frozenset(row["types_created"]),
    )


async def keep_progress(
    conn: Connection, claimed: Claimed, *, total_rows: int, total_batches: int, now: datetime
) -> None:
    """Note how far an import has come."""
    await conn.execute(
        QUERIES["keep_progress"],
        claimed.id,
        total_rows,
        total_batches,
        claimed.done_batches,
        jsonb(claimed.counts),
        sorted(claimed.types_created),
        now,
    )


async def finish_import(conn: Connection, import_id: UUID, problem: str | None, now: datetime) -> None:
    """Note that an import is worked off, or why it can't be."""
    state = "finished" if problem is None else "failed"
    await conn.execute(QUERIES["finish_import"], import_id, state, problem, now)


async def insert_rows(
    conn: Connection, import_id: UUID, results: Sequence[tuple[RowResult, UUID | None]]
) -> None:
    """Keep what became of rows."""
    rows = [
        {
            "line": result.line,
            "outcome": result.outcome,
            "credential_id": credential_id,
            "errors": [{name: getattr(error, name) for name in error.__slots__} for error in result.errors],
        }
        for result, credential_id in results
    ]
    await conn.execute(QUERIES["insert_rows"], import_id, jsonb(rows))


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What became of one row, as it is shown."""

    line: int
    outcome: Outcome
    credential_id: UUID | None
    errors: tuple[Mapping[str, Any], ...]


async def list_rows(
    conn: Connection, import_id: UUID, outcome: Outcome | None, after: int, limit: int
) -> list[ReportLine]:
    """Return what became of rows, after the line `after`."""
    rows = await conn.fetch(QUERIES["list_rows"], import_id, after, outcome, limit)
    return [
        ReportLine(
            row["line"], Outcome(row["outcome"]), row["credential_id"], tuple(json.loads(row["errors"]))
        )
        for row in rows
    ]


async def count_open(conn: Connection) -> int:
    """Return how many imports are not finished."""
    count: int = await conn.fetchval(QUERIES["count_open"])
    return count


async def taken_numbers(
    conn: Connection, wanted: Sequence[tuple[str, str, str]]
) -> dict[tuple[str, str, str], UUID]:
    """Return which of these (type, scope, number) other credentials have."""
    columns = [list(column) for column in zip(*wanted, strict=True)]
    rows = await conn.fetch(QUERIES["taken_numbers"], *columns) if wanted else []
    return {(row["type"], row["scope"], row["number"]): row["id"] for row in rows}
