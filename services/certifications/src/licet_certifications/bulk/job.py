"""Working off actions on many: one row a transaction, with what came of it.

So a crash loses nothing that was told as done and repeats nothing; one that fails stops no other; no locks
of two holders are ever held together; and several instances work on one job side by side. Nothing is read
but the row in hand, so memory does not depend on how many there are.
"""

from uuid import UUID

import asyncpg
import structlog

from licet_certifications.bulk import store
from licet_certifications.bulk.commands import act_on_one
from licet_certifications.bulk.model import Outcome, Result
from licet_chassis.cause import Cause, new_traceparent
from licet_chassis.clock import BusinessClock
from licet_chassis.database import TRANSIENT, Database

_log = structlog.get_logger("licet.bulk")

_ROWS_A_STEP = 50
_JOBS_A_STEP = 10
_NOT_OURS: tuple[type[BaseException], ...] = (*TRANSIENT, asyncpg.InterfaceError)
"""What says nothing about the row in hand; among them that the connection is gone."""


class BulkJobs:
    """Works off actions on many, the oldest first."""

    def __init__(self, database: Database, clock: BusinessClock) -> None:
        self._database = database
        self._clock = clock

    async def step(self) -> bool:
        """Work off some rows; returns whether there may be more."""
        async with self._database.reading() as conn:
            jobs = await store.open_jobs(conn, _JOBS_A_STEP)
        moved = False
        for job_id, actor in jobs:
            cause = Cause(actor, str(job_id), None, new_traceparent())
            for _ in range(_ROWS_A_STEP):
                if not await self._next(job_id, cause):
                    break
                moved = True
            else:
                return True
            async with self._database.transaction(cause) as tx:
                await store.finish_job(tx.conn, job_id, self._clock.now())
        return moved

    async def _next(self, job_id: UUID, cause: Cause) -> bool:
        """Work off the next row; returns whether one waited that nobody else has in hand."""
        now = self._clock.now()
        async with self._database.transaction(cause) as tx:
            row = await store.claim_row(tx.conn, job_id)
            if row is None:
                return False
            try:
                result = await act_on_one(tx, row, now)
            except _NOT_OURS:
                raise
            except Exception as error:  # noqa: BLE001  # one that breaks us must not stop the rest
                _log.exception("bulk.failed", job_id=str(job_id), ordinal=row.ordinal)
                result = Result(Outcome.FAILED, f"an unexpected {type(error).__name__}; see the log")
            await store.finish_row(tx.conn, job_id, row.ordinal, result)
        return True
