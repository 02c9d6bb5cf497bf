"""The import job: one batch per transaction, so that a crash loses at most the current batch.

A file is first cut into rows, which are staged by holder in one transaction, so its size and order don't
matter. Then batches of holders are imported in turn; each commits its progress with its changes.
"""

import asyncio
import gc
import io
import tempfile
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import IO
from uuid import UUID

import structlog

from licet_chassis.cause import Cause, new_traceparent
from licet_chassis.clock import BusinessClock
from licet_chassis.database import INFRASTRUCTURE_ERRORS, TRANSIENT, Database, Transaction
from licet_chassis.failpoints import Failpoint
from licet_credentials.holders import store as holder_store
from licet_credentials.imports import store
from licet_credentials.imports.batches import Batch, ImportContext, describe_error, import_rows, reject_lines
from licet_credentials.imports.file.mapping import Mapping, read_mapping
from licet_credentials.imports.file.reading import RowReader
from licet_credentials.imports.file.staging import FileCutter, unpack
from licet_credentials.imports.formats.cells import CellFormats
from licet_credentials.imports.model import (
    ImportState,
    ImportWork,
    ReportEntry,
    RowError,
    RowOutcome,
    RowResult,
)
from licet_credentials.imports.rows import SourceRow
from licet_credentials.imports.store import StagedRow
from licet_credentials.imports.undoing import undo_batch

_log = structlog.get_logger("licet.imports")

BATCH_ROWS = 5_000
"""Target number of rows per transaction; the rows of one holder are never split."""

MOST_OF_ONE_HOLDER = 10_000
"""Most rows of one holder in one file: they are imported together, in memory."""

_SLAB_ROWS = 5_000
_UNDO_BATCH = 500
_FILE_STAGED, _BATCH_WRITTEN, _BATCH_COMMITTED = (
    Failpoint("imports.file_staged"),
    Failpoint("imports.batch_written"),
    Failpoint("imports.batch_committed"),
)


@dataclass(frozen=True, slots=True)
class _Cache:
    """What batches of one import share."""

    import_id: UUID
    mapping: Mapping
    formats: CellFormats
    reader: RowReader


class _BatchFailed(Exception):
    """A batch failed because of one of its holders."""


class _FileRefused(Exception):
    """The file can't be read as the mapping says; none of its rows is imported."""


