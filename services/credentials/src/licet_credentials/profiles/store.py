"""SQL of profiles."""

from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries

QUERIES = load_queries(__package__ or "")


async def list_credential_ids(conn: Connection, holder_id: UUID, limit: int) -> list[UUID]:
    return [row["id"] for row in await conn.fetch(QUERIES["list_credential_ids"], holder_id, limit)]
