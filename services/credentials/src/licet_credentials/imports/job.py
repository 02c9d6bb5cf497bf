"""Working off imports: one batch a transaction, so that a crash loses at most the batch in hand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

import structlog

from licet_chassis.cause import Cause, new_traceparent
from licet_chassis.clock import BusinessClock
from licet_chassis.database import TRANSIENT, Database, Transaction
from licet_credentials.imports import store
from licet_credentials.imports.commands import import_rows
from licet_credentials.imports.mapping import Mapping, read_mapping
from licet_credentials.imports.model import RowResult, SourceRow
from licet_credentials.imports.reading import decode_file, read_rows
from licet_credentials.imports.store import Claimed

_log = structlog.get_logger("licet.imports")
BATCH_ROWS = 500
"""About how many rows are worked off in one transaction; those of one holder are never parted."""


@dataclass(frozen=True, slots=True)
class Work:
    """A file, read and divided. The same bytes always divide the same, so a batch's number is enough."""

    import_id: UUID
    mapping: Mapping
    batches: Sequence[Sequence[SourceRow]]
    rejected: Sequence[RowResult]
    total_rows: int


def divide(claimed: Claimed, batch_rows: int = BATCH_ROWS) -> Work:
    """Read a file and divide its rows into batches by holder, in the order in which holders appear."""
    mapping = read_mapping(claimed.mapping)
    by_holder: dict[str, list[SourceRow]] = {}
    rejected: list[RowResult] = []
    for row in read_rows(decode_file(claimed.content, mapping), mapping):
        if isinstance(row, RowResult):
            rejected.append(row)
        else:
            by_holder.setdefault(row.holder.external_id, []).append(row)
    batches: list[list[SourceRow]] = [[]]
    for rows in by_holder.values():
        if len(batches[-1]) >= batch_rows:
            batches.append([])
        batches[-1] += rows
    total = sum(len(batch) for batch in batches) + len(rejected)
    return Work(claimed.id, mapping, batches, rejected, total)


class ImportJobs:
    """Works off imports, the oldest first; several instances never have the same one in hand."""

    def __init__(self, database: Database, clock: BusinessClock, default_zone: str) -> None:
        self._database = database
        self._clock = clock
        self._default_zone = default_zone
        self._work: Work | None = None

    async def step(self) -> bool:
        """Work off one batch; returns whether there may be more."""
        async with self._database.reading() as conn:
            following = await store.next_import(conn)
        if following is None:
            self._work = None
            return False
        import_id, actor = following
        cause = Cause(actor, str(import_id), None, new_traceparent())
        try:
            async with self._database.transaction(cause) as tx:
                return await self._batch(tx, import_id, self._clock.now())
        except TRANSIENT:
            raise
        except Exception as error:  # noqa: BLE001  # one file that breaks us must not stop the next
            _log.exception("imports.failed", import_id=str(import_id))
            async with self._database.transaction(cause) as tx:
                problem = f"It stopped with an unexpected {type(error).__name__}; batches before it are done."
                await store.finish_import(tx.conn, import_id, problem, self._clock.now())
            return True

    async def _batch(self, tx: Transaction, import_id: UUID, now: datetime) -> bool:
        claimed = await store.claim_import(tx.conn, import_id)
        if claimed is None:
            return False
        if self._work is None or self._work.import_id != import_id:
            self._work = divide(claimed)
        work, number = self._work, claimed.done_batches
        batch = await import_rows(
            tx,
            work.batches[number],
            work.mapping,
            default_zone=self._default_zone,
            dry_run=claimed.dry_run,
            now=now,
        )
        if number == 0:
            batch.note(work.rejected, None)
        await store.insert_rows(tx.conn, import_id, batch.results)
        done = replace(
            claimed,
            done_batches=number + 1,
            counts=claimed.counts + batch.counts,
            types_created=claimed.types_created | batch.types_created,
        )
        await store.keep_progress(
            tx.conn, done, total_rows=work.total_rows, total_batches=len(work.batches), now=now
        )
        if done.done_batches == len(work.batches):
            await store.finish_import(tx.conn, import_id, None, now)
            _log.info("imports.finished", import_id=str(import_id), dry_run=done.dry_run, **done.counts)
        return True
