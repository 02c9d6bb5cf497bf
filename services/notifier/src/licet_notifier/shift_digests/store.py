"""Shifts at risk, and the mails about them, in the database."""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.notifications import RecipientRole
from licet_events.shifts import ShiftState
from licet_notifier.mail.address import usable_address
from licet_notifier.mail.answers import Answer
from licet_notifier.shift_digests.model import DigestReason, DigestState, Item, Recipient

QUERIES = load_queries(__package__)


@dataclass(frozen=True, slots=True)
class DueRisk:
    """A risk that supervisors are to be told of now."""

    shift: ShiftState
    known: bool
    """Whether its holder is known, and so its team."""
    team: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class NewDigest:
    """A mail that is to be sent, or that is not for a reason."""

    id: UUID
    team: str | None
    recipient: Recipient
    urgent: bool
    shifts: tuple[ShiftState, ...]
    state: DigestState
    reason: DigestReason


@dataclass(frozen=True, slots=True)
class Claimed:
    """A mail in hand."""

    id: UUID
    team: str | None
    team_name: str | None
    recipient: Recipient
    urgent: bool
    silenced: bool
    """Whether a stop held it, and was ended with the order to drop what it held."""
    attempts: int
    uncharged_attempts: int
    """Those that the mail server's own trouble ended: they do not count."""
    unknown_attempts: int


@dataclass(frozen=True, slots=True)
class Lost:
    """A mail whose sender was lost."""

    id: UUID
    attempts: int
    uncharged_attempts: int
    unknown_attempts: int


async def upsert_risks(conn: Connection, risks: Sequence[tuple[ShiftState, datetime | None]]) -> None:
    """Keep the newest state of each shift, with when supervisors are to be told; each shift once."""
    rows = [
        {
            "shift_id": str(shift.id),
            "version": shift.version,
            "holder_id": str(shift.holder_id),
            "at_risk": shift.at_risk,
            "starts_at": shift.start.isoformat(),
            "state": shift.model_dump(mode="json"),
            "due_at": None if due_at is None else due_at.isoformat(),
        }
        for shift, due_at in risks
    ]
    await conn.execute(QUERIES["upsert_risks"], json.dumps(rows))


