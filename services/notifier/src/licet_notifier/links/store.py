"""What was said by links in mails, in the database."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.notifications import RecipientRole
from licet_notifier.links.model import Asked, Kind, Said
from licet_notifier.notifications.model import Decision

QUERIES = load_queries(__package__)


async def read_asked(conn: Connection, notification_id: UUID) -> Asked | None:
    """Return the mail that a link was in; `None` where nothing is kept of it any more."""
    row = await conn.fetchrow(QUERIES["read_notification"], notification_id)
    if row is None:
        return None
    recipient = Decision(
        RecipientRole(row["told"]),
        RecipientRole(row["role"]),
        decider_id=row["decider_id"],
        circle=row["circle"],
        fixed_address=row["fixed_address"],
    )
    return Asked(
        notification_id=row["id"],
        credential_id=row["credential_id"],
        holder_id=row["holder_id"],
        term_id=row["term_id"],
        name=row["name"].strip() or row["type_name"] or row["type"],
        holder_name=row["holder_name"],
        expires_on=row["expires_on"],
        time_zone=row["time_zone"],
        to=recipient.to,
        by_id=row["recipient_id"],
        by_role=recipient.role,
    )


async def lock_term(conn: Connection, asked: Asked) -> bool:
    """Keep mails about the credential from beginning; returns whether the term still ends one of its runs."""
    row = await conn.fetchrow(QUERIES["lock_credential"], asked.credential_id)
    if row is None or row["voided"]:
        return False
    return any(str(asked.term_id) == run[2] for run in json.loads(row["runs"]))


async def is_used(conn: Connection, notification_id: UUID, kind: Kind) -> bool:
    """Tell whether the link of a notification was used before."""
    return bool(await conn.fetchval(QUERIES["is_used"], notification_id, kind))


async def insert_acknowledgement(conn: Connection, said: Said, now: datetime) -> bool:
    """Note what was said; returns whether the link had not been used before."""
    asked = said.asked
    return bool(
        await conn.fetchval(
            QUERIES["insert_acknowledgement"], said.id, said.kind, asked.notification_id, asked.credential_id,
            asked.term_id, asked.holder_id, asked.to if said.kind is Kind.SNOOZED else None, asked.by_id,
            asked.by_role, said.booked_on, said.until, now,
        )
    )  # fmt: skip


async def list_acknowledgements(
    conn: Connection,
    *,
    credential_id: UUID | None,
    teams: Sequence[str] | None,
    locations: Sequence[str] | None,
    before: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Any]:
    """Return what was said by links, newest first."""
    rows: Sequence[Any] = await conn.fetch(
        QUERIES["list_acknowledgements"], credential_id, teams, locations, *(before or (None, None)), limit
    )
    return rows


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete what was said about a holder's credentials, and that the holder said anything."""
    await conn.execute(QUERIES["forget_holder"], holder_id)
