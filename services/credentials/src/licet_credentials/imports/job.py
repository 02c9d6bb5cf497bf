"""Working off imports: one batch a transaction, so that a crash loses at most the batch in hand.

A file is first cut into rows, which are staged by holder in one transaction; so its size and its order
never matter. Then batches of holders are carried out one after the other; how far that has come is
written with each.
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

import asyncpg
import structlog

from licet_chassis.cause import Cause, new_traceparent
from licet_chassis.clock import BusinessClock
from licet_chassis.database import TRANSIENT, Database, Transaction
from licet_chassis.failpoints import Failpoint
from licet_credentials.imports import store
from licet_credentials.imports.batches import Batch, Terms, carry_out, explained, rejected
from licet_credentials.imports.mapping import Mapping, read_mapping
from licet_credentials.imports.model import Outcome, RowError, RowResult, SourceRow, State
from licet_credentials.imports.reading import RowReader
from licet_credentials.imports.staging import FileCutter, unpacked
from licet_credentials.imports.store import Reported, StagedRow, Work
from licet_credentials.imports.undoing import undo_batch

_log = structlog.get_logger("licet.imports")

BATCH_ROWS = 5_000
"""About how many rows are worked off in one transaction; those of one holder are never parted."""

MOST_OF_ONE_HOLDER = 10_000
"""How many rows of one holder are taken from one file: they are worked off together, in memory."""

PASSING: tuple[type[BaseException], ...] = (*TRANSIENT, asyncpg.InternalClientError)
"""What passes by itself; the driver's own error too, which a connection cut within a COPY leaves."""

_NOT_OURS: tuple[type[BaseException], ...] = (*PASSING, asyncpg.InterfaceError)
"""What says nothing about the rows in hand; among them that the connection is gone."""

