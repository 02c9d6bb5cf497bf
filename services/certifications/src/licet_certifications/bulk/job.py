"""What a bulk job of certifications does with one row; `licet_chassis.jobs` says how rows are worked off."""

from datetime import datetime
from uuid import UUID

import structlog

from licet_certifications.bulk import store
from licet_certifications.bulk.commands import act_on_one
from licet_certifications.bulk.model import Outcome, Result
from licet_chassis.clock import BusinessClock
from licet_chassis.database import INFRASTRUCTURE_ERRORS, Database, Transaction
from licet_chassis.jobs import RowJobs

_log = structlog.get_logger("licet.bulk")


def bulk_jobs(database: Database, clock: BusinessClock) -> RowJobs:
    """Return the loop that enrols holders and migrates enrolments, each a row."""
    return RowJobs(database, clock, store.open_jobs, _process_next, store.finish_job)


async def _process_next(tx: Transaction, job_id: UUID, now: datetime) -> bool:
    row = await store.claim_row(tx.conn, job_id)
    if row is None:
        return False
    try:
        result = await act_on_one(tx, row, now)
    except INFRASTRUCTURE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001  # a bug with one row must not stop the rest
        _log.exception("bulk.failed", job_id=str(job_id), ordinal=row.ordinal)
        result = Result(Outcome.FAILED, f"an unexpected {type(error).__name__}; see the log")
    await store.finish_row(tx.conn, job_id, row.ordinal, result)
    return True
