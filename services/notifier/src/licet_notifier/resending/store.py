"""Failed mails in the database."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.notifications import NotificationReason

QUERIES = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class Failed:
    """A mail that failed, with its row locked."""

    id: UUID
    reason: NotificationReason
    smtp_status: int | None


async def lock_failed(
    conn: Connection,
    *,
    teams: Sequence[str] | None,
    locations: Sequence[str] | None,
    limit: int,
    since: datetime | None = None,
    until: datetime | None = None,
    smtp_status: int | None = None,
    reason: NotificationReason | None = None,
    notification_id: UUID | None = None,
) -> Sequence[Failed]:
    """Lock mails that failed, oldest first, skipping those that others have locked."""
    rows = await conn.fetch(
        QUERIES["lock_failed"], since, until, smtp_status, reason, notification_id, teams, locations, limit
    )
    return [Failed(row["id"], NotificationReason(row["reason"]), row["smtp_status"]) for row in rows]


async def resend(conn: Connection, ids: Sequence[UUID], *, now: datetime, next_try: datetime) -> None:
    """Make these failed mails due again, with all attempts before them."""
    await conn.execute(QUERIES["resend"], ids, now, next_try)
