"""What was, in the database."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.credentials.rows import flags_of, images_of, term_row, terms_of
from licet_credentials.credentials.terms import Term
from licet_credentials.history.model import Known
from licet_credentials.visibility.model import Sees

QUERIES = load_queries(__package__ or "")


async def read_terms(conn: Connection, credential_id: UUID) -> list[tuple[Term, datetime, datetime | None]]:
    """Return every revision of the terms, with the time from and until which it was believed."""
    rows = await conn.fetch(QUERIES["read_terms"], credential_id)
    return [(term_row(row), row["known_from"], row["known_until"]) for row in rows]


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """One change of a credential: what, by whom, when and why."""

    version: int
    event_type: str
    details: Mapping[str, Any]
    reason: str | None
    note: str | None
    actor: str
    at: datetime


async def read_history(conn: Connection, credential_id: UUID, after: int, limit: int) -> list[HistoryLine]:
    """Return what happened to a credential after the version `after`, oldest first."""
    return [
        HistoryLine(
            version=row["version"],
            event_type=row["event_type"],
            details=json.loads(row["details"]),
            reason=row["reason"],
            note=row["note"],
            actor=row["actor"],
            at=row["at"],
        )
        for row in await conn.fetch(QUERIES["read_history"], credential_id, after, limit)
    ]


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
