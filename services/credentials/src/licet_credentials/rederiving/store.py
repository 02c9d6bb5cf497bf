"""SQL of deriving instants again."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.credentials.store import CredentialWithRules, read_credentials
from licet_credentials.credentials.terms import Term

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


async def move_terms(conn: Connection, terms: Sequence[Term]) -> None:
    """Write the instants of terms whose dates and revisions are the same."""
    await conn.execute(
        QUERIES["move_terms"],
        [term.id for term in terms],
        [term.revision for term in terms],
        [term.starts_at for term in terms],
        [term.expires_at for term in terms],
    )
