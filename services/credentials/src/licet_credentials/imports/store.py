"""Imports, their staged rows, their reports and their effects in the database."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries
from licet_credentials.holders.model import Holder
from licet_credentials.imports.detecting import Dialect
from licet_credentials.imports.model import UNDONE_REASON, Outcome, Rank, RowError, RowResult, State, rank_of
from licet_credentials.rows import jsonb
from licet_events.holders import HolderDeactivated, HolderReactivated

QUERIES = load_queries(__package__ or "")

CREDENTIALS, HOLDERS = 1, 2
"""The steps of undoing, in order: a holder has to have lost its credentials first."""


@dataclass(frozen=True, slots=True)
class Import:
    """An import as it is shown."""

    id: UUID
    state: State
    mapping_name: str
    dry_run: bool
    file_name: str
    file_size: int
    encoding: str
    delimiter: str
    total_rows: int | None
    done_rows: int
    counts: Mapping[str, int]
    types_created: tuple[str, ...]
    undo_counts: Mapping[str, int]
    problem: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


@dataclass
class Work:
    """An import in hand: what it takes to go on with it."""

    id: UUID
    state: State
    mapping: str
    dry_run: bool
    dialect: Dialect
    cursor_key: str | None
    """The holder up to whom the rows are worked off."""
    total_rows: int | None
    done_rows: int
    counts: Counter[str]
    types_created: set[str]
    undo_step: int
    undo_after: UUID | None
    undo_counts: Counter[str]


@dataclass(frozen=True, slots=True)
class NewImport:
    """What is known of an import when it is taken in."""

    id: UUID
    mapping_name: str
    mapping: str
    dry_run: bool
    file_name: str
    file_size: int
    dialect: Dialect
    actor: str


async def insert_import(conn: Connection, new: NewImport, now: datetime) -> None:
    """Take in an import; its file comes in pieces."""
    await conn.execute(
        QUERIES["insert_import"], new.id, new.mapping_name, new.mapping, new.dry_run, new.file_name,
        new.file_size, new.dialect.encoding, new.dialect.delimiter, new.actor, now,
    )  # fmt: skip


async def insert_chunk(conn: Connection, import_id: UUID, ordinal: int, content: bytes) -> None:
    """Keep a piece of a file."""
    await conn.execute(QUERIES["insert_chunk"], import_id, ordinal, content)


async def read_chunks(conn: Connection, import_id: UUID) -> AsyncIterator[bytes]:
    """Yield the pieces of a file."""
    ordinal = 0
    while True:
        piece: bytes | None = await conn.fetchval(QUERIES["read_chunk"], import_id, ordinal)
        if piece is None:
            return
        yield piece
        ordinal += 1


async def read_import(conn: Connection, import_id: UUID) -> Import:
    """Return an import; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["read_import"], import_id)
    if row is None:
        raise NotFound(f"There is no import {import_id}.")
    return _import_of(row)


async def list_imports(
    conn: Connection, state: State | None, before: UUID | None, limit: int
) -> list[Import]:
    """Return imports, the latest first, before the id `before`."""
    return [_import_of(row) for row in await conn.fetch(QUERIES["list_imports"], before, state, limit)]


def _import_of(row: Any) -> Import:
    return Import(
        **{
            **row,
            "state": State(row["state"]),
            "counts": json.loads(row["counts"]),
            "undo_counts": json.loads(row["undo_counts"]),
            "types_created": tuple(row["types_created"]),
        }
    )


async def open_imports(conn: Connection) -> list[tuple[UUID, str]]:
    """Return the imports at which there is something to do, the oldest first, and who wants it done."""
    return [(row["id"], row["actor"]) for row in await conn.fetch(QUERIES["open_imports"])]


async def hold_import(conn: Connection, import_id: UUID) -> Work | None:
    """Return an import for this transaction alone; `None` if another has it or nothing is to do."""
    if not await conn.fetchval(QUERIES["hold_import"], import_id):
        return None
    row = await conn.fetchrow(QUERIES["read_work"], import_id)
    if row is None:
        return None
    return Work(
        id=row["id"],
        state=State(row["state"]),
        mapping=row["mapping"],
        dry_run=row["dry_run"],
        dialect=Dialect(row["encoding"], row["delimiter"]),
        cursor_key=row["cursor_key"],
        total_rows=row["total_rows"],
        done_rows=row["done_rows"],
        counts=Counter(json.loads(row["counts"])),
        types_created=set(row["types_created"]),
        undo_step=row["undo_step"],
        undo_after=row["undo_after"],
        undo_counts=Counter(json.loads(row["undo_counts"])),
    )


