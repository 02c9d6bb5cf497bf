"""SQL of imports: jobs, staged rows, reports and undo logs."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic_core import to_json

from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries
from licet_credentials.holders.model import Holder
from licet_credentials.imports.model import (
    UNDONE_REASON,
    Dialect,
    Import,
    ImportState,
    ImportWork,
    NewImport,
    ReportEntry,
    ReportLine,
    RowError,
    RowOutcome,
    UndoEntry,
    UndoResult,
    UndoStep,
)
from licet_credentials.imports.rows import Rank, rank_of
from licet_credentials.rows import jsonb
from licet_events.holders import HolderDeactivated, HolderReactivated

QUERIES = load_queries(__package__ or "")


async def insert_import(conn: Connection, new: NewImport, now: datetime) -> None:
    await conn.execute(
        QUERIES["insert_import"], new.id, new.mapping_name, new.mapping, new.dry_run, new.file_name,
        new.file_size, new.dialect.encoding, new.dialect.delimiter, new.dialect.skipped, new.dialect.typed,
        list(new.warnings), new.actor, now,
    )  # fmt: skip


async def insert_chunk(conn: Connection, import_id: UUID, ordinal: int, content: bytes) -> None:
    await conn.execute(QUERIES["insert_chunk"], import_id, ordinal, content)


async def read_chunks(conn: Connection, import_id: UUID) -> AsyncIterator[bytes]:
    """Yield the chunks of the file in order."""
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
    conn: Connection, state: ImportState | None, before: UUID | None, limit: int
) -> list[Import]:
    """Return a page of imports, the latest first, before the id `before`."""
    return [_import_of(row) for row in await conn.fetch(QUERIES["list_imports"], before, state, limit)]


def _import_of(row: Any) -> Import:
    return Import(
        **{
            **row,
            "state": ImportState(row["state"]),
            "counts": json.loads(row["counts"]),
            "undo_counts": json.loads(row["undo_counts"]),
            "types_created": tuple(row["types_created"]),
            "warnings": tuple(row["warnings"]),
        }
    )


async def list_open_imports(conn: Connection) -> list[tuple[UUID, str]]:
    """Return open imports, the oldest first, each with the actor of its next step."""
    return [(row["id"], row["actor"]) for row in await conn.fetch(QUERIES["list_open_imports"])]


async def claim_import(conn: Connection, import_id: UUID) -> ImportWork | None:
    """Lock an open import for this transaction; returns `None` if another one has it or it is done."""
    if not await conn.fetchval(QUERIES["claim_import"], import_id):
        return None
    row = await conn.fetchrow(QUERIES["read_work"], import_id)
    if row is None:
        return None
    return ImportWork(
        id=row["id"],
        state=ImportState(row["state"]),
        mapping=row["mapping"],
        dry_run=row["dry_run"],
        dialect=Dialect(row["encoding"], row["delimiter"], row["skipped_lines"], row["typed"]),
        cursor_key=row["cursor_key"],
        total_rows=row["total_rows"],
        done_rows=row["done_rows"],
        counts=Counter(json.loads(row["counts"])),
        types_created=set(row["types_created"]),
        undo_step=UndoStep(row["undo_step"]),
        undo_after=row["undo_after"],
        undo_counts=Counter(json.loads(row["undo_counts"])),
        date_formats=None if row["date_formats"] is None else tuple(row["date_formats"]),
    )


async def read_state(conn: Connection, import_id: UUID) -> ImportState:
    return ImportState(await conn.fetchval(QUERIES["read_state"], import_id))


async def start_running(
    conn: Connection, import_id: UUID, total_rows: int, rejected: int, now: datetime
) -> bool:
    """Start importing the staged rows; returns false if the import is being cancelled."""
    counts = jsonb({RowOutcome.REJECTED: rejected} if rejected else {})
    return bool(await conn.fetchval(QUERIES["start_running"], import_id, total_rows, rejected, counts, now))


async def save_findings(
    conn: Connection, import_id: UUID, formats: Sequence[str], warnings: Sequence[str]
) -> None:
    await conn.execute(QUERIES["save_findings"], import_id, list(formats), list(warnings))


async def save_progress(conn: Connection, work: ImportWork, now: datetime) -> None:
    await conn.execute(
        QUERIES["save_progress"], work.id, work.cursor_key, work.done_rows, jsonb(work.counts),
        sorted(work.types_created), now,
    )  # fmt: skip


async def save_undo_progress(conn: Connection, work: ImportWork, now: datetime) -> None:
    await conn.execute(
        QUERIES["save_undo_progress"], work.id, work.undo_step, work.undo_after, jsonb(work.undo_counts), now
    )


async def finish_import(
    conn: Connection, import_id: UUID, state: ImportState, problem: str | None, now: datetime
) -> None:
    """End an import, and drop its file and staged rows."""
    await conn.execute(QUERIES["finish_import"], import_id, state, problem, now)
    for query in ("drop_chunks", "drop_staged", "drop_numbers", "drop_managers"):
        await conn.execute(QUERIES[query], import_id, timeout=_DROP_SECONDS)


async def drop_file(conn: Connection, import_id: UUID) -> None:
    await conn.execute(QUERIES["drop_chunks"], import_id, timeout=_DROP_SECONDS)


_DROP_SECONDS = 600.0
"""Timeout for dropping the staged rows of the largest file."""


async def change_state(
    conn: Connection,
    import_id: UUID,
    to: ImportState,
    among: Sequence[ImportState],
    undone_by: str | None,
    now: datetime,
) -> bool:
    """Change the state if it is one of `among`; returns whether it was."""
    found = await conn.fetchval(QUERIES["change_state"], import_id, to, undone_by, now, list(among))
    return found is not None


StagedRow = tuple[str, int, bytes]
"""External id of the holder, line, packed cells."""


async def stage_rows(conn: Connection, import_id: UUID, rows: Sequence[StagedRow]) -> None:
    """Stage rows by COPY."""
    await conn.copy_records_to_table(
        "import_staged",
        records=((import_id, *row) for row in rows),
        columns=("import_id", "holder_key", "line", "cells"),
    )


async def read_staged_rows(
    conn: Connection, import_id: UUID, after: str | None, limit: int
) -> list[StagedRow]:
    return [tuple(row) for row in await conn.fetch(QUERIES["read_staged_rows"], import_id, after, limit)]


async def read_staged_rows_of(
    conn: Connection, import_id: UUID, holder_key: str, limit: int
) -> list[StagedRow]:
    return [
        tuple(row) for row in await conn.fetch(QUERIES["read_staged_rows_of"], import_id, holder_key, limit)
    ]


async def reject_staged_rows_of(conn: Connection, import_id: UUID, holder_key: str, error: RowError) -> int:
    """Reject all staged rows of one holder with one error; returns how many."""
    done = await conn.execute(
        QUERIES["reject_staged_rows_of"], import_id, holder_key, jsonb([error._asdict()])
    )
    return int(done.rpartition(" ")[2])


async def insert_report(conn: Connection, import_id: UUID, rows: Sequence[ReportEntry]) -> None:
    """Write results by COPY; the holder's key only together with errors, which may quote the row."""
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


