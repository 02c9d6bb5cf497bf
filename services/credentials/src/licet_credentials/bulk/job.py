"""Working off actions on many credentials: one credential a transaction, with what came of it.

So a crash loses nothing that was told as done and repeats nothing; one that fails stops no other; no
locks of two credentials are ever held together; and several instances work on one job side by side.
"""

from uuid import UUID

import asyncpg
import structlog

from licet_chassis.cause import Cause, new_traceparent
from licet_chassis.clock import BusinessClock
from licet_chassis.database import TRANSIENT, Database
from licet_chassis.failpoints import Failpoint
from licet_credentials.bulk import store
from licet_credentials.bulk.bodies import action_of
from licet_credentials.bulk.commands import act_on_one
from licet_credentials.bulk.model import BulkOutcome, BulkResult

_log = structlog.get_logger("licet.bulk")

_WRITTEN, _COMMITTED = Failpoint("bulk.credential_written"), Failpoint("bulk.credential_committed")
_ROWS_A_STEP = 50
_JOBS_A_STEP = 10
_NOT_OURS: tuple[type[BaseException], ...] = (*TRANSIENT, asyncpg.InterfaceError)
"""What says nothing about the credential in hand; among them that the connection is gone."""


class BulkJobs:
    """Works off actions on many credentials, the oldest first."""

    def __init__(self, database: Database, clock: BusinessClock) -> None:
        self._database = database
        self._clock = clock

    async def step(self) -> bool:
        """Work off some credentials; returns whether there may be more."""
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
        """Work off the next credential; returns whether one waited that nobody else has in hand."""
        now = self._clock.now()
        async with self._database.transaction(cause) as tx:
            row = await store.claim_row(tx.conn, bulk_id)
            if row is None:
                return False
            try:
                result = await act_on_one(tx, bulk_id, row, action_of(row.action), now)
            except _NOT_OURS:
                raise
            except Exception as error:  # noqa: BLE001  # one that breaks us must not stop the rest
                _log.exception("bulk.failed", bulk_id=str(bulk_id), credential_id=str(row.credential_id))
                result = BulkResult(BulkOutcome.FAILED, f"an unexpected {type(error).__name__}; see the log")
            await store.finish_row(tx.conn, bulk_id, row.ordinal, result)
            _WRITTEN()
        _COMMITTED()
        return True
