"""What was, in the database."""

import json
from datetime import datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.credentials.rows import flags_of, images_of, term_row, terms_of
from licet_credentials.credentials.terms import Term
from licet_credentials.history.model import HistoryLine, Known, holders_of, without
from licet_credentials.visibility.model import Sees
from licet_credentials.visibility.store import find_seen

QUERIES = load_queries(__package__ or "")


async def read_terms(conn: Connection, credential_id: UUID) -> list[tuple[Term, datetime, datetime | None]]:
    """Return every revision of the terms, with the time from and until which it was believed."""
    rows = await conn.fetch(QUERIES["read_terms"], credential_id)
    return [(term_row(row), row["known_from"], row["known_until"]) for row in rows]


async def read_history(
    conn: Connection, credential_id: UUID, after: int, limit: int, *, sees: Sees
) -> list[HistoryLine]:
    """Return what happened to a credential after the version `after`, oldest first.

    Of the time when it was somebody's who is not seen, there are neither ids nor notes.
    """
    rows = await conn.fetch(QUERIES["read_history"], credential_id, after, limit)
    lines = [
        HistoryLine(
            version=row["version"],
            holder_id=row["holder_id"],
            event_type=row["event_type"],
            details=json.loads(row["details"]),
            reason=row["reason"],
            note=row["note"],
            actor=row["actor"],
            at=row["at"],
        )
        for row in rows
    ]
    if sees.everyone:
        return lines
    named = frozenset[UUID]().union(*(holders_of(line) for line in lines))
    found = await find_seen(conn, sees, named, (), ())
    unseen = {holder_id for holder_id in named if not found.get(holder_id)}
    return [without(line, unseen) for line in lines]


async def known_of_holder(
    conn: Connection, holder_id: UUID, known_at: datetime, *, sees: Sees, after: UUID | None, limit: int
) -> list[Known]:
    """Return a page of the credentials that were known to be the holder's, as they were known then.

    Name and number are those of today: only what decides about validity is kept in all its revisions. What
    has moved to somebody who is not seen is left out.
    """
    rows = await conn.fetch(
        QUERIES["known_of_holder"], holder_id, known_at, after, limit, sees.teams, sees.locations
    )
    return [
        Known(
            id=row["id"],
            type=row["type"],
            name=row["name"],
            number=row["number"],
            ladder=tuple(row["ladder"]),
            terms=terms_of(row["terms"]),
            flags=flags_of(row["flags"]),
            images=images_of(row["images"]),
        )
        for row in rows
    ]
