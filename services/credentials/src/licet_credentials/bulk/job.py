"""What a bulk action does with one credential; `licet_chassis.jobs` says how credentials are worked off."""

from datetime import datetime
from uuid import UUID

import structlog

from licet_chassis.clock import BusinessClock
from licet_chassis.database import INFRASTRUCTURE_ERRORS, Database, Transaction
from licet_chassis.failpoints import Failpoint
from licet_chassis.jobs import RowJobs
from licet_credentials.bulk import store
from licet_credentials.bulk.actions import parse_action
from licet_credentials.bulk.commands import act_on_one
from licet_credentials.bulk.model import BulkOutcome, BulkResult

_log = structlog.get_logger("licet.bulk")

_WRITTEN, _COMMITTED = Failpoint("bulk.credential_written"), Failpoint("bulk.credential_committed")


def bulk_jobs(database: Database, clock: BusinessClock) -> RowJobs:
    """Return the loop that applies bulk actions to their credentials."""
    return RowJobs(database, clock, store.open_bulks, _process_next, store.finish_bulk, _COMMITTED)


async def _process_next(tx: Transaction, bulk_id: UUID, now: datetime) -> bool:
    row = await store.claim_row(tx.conn, bulk_id)
    if row is None:
        return False
    try:
        result = await act_on_one(tx, bulk_id, row, parse_action(row.action), now)
    except INFRASTRUCTURE_ERRORS:
        raise
    except Exception as error:  # noqa: BLE001  # a bug with one must not stop the rest
        _log.exception("bulk.failed", bulk_id=str(bulk_id), credential_id=str(row.credential_id))
        result = BulkResult(BulkOutcome.FAILED, f"an unexpected {type(error).__name__}; see the log")
    await store.finish_row(tx.conn, bulk_id, row.ordinal, result)
    _WRITTEN()
    return True
