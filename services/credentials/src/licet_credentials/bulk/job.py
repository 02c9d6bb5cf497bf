"""The background job for bulk actions: one transaction changes one credential and stores its outcome.

So a crash neither loses a reported outcome nor repeats one; a failure stops no other credential; no
transaction locks two credentials; and several instances can share a job.
"""

from uuid import UUID

import asyncpg
import structlog

from licet_chassis.cause import Cause, new_traceparent
from licet_chassis.clock import BusinessClock
from licet_chassis.database import TRANSIENT, Database
from licet_chassis.failpoints import Failpoint
from licet_credentials.bulk import store
from licet_credentials.bulk.actions import parse_action
from licet_credentials.bulk.commands import act_on_one
from licet_credentials.bulk.model import BulkOutcome, BulkResult

_log = structlog.get_logger("licet.bulk")

_WRITTEN, _COMMITTED = Failpoint("bulk.credential_written"), Failpoint("bulk.credential_committed")
_ROWS_A_STEP = 50
_JOBS_A_STEP = 10
_INFRASTRUCTURE_ERRORS: tuple[type[BaseException], ...] = (*TRANSIENT, asyncpg.InterfaceError)
"""Errors of the database or the connection, which say nothing about the credential; the step is retried."""


class BulkJobs:
    """Applies bulk actions to their credentials, the oldest action first."""

    def __init__(self, database: Database, clock: BusinessClock) -> None:
        self._database = database
        self._clock = clock

    async def step(self) -> bool:
        """Process some credentials; returns whether there may be more."""
        async with self._database.reading() as conn:
            jobs = await store.open_bulks(conn, _JOBS_A_STEP)
        moved = False
        for bulk_id, actor in jobs:
            cause = Cause(actor, str(bulk_id), None, new_traceparent())
            for _ in range(_ROWS_A_STEP):
                if not await self._next(bulk_id, cause):
                    break
                moved = True
            else:
                return True
            async with self._database.transaction(cause) as tx:
                await store.finish_bulk(tx.conn, bulk_id, self._clock.now())
        return moved

    async def _next(self, bulk_id: UUID, cause: Cause) -> bool:
        """Process the next credential; returns `False` if none is pending and unclaimed."""
        now = self._clock.now()
        async with self._database.transaction(cause) as tx:
            row = await store.claim_row(tx.conn, bulk_id)
            if row is None:
                return False
            try:
                result = await act_on_one(tx, bulk_id, row, parse_action(row.action), now)
            except _INFRASTRUCTURE_ERRORS:
                raise
            except Exception as error:  # noqa: BLE001  # a bug with one must not stop the rest
                _log.exception("bulk.failed", bulk_id=str(bulk_id), credential_id=str(row.credential_id))
                result = BulkResult(BulkOutcome.FAILED, f"an unexpected {type(error).__name__}; see the log")
            await store.finish_row(tx.conn, bulk_id, row.ordinal, result)
            _WRITTEN()
        _COMMITTED()
        return True
