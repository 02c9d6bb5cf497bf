"""Finding credentials in the database."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.store import read_credentials
from licet_credentials.rows import containing
from licet_events.catalogue import Category
from licet_events.credentials import Validity

QUERIES = load_queries(__package__ or "")


@dataclass(frozen=True, slots=True)
class CredentialFilter:
    """Which credentials a list shows; `None` asks for nothing."""

    validity: tuple[Validity, ...] | None = None
    type: str | None = None
    category: Category | None = None
    holder_id: UUID | None = None
    team: str | None = None
    location: str | None = None
    country: str | None = None
    subdivision: str | None = None
    expires_from: date | None = None
    expires_to: date | None = None
    q: str | None = None


async def list_credentials(
    conn: Connection, wanted: CredentialFilter, *, now: datetime, after: UUID | None, limit: int
) -> list[Credential]:
    """Return a page of the credentials that the filter asks for, by their validity at `now`."""
    rows = await conn.fetch(
        QUERIES["list_credentials"],
        now,
        after,
        None if wanted.validity is None else [validity.value for validity in wanted.validity],
        wanted.type,
        wanted.category,
        wanted.holder_id,
        wanted.team,
        wanted.location,
        wanted.country,
        wanted.subdivision,
        wanted.expires_from,
        wanted.expires_to,
        containing(wanted.q),
        limit,
    )
    found = await read_credentials(conn, [row["id"] for row in rows])
    return [loaded.credential for loaded in found.values()]
