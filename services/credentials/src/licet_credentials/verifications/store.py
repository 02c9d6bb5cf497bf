"""SQL of checks of credentials."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries, load_templates
from licet_credentials.credentials.model import Credential, Verification
from licet_credentials.credentials.rows import verification_row
from licet_credentials.credentials.store import read_credentials
from licet_credentials.visibility.model import Sees

QUERIES = load_queries(__package__ or "")
TEMPLATES = load_templates(__package__ or "")


async def list_verifications(
    conn: Connection, credential_id: UUID, after: tuple[datetime, UUID] | None, limit: int
) -> list[Verification]:
    """Return a page of the checks of a credential, the latest first."""
    at, last = after or (None, None)
    rows = await conn.fetch(QUERIES["list_verifications"], credential_id, at, last, limit)
    return [verification_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class DueFilter:
    """Conditions of a list of due checks; `None` for any."""

    before: datetime
    type: str | None = None
    team: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Due:
    """A credential whose check is due, and since when."""

    since: datetime
    credential: Credential


async def list_due(
    conn: Connection, wanted: DueFilter, sees: Sees, after: tuple[datetime, UUID] | None, limit: int
) -> list[Due]:
    """Return a page of the credentials whose latest check has ended, the longest ended first."""
    at, last = after or (None, None)
    given = {
        **{name: getattr(wanted, name) for name in wanted.__slots__},
        "teams": None if sees.teams is None else list(sees.teams),
        "locations": None if sees.locations is None else list(sees.locations),
        "after": at,
        "after_id": last,
        "limit": limit,
    }
    rows = await TEMPLATES["list_due"].fetch(conn, given)
    found = await read_credentials(conn, [row["id"] for row in rows])
    return [Due(row["verified_until"], found[row["id"]].credential) for row in rows if row["id"] in found]
