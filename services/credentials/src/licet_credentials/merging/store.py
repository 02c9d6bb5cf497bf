"""SQL of merging holders."""

from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries

QUERIES = load_queries(__package__ or "")


async def lock_credentials(conn: Connection, holder_id: UUID, limit: int) -> list[UUID]:
    return [row["id"] for row in await conn.fetch(QUERIES["lock_credentials"], holder_id, limit)]


async def take_over_feed_date(conn: Connection, duplicate_id: UUID, survivor_id: UUID) -> None:
    await conn.execute(QUERIES["take_over_feed_date"], duplicate_id, survivor_id)
