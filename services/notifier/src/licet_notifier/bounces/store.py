"""SQL of bounces."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries, load_templates
from licet_notifier.bounces.model import Bounce

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)


async def addresses_of(
    conn: Connection, addresses: Collection[str], notification_id: UUID | None
) -> tuple[set[str], set[str]]:
    """Return which of the addresses somebody here has, and those of whoever got the notification."""
    rows = await conn.fetch(QUERIES["addresses_of"], sorted(addresses), notification_id)
    named = {row["address"] for row in rows if row["named"]}
    return named, {row["address"] for row in rows} - named


async def knows_notification(conn: Connection, notification_id: UUID) -> bool:
    """Return whether a notification is one of ours."""
    known: bool = await conn.fetchval(QUERIES["knows_notification"], notification_id)
    return known


async def insert_bounce(conn: Connection, bounce: Bounce) -> None:
    """Keep a bounce; the same report again changes nothing."""
    await conn.execute(
        QUERIES["insert_bounce"],
        bounce.id,
        bounce.address,
        bounce.hard,
        bounce.action,
        bounce.status,
        bounce.diagnostic,
        bounce.notification_id,
        bounce.reported_at,
    )


async def list_bounces(
    conn: Connection,
    *,
    hard: bool | None,
    notification_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Bounce]:
    """Return a page of bounces, the newest first."""
    at, last = after or (None, None)
    given = {"hard": hard, "notification_id": notification_id, "after": at, "after_id": last, "limit": limit}
    return [Bounce(**row) for row in await TEMPLATES["list_bounces"].fetch(conn, given)]


async def delete_bounce(conn: Connection, id: UUID) -> bool:
    """Forget a bounce; returns whether it was there."""
    return await conn.fetchval(QUERIES["delete_bounce"], id) is not None


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete what bounced of a holder; call it while the holder and the decisions are still there."""
    await conn.execute(QUERIES["forget_holder"], holder_id)
