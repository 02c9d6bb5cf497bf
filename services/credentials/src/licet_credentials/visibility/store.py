"""Teams and locations of those whom requests are about."""

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries

QUERIES = load_queries(__package__ or "")


@dataclass(frozen=True, slots=True)
class Place:
    """Where somebody works."""

    team: str | None
    location: str | None


async def find_places(
    conn: Connection,
    holder_ids: Collection[UUID],
    credential_ids: Collection[UUID],
    external_ids: Collection[str],
    *,
    hold: bool = False,
) -> dict[UUID | str, Place]:
    """Return where those work who are named: by their ids, a credential's, or another system's for them.

    Who does not exist is left out. With `hold` nobody leaves their team until the transaction ends.
    """
    rows = await conn.fetch(
        QUERIES["hold_places" if hold else "find_places"],
        list(holder_ids),
        list(credential_ids),
        list(external_ids),
    )
    return {
        row["id"] if row["id"] is not None else row["external_id"]: Place(row["team"], row["location"])
        for row in rows
    }