async def read_state(conn: Connection, import_id: UUID) -> State:
    """Return the state of an import that is there."""
    return State(await conn.fetchval(QUERIES["read_state"], import_id))


async def start_running(
    conn: Connection, import_id: UUID, total_rows: int, rejected: int, now: datetime
) -> bool:
    """Note that all rows are staged; returns whether the import is to go on."""
    counts = jsonb({Outcome.REJECTED: rejected} if rejected else {})
    return bool(await conn.fetchval(QUERIES["start_running"], import_id, total_rows, rejected, counts, now))


async def keep_progress(conn: Connection, work: Work, now: datetime) -> None:
    """Note how far an import has come."""
    await conn.execute(
        QUERIES["keep_progress"], work.id, work.cursor_key, work.done_rows, jsonb(work.counts),
        sorted(work.types_created), now,
    )  # fmt: skip


async def keep_undo_progress(conn: Connection, work: Work, now: datetime) -> None:
    """Note how far the undoing of an import has come."""
    await conn.execute(
        QUERIES["keep_undo_progress"], work.id, work.undo_step, work.undo_after, jsonb(work.undo_counts), now
    )


async def finish_import(
    conn: Connection, import_id: UUID, state: State, problem: str | None, now: datetime
) -> None:
    """Note how an import ended, and drop the file and what was staged of it."""
    await conn.execute(QUERIES["finish_import"], import_id, state, problem, now)
    for query in ("drop_chunks", "drop_staged", "drop_numbers", "drop_managers"):
        await conn.execute(QUERIES[query], import_id, timeout=_DROPPING)


async def drop_file(conn: Connection, import_id: UUID) -> None:
    """Drop the file of an import."""
    await conn.execute(QUERIES["drop_chunks"], import_id, timeout=_DROPPING)


_DROPPING = 600.0
"""Seconds that dropping what was staged of the largest file may take."""


async def change_state(
    conn: Connection, import_id: UUID, to: State, among: Sequence[State], undone_by: str | None, now: datetime
) -> bool:
    """Ask for something to be done with an import; returns whether its state allows it."""
    found = await conn.fetchval(QUERIES["change_state"], import_id, to, undone_by, now, list(among))
    return found is not None


StagedRow = tuple[str, int, bytes]
"""The key of its holder, its line, its packed cells."""


async def stage_rows(conn: Connection, import_id: UUID, rows: Sequence[StagedRow]) -> None:
    """Keep rows until they are worked off."""
    await conn.copy_records_to_table(
        "import_staged",
        records=((import_id, *row) for row in rows),
        columns=("import_id", "holder_key", "line", "cells"),
    )


async def staged_rows(conn: Connection, import_id: UUID, after: str | None, limit: int) -> list[StagedRow]:
    """Return the next staged rows after a holder, holder by holder."""
    return [tuple(row) for row in await conn.fetch(QUERIES["staged_rows"], import_id, after, limit)]


async def staged_rows_of(conn: Connection, import_id: UUID, holder_key: str, limit: int) -> list[StagedRow]:
    """Return staged rows of one holder."""
    return [tuple(row) for row in await conn.fetch(QUERIES["staged_rows_of"], import_id, holder_key, limit)]


async def reject_staged_rows_of(conn: Connection, import_id: UUID, holder_key: str, error: RowError) -> int:
    """Reject all staged rows of one holder; returns how many."""
    done = await conn.execute(
        QUERIES["reject_staged_rows_of"], import_id, holder_key, jsonb([error._asdict()])
    )
    return int(done.rpartition(" ")[2])


@dataclass(slots=True)
class Reported:
    """What is kept of a row in the report."""

    result: RowResult
    credential_id: UUID | None = None
    holder_key: str | None = None