async def read_report(
    conn: Connection, import_id: UUID, outcome: RowOutcome | None, after: int, limit: int
) -> list[ReportLine]:
    return [
        ReportLine(
            row["line"],
            RowOutcome(row["outcome"]),
            row["credential_id"],
            tuple(json.loads(row["errors"] or "[]")),
            row["undo"],
            row["undo_reason"],
        )
        for row in await conn.fetch(QUERIES["read_report"], import_id, after, outcome, limit)
    ]


async def count_open(conn: Connection) -> int:
    count: int = await conn.fetchval(QUERIES["count_open"])
    return count


async def save_undo_entries(conn: Connection, import_id: UUID, entries: Sequence[UndoEntry]) -> None:
    await conn.execute(
        QUERIES["save_undo_entries"],
        import_id,
        [entry.step for entry in entries],
        [entry.id for entry in entries],
        [entry.version for entry in entries],
        [entry.created for entry in entries],
        [f"{{{','.join(map(str, entry.terms))}}}" for entry in entries],
        [entry.more for entry in entries],
        [entry.line for entry in entries],
    )


async def save_linked_holders(conn: Connection, import_id: UUID, linked: Sequence[Holder]) -> None:
    ids, versions = [holder.id for holder in linked], [holder.version for holder in linked]
    await conn.execute(QUERIES["save_linked_holders"], import_id, UndoStep.HOLDERS, ids, versions)


async def read_undo_entries(
    conn: Connection, import_id: UUID, step: int, after: UUID | None, limit: int
) -> list[UndoEntry]:
    rows = await conn.fetch(QUERIES["read_undo_entries"], import_id, step, after, limit)
    return [UndoEntry(**{**row, "step": UndoStep(row["step"]), "terms": tuple(row["terms"])}) for row in rows]


async def save_undo_results(
    conn: Connection, import_id: UUID, step: int, undone: Sequence[UndoResult]
) -> None:
    await conn.execute(
        QUERIES["save_undo_results"], import_id, step, [each.id for each in undone],
        [each.undo for each in undone], [each.reason for each in undone],
    )  # fmt: skip