_SLAB_ROWS = 5_000
_UNDO_BATCH = 500
_FILE_STAGED, _BATCH_WRITTEN, _BATCH_COMMITTED = (
    Failpoint("imports.file_staged"),
    Failpoint("imports.batch_written"),
    Failpoint("imports.batch_committed"),
)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is remembered between the batches of one import."""

    import_id: UUID
    mapping: Mapping
    reader: RowReader


class _CannotGoOn(Exception):
    """A batch met what only one of its holders can have brought about."""


class ImportJobs:
    """Works off imports, the oldest first; several instances never have the same one in hand."""

    def __init__(
        self, database: Database, clock: BusinessClock, default_zone: str, *, batch_rows: int = BATCH_ROWS
    ) -> None:
        self._database = database
        self._clock = clock
        self._default_zone = default_zone
        self._batch_rows = batch_rows
        self._known: _Known | None = None

    async def step(self) -> bool:
        """Do the next part of an import; returns whether there may be more."""
        async with self._database.reading() as conn:
            candidates = await store.open_imports(conn)
        for import_id, actor in candidates:
            cause = Cause(actor, str(import_id), None, new_traceparent())
            if await self._try(import_id, cause):
                return True
        self._known = None
        return False

    async def _try(self, import_id: UUID, cause: Cause) -> bool:
        """Do the next part of this import; returns whether there was anything to do, and it was ours."""
        now = self._clock.now()
        try:
            try:
                async with self._database.transaction(cause) as tx:
                    moved = await self._go_on(tx, import_id, now, one_by_one=False)
            except _CannotGoOn:
                # Of a batch that can't be written, each holder is tried alone: one of them is why.
                async with self._database.transaction(cause) as tx:
                    moved = await self._go_on(tx, import_id, now, one_by_one=True)
        except PASSING:
            raise
        except Exception as error:  # noqa: BLE001  # one file that breaks us must not stop the next
            _log.exception("imports.failed", import_id=str(import_id))
            async with self._database.transaction(cause) as tx:
                problem = f"It stopped with an unexpected {type(error).__name__}; batches before it are done."
                await store.finish_import(tx.conn, import_id, State.FAILED, problem, self._clock.now())
            return True
        _BATCH_COMMITTED()
        return moved

    async def _go_on(self, tx: Transaction, import_id: UUID, now: datetime, *, one_by_one: bool) -> bool:
        work = await store.hold_import(tx.conn, import_id)
        if work is None:
            return False
        if work.state is State.CANCELLING:
            await self._end(tx, work, State.CANCELLED, now)
        elif work.state is State.QUEUED:
            await self._stage(tx, work, now)
        elif work.state is State.RUNNING:
            with _collector_at_rest():
                await self._batch(tx, work, now, one_by_one=one_by_one)
        else:
            await self._undo(tx, work, now)
        return True

    async def _end(self, tx: Transaction, work: Work, state: State, now: datetime) -> None:
        await store.finish_import(tx.conn, work.id, state, None, now)
        counts = work.undo_counts if state is State.UNDONE else work.counts
        _log.info("imports.ended", import_id=str(work.id), state=state, dry_run=work.dry_run, **counts)

    async def _undo(self, tx: Transaction, work: Work, now: datetime) -> None:
        if await undo_batch(tx, work, _UNDO_BATCH, now=now):
            await store.keep_undo_progress(tx.conn, work, now)
        else:
            await self._end(tx, work, State.UNDONE, now)

    def _knowledge(self, work: Work) -> _Known:
        if self._known is None or self._known.import_id != work.id:
            mapping = read_mapping(work.mapping)
            self._known = _Known(work.id, mapping, RowReader(mapping))
        return self._known

    async def _stage(self, tx: Transaction, work: Work, now: datetime) -> None:
        """Cut the file into rows and stage them, all in this transaction: it is done, or begins anew."""
        mapping = self._knowledge(work).mapping
        total = bad = 0
        # The file is gone from the disk as soon as it is closed, however this ends.
        with tempfile.TemporaryFile() as spool:  # a local file, piece by piece
            async for piece in store.read_chunks(tx.conn, work.id):
                spool.write(piece)
            spool.seek(0)
            text = _text(spool, work.dialect.encoding)
            for slab in FileCutter(text, work.dialect, mapping).slabs(_SLAB_ROWS):
                await store.stage_rows(tx.conn, work.id, slab.staged)
                await store.insert_report(tx.conn, work.id, [Reported(result) for result in slab.rejected])
                total, bad = total + len(slab), bad + len(slab.rejected)
                if await store.read_state(tx.conn, work.id) is not State.QUEUED:
                    return  # somebody wants it cancelled; what is staged goes with the next step
                await asyncio.sleep(0)
        _FILE_STAGED()
        if await store.start_running(tx.conn, work.id, total, bad, now):
            await store.drop_file(tx.conn, work.id)

    async def _batch(self, tx: Transaction, work: Work, now: datetime, *, one_by_one: bool) -> None:
        known = self._knowledge(work)
        staged = await self._next_rows(tx, work)
        if not staged:
            await self._end(tx, work, State.FINISHED, now)
            return
        terms = Terms(work.id, known.mapping, self._default_zone, work.dry_run)
        batch = Batch()
        rows: list[SourceRow] = []
        for holder_key, line, cells in staged:
            read = known.reader.read(line, unpacked(cells))
            if isinstance(read, SourceRow):
                rows.append(read)
            else:
                batch.note([RowResult(line, Outcome.REJECTED, read)], None, holder_key)
        if one_by_one:
            await _carry_out_alone(tx, rows, terms, batch, now)
        elif rows:
            try:
                async with tx.conn.transaction():
                    _add(batch, await carry_out(tx, rows, terms, now=now))
            except _NOT_OURS:
                raise
            except Exception as error:
                _log.warning("imports.batch_divided", import_id=str(work.id), error=type(error).__name__)
                raise _CannotGoOn from error
        await store.insert_report(tx.conn, work.id, batch.report)
        if batch.effects:
            await store.keep_effects(tx.conn, work.id, batch.effects)
        if batch.linked:
            await store.keep_links(tx.conn, work.id, batch.linked)
        work.cursor_key = staged[-1][0]
        work.done_rows += len(staged)
        work.counts += batch.counts
        work.types_created |= batch.types_created
        await store.keep_progress(tx.conn, work, now)
        _BATCH_WRITTEN()

    async def _next_rows(self, tx: Transaction, work: Work) -> Sequence[StagedRow]:
        """Return the next staged rows, all of each holder; of none more than is taken from one file."""
        while True:
            rows = await store.staged_rows(tx.conn, work.id, work.cursor_key, self._batch_rows + 1)
            if len(rows) <= self._batch_rows:
                return rows
            last = rows[-1][0]
            whole = [row for row in rows if row[0] != last]
            if whole:
                return whole
            rows = await store.staged_rows_of(tx.conn, work.id, last, MOST_OF_ONE_HOLDER + 1)
            if len(rows) <= MOST_OF_ONE_HOLDER:
                return rows
            detail = f"is a holder with more than {MOST_OF_ONE_HOLDER:,} rows; divide the file"
            error = RowError(self._knowledge(work).mapping.places.holder, last, detail)
            count = await store.reject_staged_rows_of(tx.conn, work.id, last, error)
            work.counts[Outcome.REJECTED] += count
            work.done_rows += count
            work.cursor_key = last


async def _carry_out_alone(
    tx: Transaction, rows: Sequence[SourceRow], terms: Terms, batch: Batch, now: datetime
) -> None:
    """Carry out the rows holder by holder; those of one that can't be are rejected, the rest goes on."""
    for external_id, group in groupby(rows, key=lambda row: row.holder.external_id):
        alone = list(group)
        try:
            async with tx.conn.transaction():
                _add(batch, await carry_out(tx, alone, terms, now=now))
        except _NOT_OURS:
            raise
        except Exception as error:  # noqa: BLE001  # whatever it is, it is this holder's
            # No message and no traceback: they may show what a row says about a person.
            _log.warning(
                "imports.holder_rejected",
                import_id=str(terms.import_id),
                line=alone[0].line,
                error=type(error).__name__,
                at=_place(error),
            )
            reason = RowError(terms.declared.places.holder, external_id, explained(error))
            batch.note(rejected((row.line for row in alone), reason), None, external_id)


@contextmanager
def _collector_at_rest() -> Iterator[None]:
    """Let the collector of circles rest for a batch: it makes objects by the hundred thousand, and none."""
    # Looking through them again and again took a third of an import's time.
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


def _place(error: Exception) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{last.name}:{last.lineno}"


def _add(batch: Batch, done: Batch) -> None:
    batch.counts += done.counts
    batch.types_created |= done.types_created
    batch.report += done.report
    batch.effects += done.effects
    batch.linked += done.linked


def _text(spool: IO[bytes], encoding: str) -> IO[str]:
    # Universal newlines, untranslated: what is within quotation marks stays as it is.
    return io.TextIOWrapper(spool, encoding=encoding, errors="replace", newline="")