async def insert_report(conn: Connection, import_id: UUID, rows: Sequence[Reported]) -> None:
    """Keep what became of rows; the holder's key only beside what the row said."""
    await conn.copy_records_to_table(
        "import_rows",
        records=[
            (
                import_id,
                row.result.line,
                row.result.outcome,
                row.credential_id,
                row.holder_key if row.result.errors else None,
                to_json([error._asdict() for error in row.result.errors]).decode()
                if row.result.errors
                else None,
            )
            for row in rows
        ],
        columns=("import_id", "line", "outcome", "credential_id", "holder_key", "errors"),
    )


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What became of one row, as it is shown."""

    line: int
    outcome: Outcome
    credential_id: UUID | None
    errors: tuple[Mapping[str, Any], ...]
    undo: str | None
    undo_reason: str | None


async def report_rows(
    conn: Connection, import_id: UUID, outcome: Outcome | None, after: int, limit: int
) -> list[ReportLine]:
    """Return what became of rows, after the line `after`."""
    return [
        ReportLine(
            row["line"],
            Outcome(row["outcome"]),
            row["credential_id"],
            tuple(json.loads(row["errors"] or "[]")),
            row["undo"],
            row["undo_reason"],
        )
        for row in await conn.fetch(QUERIES["report_rows"], import_id, after, outcome, limit)
    ]


async def count_open(conn: Connection) -> int:
    """Return at how many imports there is something to do."""
    count: int = await conn.fetchval(QUERIES["count_open"])
    return count


@dataclass(frozen=True, slots=True)
class Effect:
    """What an import has made or changed, and the version that it left."""

    step: int
    id: UUID
    version: int
    created: bool
    terms: tuple[UUID, ...] = ()
    """Of a credential that was there before, those that it got."""
    more: bool = False
    """Whether that is not all that was changed of it."""
    line: int | None = None
    """Of a holder that was there before, the row whose facts were taken over."""


async def keep_effects(conn: Connection, import_id: UUID, effects: Sequence[Effect]) -> None:
    """Keep what an import has made or changed."""
    await conn.execute(
        QUERIES["keep_effects"],
        import_id,
        [effect.step for effect in effects],
        [effect.id for effect in effects],
        [effect.version for effect in effects],
        [effect.created for effect in effects],
        [f"{{{','.join(map(str, effect.terms))}}}" for effect in effects],
        [effect.more for effect in effects],
        [effect.line for effect in effects],
    )


async def keep_links(conn: Connection, import_id: UUID, linked: Sequence[Holder]) -> None:
    """Keep which holders were linked to managers whom an import has entered, after what it did to them."""
    ids, versions = [holder.id for holder in linked], [holder.version for holder in linked]
    await conn.execute(QUERIES["keep_links"], import_id, HOLDERS, ids, versions)


async def next_effects(
    conn: Connection, import_id: UUID, step: int, after: UUID | None, limit: int
) -> list[Effect]:
    """Return what is to be undone next."""
    rows = await conn.fetch(QUERIES["next_effects"], import_id, step, after, limit)
    return [Effect(**{**row, "terms": tuple(row["terms"])}) for row in rows]


@dataclass(slots=True)
class Undone:
    """What became of undoing one effect."""

    id: UUID
    undo: str
    reason: str | None = None


async def note_undone(conn: Connection, import_id: UUID, step: int, undone: Sequence[Undone]) -> None:
    """Keep what became of undoing."""
    await conn.execute(
        QUERIES["note_undone"], import_id, step, [each.id for each in undone], [each.undo for each in undone],
        [each.reason for each in undone],
    )  # fmt: skip


async def changed_since(conn: Connection, effects: Sequence[Effect]) -> set[UUID]:
    """Return which of the effects, all of one step, are on what somebody has changed since."""
    if not effects:
        return set()
    step = effects[0].step
    name = "credentials_changed_since" if step == CREDENTIALS else "holders_changed_since"
    ids, versions = [effect.id for effect in effects], [effect.version for effect in effects]
    return {row["id"] for row in await conn.fetch(QUERIES[name], ids, versions)}


async def holders_undone(conn: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these holders are inactive because an import that had entered them was undone."""
    if not ids:
        return set()
    rows = await conn.fetch(
        QUERIES["holders_undone"],
        ids,
        UNDONE_REASON,
        HolderDeactivated.event_type,
        HolderReactivated.event_type,
    )
    return {row["holder_id"] for row in rows}


