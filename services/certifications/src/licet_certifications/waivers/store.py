"""Waivers in the database."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from licet_certifications.waivers.model import Waiver
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries, load_templates
from licet_events.waivers import WaiverReason, WaiverState, WaiverStatus

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)


@dataclass(frozen=True, slots=True)
class ListedWaiver:
    """A waiver with where its holder is, which decides who sees it."""

    waiver: Waiver
    holder_id: UUID | None
    """`None` once the holder was erased."""
    team: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class WaiverFilter:
    """Which waivers are asked for; what is `None` is not asked."""

    holder_id: UUID | None = None
    requirement_id: UUID | None = None
    target: str | None = None
    statuses: tuple[WaiverStatus, ...] | None = None
    reasons: tuple[WaiverReason, ...] | None = None
    override: bool | None = None
    ends_by: datetime | None = None
    """Only granted ones that end after now and until then."""


async def save_waiver(conn: Connection, waiver: Waiver) -> None:
    """Write a waiver as it is now."""
    state = waiver.state
    await conn.execute(
        QUERIES["save_waiver"], state.id, state.version, state.holder_id, state.requirement_id, state.target,
        state.reason, state.status, state.override, state.starts_at, state.ends_at, state.model_dump_json(),
        waiver.note, waiver.decision_note, waiver.revocation_note,
    )  # fmt: skip


async def lock_waiver(conn: Connection, id: UUID) -> Waiver:
    """Return a waiver and hold it until the transaction ends; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["lock_waiver"], id)
    if row is None:
        raise NotFound(f"There is no waiver {id}.")
    return _waiver_of(row)


async def read_whereabouts(conn: Connection, holder_id: UUID) -> tuple[str | None, str | None]:
    """Return team and location of a holder; raises `NotFound` if it is not known here."""
    row = await conn.fetchrow(QUERIES["find_holder"], holder_id)
    if row is None:
        raise NotFound(f"There is no holder {holder_id} here.", pointer="/holder_id")
    return row["team"], row["location"]


async def is_known_target(conn: Connection, target: str) -> bool:
    """Return whether a requirement has named a target or a holder has had it."""
    known: bool = await conn.fetchval(QUERIES["is_known_target"], target)
    return known


async def read_listed(conn: Connection, id: UUID) -> ListedWaiver | None:
    """Return a waiver with where its holder is; `None` where there is none."""
    row = await conn.fetchrow(QUERIES["read_listed"], id)
    return None if row is None else _listed(row)


async def list_waivers(
    conn: Connection,
    asked: WaiverFilter,
    seen: dict[str, Any],
    *,
    now: datetime,
    after: UUID | None,
    limit: int,
) -> list[ListedWaiver]:
    """Return waivers, newest first, after one; `seen` is what the token sees."""
    given = {
        "holder_id": asked.holder_id,
        "requirement_id": asked.requirement_id,
        "target": asked.target,
        "statuses": asked.statuses and list(asked.statuses),
        "reasons": asked.reasons and list(asked.reasons),
        "override": asked.override,
        "ends_by": asked.ends_by,
        "now": now,
        "after": after,
        "limit": limit,
    }
    return [_listed(row) for row in await TEMPLATES["list_waivers"].fetch(conn, given | seen)]


async def lock_page(conn: Connection, after: UUID | None, limit: int) -> list[WaiverState]:
    """Return waivers in order of ids after `after` and hold them until the transaction ends."""
    rows = await conn.fetch(QUERIES["page_waivers"], after, limit)
    return [WaiverState.model_validate_json(row["state"]) for row in rows]


async def lock_current(conn: Connection, after: UUID | None, limit: int) -> list[Waiver]:
    """Return waivers that are asked for or granted, in order of ids after `after`, and hold them."""
    return [_waiver_of(row) for row in await conn.fetch(QUERIES["page_current"], after, limit)]


async def count_current(conn: Connection, after: UUID | None) -> int:
    """Return how many such waivers come after an id."""
    count: int = await conn.fetchval(QUERIES["count_current"], after)
    return count


async def note_change(conn: Connection, state: WaiverState, cause: Cause) -> None:
    """Have the timelines of the waiver's holder computed again."""
    await conn.execute(
        QUERIES["note_holder_change"], str(state.holder_id), cause.correlation_id, cause.causation_id,
        cause.traceparent,
    )  # fmt: skip


async def forget_holder(conn: Connection, holder_id: UUID) -> list[UUID]:
    """Take a holder out of its waivers; returns the ids of those of which there was an event."""
    rows = await conn.fetch(QUERIES["forget_holder"], holder_id)
    return sorted(row["id"] for row in rows if row["told"])


def _waiver_of(row: "asyncpg.Record") -> Waiver:
    return Waiver(
        WaiverState.model_validate_json(row["state"]),
        row["note"],
        row["decision_note"],
        row["revocation_note"],
    )


def _listed(row: "asyncpg.Record") -> ListedWaiver:
    return ListedWaiver(_waiver_of(row), row["holder_id"], row["team"], row["location"])
