"""Jobs of many rows: one row a transaction, with its outcome.

So a crash neither loses a reported outcome nor repeats one; a failure stops no other row; no transaction
locks two subjects; several instances share a job; and memory does not depend on the number of rows.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.cause import Cause, new_traceparent
from licet_chassis.clock import BusinessClock
from licet_chassis.connection import Connection
from licet_chassis.database import Database, Transaction

_ROWS_A_STEP = 50
_JOBS_A_STEP = 10


@dataclass(frozen=True)
class RowJobs:
    """Works off the rows of jobs, the oldest job first."""

    database: Database
    clock: BusinessClock
    open_jobs: Callable[[Connection, int], Awaitable[Sequence[tuple[UUID, str]]]]
    """Returns the ids of some unfinished jobs, oldest first, each with the actor who asked for it."""
    process_next: Callable[[Transaction, UUID, datetime], Awaitable[bool]]
    """Claims a job's next row, acts on it and keeps its outcome; `False` if none is pending and unclaimed."""
    finish_job: Callable[[Connection, UUID, datetime], Awaitable[None]]
    """Closes a job of which no row is pending; safe while another instance has a row in hand."""
    committed: Callable[[], None] = lambda: None
    """Called after each commit, for a failpoint."""

    async def step(self) -> bool:
        """Process some rows; returns whether there may be more."""
        async with self.database.reading() as conn:
            jobs = await self.open_jobs(conn, _JOBS_A_STEP)
        moved = False
        for job_id, actor in jobs:
            cause = Cause(actor, str(job_id), None, new_traceparent())
            for _ in range(_ROWS_A_STEP):
                async with self.database.transaction(cause) as tx:
                    processed = await self.process_next(tx, job_id, self.clock.now())
                if not processed:
                    break
                self.committed()
                moved = True
            else:
                return True
            async with self.database.transaction(cause) as tx:
                await self.finish_job(tx.conn, job_id, self.clock.now())
        return moved