async def holders_with_credentials(conn: Connection, ids: Sequence[UUID]) -> set[UUID]:
    """Return which of these holders have a credential that is not voided."""
    return {row["holder_id"] for row in await conn.fetch(QUERIES["holders_with_credentials"], ids)}


async def location_zones(conn: Connection, codes: Sequence[str]) -> dict[str, str]:
    """Return the zones of those locations that have one."""
    rows = await conn.fetch(QUERIES["location_zones"], codes) if codes else []
    return {row["code"]: row["time_zone"] for row in rows}


CredentialKey = tuple[UUID, str, str | None]
"""Whose it is, its type's code, its number."""


async def credentials_of(conn: Connection, keys: Sequence[CredentialKey]) -> dict[CredentialKey, UUID]:
    """Return the credentials that holders have; of several without a number the first recorded."""
    if not keys:
        return {}
    rows = await conn.fetch(QUERIES["credentials_of"], *(list(each) for each in zip(*keys, strict=True)))
    return {(row["holder_id"], row["type"], row["number"]): row["id"] for row in rows}


async def newest_terms(conn: Connection, holder_ids: Sequence[UUID]) -> dict[UUID, Rank]:
    """Return the rank of the newest imported term of each holder that has one."""
    rows = await conn.fetch(QUERIES["newest_terms"], holder_ids) if holder_ids else []
    return {
        row["holder_id"]: rank_of(row["valid_from"], row["expires_on"], row["source_key"]) for row in rows
    }


NumberKey = tuple[str, str, str]
"""Type, scope and number: what is unique."""


async def taken_numbers(
    conn: Connection, import_id: UUID, wanted: Sequence[NumberKey]
) -> dict[NumberKey, UUID]:
    """Return which of these numbers are taken, and by what; in a dry run also by what it would record."""
    columns = [list(column) for column in zip(*wanted, strict=True)]
    rows = await conn.fetch(QUERIES["taken_numbers"], *columns, import_id) if wanted else []
    return {(row["type"], row["scope"], row["number"]): row["id"] for row in rows}


async def keep_numbers(conn: Connection, import_id: UUID, taken: Mapping[NumberKey, UUID]) -> None:
    """Keep which numbers a dry run would have taken."""
    if taken:
        columns = [list(column) for column in zip(*taken, strict=True)]
        await conn.execute(QUERIES["keep_numbers"], import_id, *columns, list(taken.values()))


async def keep_managers(conn: Connection, import_id: UUID, managers: Mapping[str, str]) -> None:
    """Keep who would report to whom after a dry run, by external ids."""
    if managers:
        await conn.execute(
            QUERIES["keep_managers"], import_id, list(managers.keys()), list(managers.values())
        )


async def managers_kept(conn: Connection, import_id: UUID, reports: Sequence[str]) -> dict[str, str]:
    """Return to whom those would report whom this dry run has given a manager."""
    rows = await conn.fetch(QUERIES["managers_kept"], import_id, reports)
    return {row["report"]: row["manager"] for row in rows}


async def hold_open_imports(conn: Connection) -> None:
    """Wait for the batches in hand, and let no other begin until the transaction ends.

    Whoever then deletes staged rows can be sure that nobody has read them. Before any lock on holders.
    """
    await conn.execute(QUERIES["hold_open_imports"])


async def forget_holders(
    conn: Connection, external_ids: Sequence[str], texts: Sequence[str] = ()
) -> list[UUID]:
    """Remove what imports still have of holders, for an erasure.

    Staged rows go, and what rejected rows said goes from every report: that of the holders' rows, and,
    for rows whose holder could not be read, what has one of the texts (names, addresses, numbers).
    Returns the imports whose files are not cut into rows yet, in which they may still be: a matter of
    seconds; come again after that.
    """
    keys = list(external_ids)
    await conn.execute(QUERIES["forget_staged"], keys)
    await conn.execute(QUERIES["forget_reported"], keys, [text for text in texts if text])
    return [row["id"] for row in await conn.fetch(QUERIES["files_kept"])]
