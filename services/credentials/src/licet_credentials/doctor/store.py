"""SQL of the consistency check."""

from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.store import read_credentials

QUERIES = load_queries(__package__ or "")


async def credentials_after(conn: Connection, after: UUID | None, limit: int) -> list[Credential]:
    """Return a bounded number of credentials that are not voided, after the id `after`."""
    ids = [row["id"] for row in await conn.fetch(QUERIES["ids_after"], after, limit)]
    return [loaded.credential for loaded in (await read_credentials(conn, ids)).values()]
