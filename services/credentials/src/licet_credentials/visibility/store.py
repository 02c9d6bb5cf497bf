"""SQL of visibility."""

from collections.abc import Collection
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.visibility.model import Sees

QUERIES = load_queries(__package__ or "")


async def find_seen(
    conn: Connection,
    sees: Sees,
    holder_ids: Collection[UUID],
    credential_ids: Collection[UUID],
    external_ids: Collection[str],
    *,
    hold: bool = False,
) -> dict[UUID | str, bool]:
    """Return whether each holder is seen, by its id, its credential's id, or its external id.

    Unknown ids are left out. A merged record is seen if the survivor is seen too. With `hold` the holders
    can't change team or location before the transaction ends.
    """
    rows = await conn.fetch(
        QUERIES["hold_places" if hold else "find_places"],
        list(holder_ids),
        list(credential_ids),
        list(external_ids),
    )
    seen: dict[UUID | str, bool] = {}
    for row in rows:
        name = row["external_id"] if row["id"] is None else row["id"]
        here = sees.may_see(team=row["team"], location=row["location"])
        seen[name] = here and seen.get(name, True)
    return seen