class ImportJobs:
    """Advances open imports, the oldest first; an advisory lock keeps instances apart."""

    def __init__(
        self, database: Database, clock: BusinessClock, default_zone: str, *, batch_rows: int = BATCH_ROWS
    ) -> None:
        self._database = database
        self._clock = clock
        self._default_zone = default_zone
        self._batch_rows = batch_rows
        self._cache: _Cache | None = None

    async def step(self) -> bool:
        """Do the next part of an open import; returns whether there may be more."""
        async with self._database.reading() as conn:
            candidates = await store.list_open_imports(conn)
        for import_id, actor in candidates:
            cause = Cause(actor, str(import_id), None, new_traceparent())
            if await self._advance_import(import_id, cause):
                return True
        self._cache = None
        return False

    async def _advance_import(self, import_id: UUID, cause: Cause) -> bool:
        """Do the next part of this import; returns false if it is done or another instance works on it."""
        now = self._clock.now()
        try:
            try:
                async with self._database.transaction(cause) as tx:
                    moved = await self._advance(tx, import_id, now, one_by_one=False)
            except _BatchFailed:
                # Import its holders one by one, to reject only the one that made the batch fail.
                async with self._database.transaction(cause) as tx:
                    moved = await self._advance(tx, import_id, now, one_by_one=True)
        except TRANSIENT:
            raise
        except _FileRefused as refused:
            async with self._database.transaction(cause) as tx:
                await store.finish_import(
                    tx.conn, import_id, ImportState.FAILED, str(refused), self._clock.now()
                )
            return True
        except Exception as error:  # noqa: BLE001  # one import must not stop the next
            _log.exception("imports.failed", import_id=str(import_id))
            async with self._database.transaction(cause) as tx:
                problem = f"It stopped with an unexpected {type(error).__name__}; earlier batches are done."
                await store.finish_import(tx.conn, import_id, ImportState.FAILED, problem, self._clock.now())
            return True
        _BATCH_COMMITTED()
        return moved

    async def _advance(self, tx: Transaction, import_id: UUID, now: datetime, *, one_by_one: bool) -> bool:
        work = await store.claim_import(tx.conn, import_id)
        if work is None:
            return False
        if work.state is ImportState.CANCELLING:
            await self._end(tx, work, ImportState.CANCELLED, now)
        elif work.state is ImportState.QUEUED:
            await self._stage(tx, work, now)
        elif work.state is ImportState.RUNNING:
            with _gc_disabled():
                await self._batch(tx, work, now, one_by_one=one_by_one)
        else:
            await self._undo(tx, work, now)
        return True

    async def _end(self, tx: Transaction, work: ImportWork, state: ImportState, now: datetime) -> None:
        await store.finish_import(tx.conn, work.id, state, None, now)
        counts = work.undo_counts if state is ImportState.UNDONE else work.counts
        _log.info("imports.ended", import_id=str(work.id), state=state, dry_run=work.dry_run, **counts)

    async def _undo(self, tx: Transaction, work: ImportWork, now: datetime) -> None:
        if await undo_batch(tx, work, _UNDO_BATCH, now=now):
            await store.save_undo_progress(tx.conn, work, now)
        else:
            await self._end(tx, work, ImportState.UNDONE, now)

    def _cached(self, work: ImportWork) -> _Cache:
        if self._cache is None or self._cache.import_id != work.id:
            mapping = read_mapping(work.mapping)
            formats = mapping.formats(work.date_formats)
            self._cache = _Cache(work.id, mapping, formats, RowReader(mapping, formats))
        return self._cache

    async def _stage(self, tx: Transaction, work: ImportWork, now: datetime) -> None:
        """Cut the file into rows and stage them, all in this transaction: a crash starts it anew."""
        mapping = read_mapping(work.mapping)
        total = bad = 0
        # The system deletes the file when it is closed, even after a crash.
        with tempfile.TemporaryFile() as spool:
            async for piece in store.read_chunks(tx.conn, work.id):
                spool.write(piece)
            spool.seek(0)
            text = _text(spool, work.dialect.encoding)
            cutter = FileCutter(text, work.dialect, mapping)
            for slab in cutter.slabs(_SLAB_ROWS):
                await store.stage_rows(tx.conn, work.id, slab.staged)
                await store.insert_report(tx.conn, work.id, [ReportEntry(result) for result in slab.rejected])
                total, bad = total + len(slab), bad + len(slab.rejected)
                if await store.read_state(tx.conn, work.id) is not ImportState.QUEUED:
                    return  # being cancelled; the next step drops the staged rows
                await asyncio.sleep(0)
        try:
            await store.save_findings(tx.conn, work.id, cutter.date_formats(), cutter.warnings())
        except ValueError as error:
            raise _FileRefused(str(error)) from None
        _FILE_STAGED()
        if await store.start_running(tx.conn, work.id, total, bad, now):
            await store.drop_file(tx.conn, work.id)

    async def _batch(self, tx: Transaction, work: ImportWork, now: datetime, *, one_by_one: bool) -> None:
        cache = self._cached(work)
        staged = await self._next_rows(tx, work)
        if not staged:
            await self._end(tx, work, ImportState.FINISHED, now)
            return
        context = ImportContext(work.id, cache.mapping, cache.formats, self._default_zone, work.dry_run)
        batch = Batch()
        rows: list[SourceRow] = []
        for holder_key, line, cells in staged:
            read = cache.reader.read(line, unpack(cells))
            if isinstance(read, SourceRow):
                rows.append(read)
            else:
                batch.report_rows([RowResult(line, RowOutcome.REJECTED, read)], None, holder_key)
        if one_by_one:
            await _import_one_by_one(tx, rows, context, batch, now)
        elif rows:
            try:
                async with tx.conn.transaction():
                    _merge_batch(batch, await import_rows(tx, rows, context, now=now))
            except INFRASTRUCTURE_ERRORS:
                raise
            except Exception as error:
                _log.warning("imports.batch_divided", import_id=str(work.id), error=type(error).__name__)
                raise _BatchFailed from error
        await store.insert_report(tx.conn, work.id, batch.report)
        if batch.effects:
            await store.save_undo_entries(tx.conn, work.id, batch.effects)
        if batch.linked:
            await store.save_linked_holders(tx.conn, work.id, batch.linked)
        await self._name(tx, work, {row[0] for row in staged}, now)
        work.cursor_key = staged[-1][0]
        work.done_rows += len(staged)
        work.counts += batch.counts
        work.types_created |= batch.types_created
        await store.save_progress(tx.conn, work, now)
        _BATCH_WRITTEN()

    async def _name(self, tx: Transaction, work: ImportWork, external_ids: set[str], now: datetime) -> None:
        """Note who is named, whatever became of the rows: they have not left."""
        if not work.dry_run:
            await holder_store.note_feed_dates(tx.conn, sorted(external_ids), now)

    async def _next_rows(self, tx: Transaction, work: ImportWork) -> Sequence[StagedRow]:
        """Return the next staged rows, whole holders only; reject holders that have too many."""
        while True:
            rows = await store.read_staged_rows(tx.conn, work.id, work.cursor_key, self._batch_rows + 1)
            if len(rows) <= self._batch_rows:
                return rows
            last = rows[-1][0]
            whole = [row for row in rows if row[0] != last]
            if whole:
                return whole
            rows = await store.read_staged_rows_of(tx.conn, work.id, last, MOST_OF_ONE_HOLDER + 1)
            if len(rows) <= MOST_OF_ONE_HOLDER:
                return rows
            detail = f"is a holder with more than {MOST_OF_ONE_HOLDER:,} rows; split the file"
            error = RowError(self._cached(work).mapping.places.holder, last, detail)
            count = await store.reject_staged_rows_of(tx.conn, work.id, last, error)
            await self._name(tx, work, {last}, self._clock.now())
            work.counts[RowOutcome.REJECTED] += count
            work.done_rows += count
            work.cursor_key = last