async def read_zones(conn: Connection, holder_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the zones of the places where the holders work, where they are known."""
    rows = await conn.fetch(QUERIES["read_zones"], sorted(holder_ids))
    return {row["id"]: row["time_zone"] for row in rows}


async def claim_due(conn: Connection, now: datetime, limit: int) -> list[DueRisk]:
    """Take risks that are to be told now, and hold them until the transaction ends."""
    return [
        DueRisk(ShiftState.model_validate_json(row["state"]), row["known"], row["team"], row["location"])
        for row in await conn.fetch(QUERIES["claim_due"], now, limit)
    ]


async def mark_told(conn: Connection, shift_ids: Collection[UUID]) -> None:
    """Note that nothing is left to be told of these risks."""
    await conn.execute(QUERIES["mark_told"], sorted(shift_ids))


async def postpone_risks(conn: Connection, shift_ids: Collection[UUID], until: datetime) -> None:
    """Look at these risks again at `until`."""
    await conn.execute(QUERIES["postpone_risks"], sorted(shift_ids), until)


async def read_supervisors(
    conn: Connection, teams: Collection[str], default_zone: str
) -> dict[str, list[Recipient]]:
    """Return the active supervisors of each team who have an address."""
    found: dict[str, list[Recipient]] = {}
    for row in await conn.fetch(QUERIES["read_supervisors"], sorted(teams)):
        address = usable_address(row["email"])
        if row["active"] and address is not None:
            zone = row["time_zone"] or row["location_zone"] or default_zone
            found.setdefault(row["team"], []).append(
                Recipient(RecipientRole.MANAGER, row["id"], row["name"], address, zone)
            )
    return found


async def read_fallback(
    conn: Connection, team: str | None, location: str | None, address: str | None, default_zone: str
) -> Recipient:
    """Return the fallback of a team, else of a location, else `address`; it may have none."""
    rows = await conn.fetch(QUERIES["read_places"], team, location)
    zone = next((row["time_zone"] for row in rows if row["time_zone"]), default_zone)
    for row in rows:
        usable = usable_address(row["fallback_email"])
        if usable is not None:
            return Recipient(RecipientRole.FALLBACK, None, row["name"], usable, zone)
    return Recipient(RecipientRole.FALLBACK, None, None, usable_address(address), zone)


async def insert_digests(
    conn: Connection, digests: Sequence[NewDigest], *, now: datetime, next_try: datetime
) -> None:
    """Note mails to be sent."""
    rows = [
        {
            "id": str(digest.id),
            "team": digest.team,
            "role": digest.recipient.role,
            "recipient_id": None if digest.recipient.id is None else str(digest.recipient.id),
            "address": digest.recipient.address if digest.recipient.id is None else None,
            "time_zone": digest.recipient.time_zone,
            "urgent": digest.urgent,
            "state": digest.state,
            "reason": digest.reason,
            "items": [
                {"shift_id": str(one.id), "version": one.version, "holder_id": str(one.holder_id)}
                for one in digest.shifts
            ],
        }
        for digest in digests
    ]
    await conn.execute(QUERIES["insert_digests"], json.dumps(rows), now, next_try)


async def claim_pending(conn: Connection, machine_now: datetime, limit: int) -> list[Claimed]:
    """Take mails that are to be tried now, and hold them; a supervisor's address is read as it is now."""
    rows = await conn.fetch(QUERIES["claim_pending"], machine_now, limit)
    ids = sorted({row["recipient_id"] for row in rows if row["recipient_id"] is not None})
    people = {row["id"]: row for row in await conn.fetch(QUERIES["lock_supervisors"], ids)}
    return [_claimed(row, people) for row in rows]


def _claimed(row: Any, people: dict[UUID, Any]) -> Claimed:
    person = people.get(row["recipient_id"])
    if row["recipient_id"] is None:
        name, address = None, row["address"]
    else:
        active = person is not None and person["active"]
        name = person["name"] if person is not None else None
        address = usable_address(person["email"]) if person is not None and active else None
    recipient = Recipient(
        RecipientRole(row["role"]),
        row["recipient_id"],
        name,
        address,
        row["time_zone"],
        person["locale"] if person is not None else None,
    )
    return Claimed(
        row["id"],
        row["team"],
        row["team_name"],
        recipient,
        row["urgent"],
        row["silenced"],
        row["attempts"],
        row["uncharged_attempts"],
        row["unknown_attempts"],
    )


async def hold(conn: Connection, digest_id: UUID, stop_id: UUID, now: datetime) -> None:
    """Let a stop hold a mail."""
    await conn.execute(QUERIES["hold"], digest_id, stop_id, now)


async def lock_items(conn: Connection, digest_ids: Collection[UUID], now: datetime) -> dict[UUID, list[Item]]:
    """Return what each mail is about that is still so, and keep changes out until the transaction ends."""
    found: dict[UUID, list[Item]] = {}
    for row in await conn.fetch(QUERIES["lock_items"], sorted(digest_ids), now):
        item = Item(ShiftState.model_validate_json(row["state"]), row["holder_name"])
        found.setdefault(row["digest_id"], []).append(item)
    return found


async def mark_sending(
    conn: Connection, claimed: Claimed, *, lease_until: datetime, message_id: str, version: str, now: datetime
) -> None:
    """Begin a mail under a lease."""
    address = claimed.recipient.address if claimed.recipient.id is None else None
    await conn.execute(QUERIES["mark_sending"], claimed.id, lease_until, message_id, version, address, now)


async def record_outcome(
    conn: Connection,
    id: UUID,
    attempts: int,
    state: DigestState,
    reason: DigestReason,
    *,
    now: datetime,
    answer: Answer | None = None,
    unknown: bool = False,
    uncharged: bool = False,
    next_try: datetime | None = None,
) -> None:
    """Note what an attempt, or looking again, came to."""
    await conn.execute(
        QUERIES["record_outcome"], id, attempts, state, reason, None if answer is None else answer.code,
        int(unknown), next_try, now, int(uncharged), None if answer is None else str(answer),
    )  # fmt: skip


async def claim_lost(conn: Connection, machine_now: datetime, limit: int) -> list[Lost]:
    """Take mails whose lease has run out."""
    rows = await conn.fetch(QUERIES["claim_lost"], machine_now, limit)
    return [
        Lost(row["id"], row["attempts"], row["uncharged_attempts"], row["unknown_attempts"]) for row in rows
    ]


async def count_leaving(conn: Connection, now: datetime) -> int:
    """Count risks to be told now, and mails that wait or are on their way."""
    count: int = await conn.fetchval(QUERIES["count_leaving"], now)
    return count


async def next_due(conn: Connection, now: datetime) -> datetime | None:
    """Return the next business time at which there is something to tell."""
    instant: datetime | None = await conn.fetchval(QUERIES["next_due"], now)
    return instant


async def list_digests(
    conn: Connection, *, before: tuple[datetime, UUID] | None, teams: Sequence[str] | None, limit: int
) -> Sequence[Any]:
    """Return mails about shifts, newest first."""
    created_at, last = before or (None, None)
    rows: Sequence[Any] = await conn.fetch(QUERIES["list_digests"], created_at, last, teams, limit)
    return rows


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete what is kept of a holder's shifts, and of mails to the holder."""
    await conn.execute(QUERIES["forget_holder"], holder_id)
