"""Booked shifts in the database."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from licet_certifications.eligibility.store import Pair
from licet_certifications.shifts.model import Shift, Standing, Work
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries, load_templates
from licet_events.eligibility import Reason, Verdict

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)

_REASONS = TypeAdapter(tuple[Reason, ...])


@dataclass(frozen=True, slots=True)
class KnownHolder:
    """What a booking needs to know of its holder."""

    id: UUID
    """The one that it was merged into, where it was."""
    team: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class Listed:
    """A shift with what decides who may see it."""

    shift: Shift
    team: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class ShiftFilter:
    """Which booked shifts are wanted; `None` is all."""

    at_risk: bool | None = None
    platform: str | None = None
    holder_id: UUID | None = None
    target: str | None = None
    location: str | None = None
    team: str | None = None
    teams: Collection[str] | None = None
    """Those that the token sees."""
    locations: Collection[str] | None = None
    start: datetime | None = None
    end: datetime | None = None


async def resolve_external_keys(conn: Connection, keys: Collection[str]) -> dict[str, UUID]:
    """Return the holders that have these external ids."""
    rows = await conn.fetch(QUERIES["resolve_external_keys"], sorted(keys)) if keys else []
    return {row["external_key"]: row["holder_id"] for row in rows}


async def known_holders(conn: Connection, holder_ids: Collection[UUID]) -> dict[UUID, KnownHolder]:
    """Return those of the holders that are known."""
    rows = await conn.fetch(QUERIES["known_holders"], sorted(holder_ids)) if holder_ids else []
    return {row["id"]: KnownHolder(row["leads_to"], row["team"], row["location"]) for row in rows}


async def lock_shifts(conn: Connection, ids: Collection[UUID]) -> dict[UUID, Shift]:
    """Return those of the shifts that there are, and hold them until the transaction ends."""
    return {row["id"]: _shift(row) for row in await conn.fetch(QUERIES["lock_shifts"], sorted(ids))}


async def lock_ahead(conn: Connection, pairs: Sequence[Pair], now: datetime) -> list[Shift]:
    """Return the shifts of some pairs that lie ahead, and hold them until the transaction ends."""
    rows = await conn.fetch(
        QUERIES["lock_ahead"], [pair.holder_id for pair in pairs], [pair.target for pair in pairs], now
    )
    return [_shift(row) for row in rows]


async def insert_shifts(conn: Connection, shifts: Sequence[Shift]) -> int:
    """Write new shifts; returns how many of them nobody else has written at the same moment."""
    return len(await conn.fetch(QUERIES["insert_shifts"], json.dumps([_row(shift) for shift in shifts])))


async def update_shifts(conn: Connection, shifts: Sequence[Shift]) -> None:
    """Write shifts that are locked."""
    await conn.execute(QUERIES["update_shifts"], json.dumps([_row(shift) for shift in shifts]))


async def note_keys(conn: Connection, keys: Collection[tuple[UUID, UUID]]) -> None:
    """Note under which keys (holder, shift) something is told, so that an erasure ends them."""
    holders, shifts = zip(*sorted(keys), strict=True)
    await conn.execute(QUERIES["note_keys"], list(holders), list(shifts))


async def claim_reviews(conn: Connection, limit: int, actor: str) -> dict[Pair, Cause]:
    """Take pairs off the list, each with the cause of its last change."""
    return {
        Pair(row["holder_id"], row["target"]): Cause(
            actor, row["correlation_id"], row["causation_id"], row["traceparent"]
        )
        for row in await conn.fetch(QUERIES["claim_reviews"], limit)
    }


async def count_reviews(conn: Connection) -> int:
    """Return how many pairs wait for a review."""
    count: int = await conn.fetchval(QUERIES["count_reviews"])
    return count


async def resolve_bookings(conn: Connection, now: datetime, limit: int) -> int:
    """Give shifts to holders who have become known; returns how many there were."""
    done = await conn.execute(QUERIES["resolve_bookings"], now, limit)
    return int(done.rpartition(" ")[2])


async def read_unjudged(conn: Connection, now: datetime, limit: int) -> list[Pair]:
    """Return pairs of known holders with shifts that were never judged and that nobody has queued."""
    rows = await conn.fetch(QUERIES["read_unjudged"], now, limit)
    return [Pair(row["holder_id"], row["target"]) for row in rows]


async def drop_unresolved(conn: Connection, before: datetime, limit: int) -> None:
    """Forget shifts of nobody that were over before an instant."""
    await conn.execute(QUERIES["drop_unresolved"], before, limit)


async def read_shift(conn: Connection, id: UUID) -> Listed | None:
    """Return one shift; `None` if there is none."""
    row = await conn.fetchrow(QUERIES["read_shift"], id)
    return None if row is None else _listed(row)


async def list_shifts(
    conn: Connection,
    wanted: ShiftFilter,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
    now: datetime,
) -> list[Listed]:
    """Return booked shifts that match, in the order in which they begin, after one."""
    given: Mapping[str, Any] = {
        "at_risk": wanted.at_risk or None,
        "not_at_risk": True if wanted.at_risk is False else None,
        "now": now,
        "holder": wanted.holder_id,
        "target": wanted.target,
        "platform": wanted.platform,
        "location": wanted.location,
        "team": wanted.team,
        "teams": None if wanted.teams is None else sorted(wanted.teams),
        "locations": None if wanted.locations is None else sorted(wanted.locations),
        "start": wanted.start,
        "finish": wanted.end,
        "after": None if after is None else after[1],
        "after_start": None if after is None else after[0],
        "limit": limit,
    }
    return [_listed(row) for row in await TEMPLATES["list_shifts"].fetch(conn, given)]


async def lock_told(conn: Connection, after: UUID | None, limit: int) -> list[Shift]:
    """Return shifts of which something was told, in the order of ids, and hold them."""
    return [_shift(row) for row in await conn.fetch(QUERIES["page_told"], after or UUID(int=0), limit)]


async def forget_holder(conn: Connection, holder_id: UUID) -> list[UUID]:
    """Delete the shifts of a holder; returns those under whose keys something was told.

    Call it while the holder is still known: shifts that name it by its external id go too.
    """
    return sorted(row["shift_id"] for row in await conn.fetch(QUERIES["forget_holder"], holder_id))


def _row(shift: Shift) -> dict[str, Any]:
    work, standing = shift.work, shift.standing
    row: dict[str, Any] = {
        "id": str(shift.id),
        "version": shift.version,
        "platform": shift.platform,
        "external_id": shift.external_id,
        "holder_id": None if work is None or work.holder_id is None else str(work.holder_id),
        "external_key": None if work is None else work.external_key,
        "target": None if work is None else work.target,
        "location": "*" if work is None else work.location,
        "starts_at": None if work is None else work.starts_at.isoformat(),
        "ends_at": None if work is None else work.ends_at.isoformat(),
        "revision": shift.revision,
        "occurred_at": shift.occurred_at.isoformat(),
        "cancelled_at": None if shift.cancelled_at is None else shift.cancelled_at.isoformat(),
        "booked_verdict": shift.booked_verdict,
        "verdict": None if standing is None else standing.verdict,
        "reasons": []
        if standing is None
        else [reason.model_dump(mode="json", exclude_none=True) for reason in standing.reasons],
        "timeline_version": None if standing is None else standing.timeline_version,
        "at_risk": shift.at_risk,
        "since": None if shift.since is None else shift.since.isoformat(),
        "told": shift.told,
        "created_at": shift.created_at.isoformat(),
        "updated_at": shift.updated_at.isoformat(),
    }
    return row


def _listed(row: "asyncpg.Record") -> Listed:
    return Listed(_shift(row), row["holder_team"], row["holder_location"])


def _shift(row: "asyncpg.Record") -> Shift:
    return Shift(
        id=row["id"],
        version=row["version"],
        platform=row["platform"],
        external_id=row["external_id"],
        work=None
        if row["target"] is None
        else Work(
            row["holder_id"],
            row["external_key"],
            row["target"],
            row["location"],
            row["starts_at"],
            row["ends_at"],
        ),
        revision=row["revision"],
        occurred_at=row["occurred_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
        cancelled_at=row["cancelled_at"],
        booked_verdict=None if row["booked_verdict"] is None else Verdict(row["booked_verdict"]),
        standing=None
        if row["verdict"] is None
        else Standing(
            Verdict(row["verdict"]), _REASONS.validate_json(row["reasons"]), row["timeline_version"]
        ),
        at_risk=row["at_risk"],
        since=row["since"],
        told=row["told"],
    )
