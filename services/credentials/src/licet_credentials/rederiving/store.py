"""SQL of deriving instants again."""

from datetime import datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.credentials.store import CredentialWithRules, read_credentials

QUERIES = load_queries(__package__ or "")


async def lock_page(
    conn: Connection, after: UUID | None, limit: int
) -> list[tuple[CredentialWithRules, list[datetime | None]]]:
    """Lock and read credentials in the order of their ids, each with the stored `expiring_at` of its runs."""
    rows = await conn.fetch(QUERIES["lock_page"], after, limit)
    loaded = await read_credentials(conn, [row["id"] for row in rows])
    return [(loaded[row["id"]], row["expiring"]) for row in rows]


async def count_after(conn: Connection, after: UUID | None) -> int:
    """Return how many credentials come after an id."""
    count: int = await conn.fetchval(QUERIES["count_after"], after)
    return count