async def _import_one_by_one(
    tx: Transaction, rows: Sequence[SourceRow], context: ImportContext, batch: Batch, now: datetime
) -> None:
    """Import the rows holder by holder; reject those of a holder that fails."""
    for external_id, group in groupby(rows, key=lambda row: row.holder.external_id):
        alone = list(group)
        try:
            async with tx.conn.transaction():
                _merge_batch(batch, await import_rows(tx, alone, context, now=now))
        except INFRASTRUCTURE_ERRORS:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, this holder caused it
            # Neither message nor traceback: they may contain personal data of the row.
            _log.warning(
                "imports.holder_rejected",
                import_id=str(context.import_id),
                line=alone[0].line,
                error=type(error).__name__,
                at=_where_raised(error),
            )
            reason = RowError(context.mapping.places.holder, external_id, describe_error(error))
            batch.report_rows(reject_lines((row.line for row in alone), reason), None, external_id)


@contextmanager
def _gc_disabled() -> Iterator[None]:
    """Disable cyclic GC: a batch creates no cycles, but so many objects that GC took a third of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _where_raised(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name}:{last.lineno}"


def _merge_batch(batch: Batch, done: Batch) -> None:
    batch.counts += done.counts
    batch.types_created |= done.types_created
    batch.report += done.report
    batch.effects += done.effects
    batch.linked += done.linked


def _text(spool: IO[bytes], encoding: str) -> IO[str]:
    # Untranslated newlines, so that those within quotation marks stay as they are.
    return io.TextIOWrapper(spool, encoding=encoding, errors="replace", newline="")