async def changed_since(conn: Connection, entries: Sequence[UndoEntry]) -> set[UUID]:
    """Return the ids of entries, all of one step, whose record somebody has changed since."""
    if not entries:
        return set()
    step = entries[0].step
    name = "credentials_changed_since" if step == UndoStep.CREDENTIALS else "holders_changed_since"
    ids, versions = [entry.id for entry in entries], [entry.version for entry in entries]
    return {row["id"] for row in await conn.fetch(QUERIES[name], ids, versions)}


async def find_undone_holders(conn: Connection, ids: Sequence[UUID]) -> set[UUID]:
    if not ids:
        return set()
    rows = await conn.fetch(
        QUERIES["find_undone_holders"],
        ids,
        UNDONE_REASON,
        HolderDeactivated.event_type,
        HolderReactivated.event_type,
    )
    return {row["holder_id"] for row in rows}


async def holders_with_credentials(conn: Connection, ids: Sequence[UUID]) -> set[UUID]:
    return {row["holder_id"] for row in await conn.fetch(QUERIES["holders_with_credentials"], ids)}


async def read_location_zones(conn: Connection, codes: Sequence[str]) -> dict[str, str]:
    rows = await conn.fetch(QUERIES["read_location_zones"], codes) if codes else []
    return {row["code"]: row["time_zone"] for row in rows}


CredentialKey = tuple[UUID, str, str | None]
"""Holder, type code, and number in the form in which it is compared."""


async def find_credentials(
    conn: Connection, keys: Sequence[CredentialKey], scopes: Sequence[str]
) -> dict[CredentialKey, UUID]:
    """Return credentials by key; of several without a number, the first that was recorded.

    The numbers of keys are in the form in which they are compared; `scopes` has `=` for what is compared
    exactly.
    """
    if not keys:
        return {}
    rows = await conn.fetch(
        QUERIES["find_credentials"], *(list(each) for each in zip(*keys, strict=True)), list(scopes)
    )
    return {(row["holder_id"], row["type"], row["number"]): row["id"] for row in rows}


async def read_newest_terms(conn: Connection, holder_ids: Sequence[UUID]) -> dict[UUID, Rank]:
    rows = await conn.fetch(QUERIES["read_newest_terms"], holder_ids) if holder_ids else []
    return {
        row["holder_id"]: rank_of(row["valid_from"], row["expires_on"], row["source_key"]) for row in rows
    }


NumberKey = tuple[str, str, str]
"""Type code, scope and number, which together are unique."""


async def find_taken_numbers(
    conn: Connection, import_id: UUID, wanted: Sequence[NumberKey]
) -> dict[NumberKey, UUID]:
    """Return the credentials that have these numbers, or that the dry run would give them."""
    columns = [list(column) for column in zip(*wanted, strict=True)]
    rows = await conn.fetch(QUERIES["find_taken_numbers"], *columns, import_id) if wanted else []
    return {(row["type"], row["scope"], row["number"]): row["id"] for row in rows}


async def save_planned_numbers(conn: Connection, import_id: UUID, taken: Mapping[NumberKey, UUID]) -> None:
    if taken:
        columns = [list(column) for column in zip(*taken, strict=True)]
        await conn.execute(QUERIES["save_planned_numbers"], import_id, *columns, list(taken.values()))


async def save_planned_managers(conn: Connection, import_id: UUID, managers: Mapping[str, str]) -> None:
    if managers:
        await conn.execute(
            QUERIES["save_planned_managers"], import_id, list(managers.keys()), list(managers.values())
        )


async def read_planned_managers(conn: Connection, import_id: UUID, reports: Sequence[str]) -> dict[str, str]:
    rows = await conn.fetch(QUERIES["read_planned_managers"], import_id, reports)
    return {row["report"]: row["manager"] for row in rows}


async def lock_open_imports(conn: Connection) -> None:
    """Wait for running batches, and keep others from starting until the transaction ends.

    Afterwards staged rows can be deleted: nobody has read them. Call it before locking holders.
    """
    await conn.execute(QUERIES["lock_open_imports"])


async def forget_holders(
    conn: Connection, external_ids: Sequence[str], texts: Sequence[str] = ()
) -> list[UUID]:
    """Delete personal data of holders from imports, for an erasure.

    Deletes their staged rows, and the errors of their rows from every report; in rows whose holder could
    not be read, errors with one of the texts (names, addresses, numbers). Returns the imports whose files
    are not yet cut into rows and may still contain them; retry after a few seconds.
    """
    keys = list(external_ids)
    await conn.execute(QUERIES["forget_staged"], keys)
    await conn.execute(QUERIES["forget_reported"], keys, [text for text in texts if text])
    return [row["id"] for row in await conn.fetch(QUERIES["files_kept"])]
