"""SQL of history."""

import json
from datetime import datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.credentials.rows import flags_of, images_of, term_row, terms_of
from licet_credentials.credentials.terms import Term
from licet_credentials.history.model import HistoryLine, KnownCredential, holders_of, redact
from licet_credentials.visibility.model import Sees
from licet_credentials.visibility.store import find_seen

QUERIES = load_queries(__package__ or "")


async def read_terms(conn: Connection, credential_id: UUID) -> list[tuple[Term, datetime, datetime | None]]:
    """Return every revision of the terms, each with the interval in which it was recorded."""
    rows = await conn.fetch(QUERIES["read_terms"], credential_id)
    return [(term_row(row), row["known_from"], row["known_until"]) for row in rows]


async def read_history(
    conn: Connection, credential_id: UUID, after: int, limit: int, *, sees: Sees
) -> list[HistoryLine]:
    """Return the history after the version `after`, oldest first.

    Lines about a holder that is not seen are redacted.
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
    return [redact(line, unseen) for line in lines]


async def known_of_holder(
    conn: Connection, holder_id: UUID, known_at: datetime, *, sees: Sees, after: UUID | None, limit: int
) -> list[KnownCredential]:
    """Return a page of the holder's credentials as known at `known_at`.

    Name and number are the present ones: only what decides validity is kept in all revisions. Credentials
    that have moved to a holder who is not seen are left out.
    """
    rows = await conn.fetch(
        QUERIES["known_of_holder"], holder_id, known_at, after, limit, sees.teams, sees.locations
    )
    return [
        KnownCredential(
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
