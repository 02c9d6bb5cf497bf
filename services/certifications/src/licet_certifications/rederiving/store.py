"""SQL of having timelines computed again."""

from uuid import UUID

from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries

QUERIES = load_queries(__package__)


async def note_holders(conn: Connection, after: UUID | None, limit: int, cause: Cause) -> UUID | None:
    """Have the timelines of a page of holders computed again; returns the last, `None` for no more."""
    last: UUID | None = await conn.fetchval(
        QUERIES["note_holders"], after, limit, cause.correlation_id, cause.causation_id, cause.traceparent
    )
    return last


async def count_holders(conn: Connection, after: UUID | None) -> int:
    """Return how many holders come after an id."""
    count: int = await conn.fetchval(QUERIES["count_holders"], after)
    return count
