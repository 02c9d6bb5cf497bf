"""Schedules in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_scheduler.periods.model import Kind, Schedule

QUERIES = load_queries(__package__)


async def put_schedule(conn: Connection, schedule: Schedule) -> None:
    """Write a schedule."""
    await conn.execute(
        QUERIES["put_schedule"], schedule.name, schedule.kind, schedule.rule, schedule.time_zone,
        schedule.starts_on, schedule.next_at, schedule.version, schedule.updated_at,
    )  # fmt: skip


async def delete_schedule(conn: Connection, name: str) -> None:
    """Delete a schedule."""
    await conn.execute(QUERIES["delete_schedule"], name)


async def lock_schedule(conn: Connection, name: str) -> Schedule | None:
    """Return a schedule and hold it until the transaction ends."""
    row = await conn.fetchrow(QUERIES["lock_schedule"], name)
    return None if row is None else _schedule(row)


async def list_schedules(conn: Connection, *, after: str | None, limit: int) -> Sequence[Schedule]:
    """Return schedules by name."""
    return [_schedule(row) for row in await conn.fetch(QUERIES["list_schedules"], after, limit)]


async def claim_schedules(conn: Connection, now: datetime, limit: int) -> Sequence[Schedule]:
    """Return schedules whose next period has begun, and hold them until the transaction ends."""
    return [_schedule(row) for row in await conn.fetch(QUERIES["claim_schedules"], now, limit)]


async def move_on(conn: Connection, name: str, at: datetime, following: datetime | None) -> None:
    """Note that the period that began at `at` was announced."""
    await conn.execute(QUERIES["move_on"], name, at, following)


async def count_due(conn: Connection, now: datetime) -> int:
    """Return the number of schedules whose next period has begun."""
    count: int = await conn.fetchval(QUERIES["count_due"], now)
    return count


async def next_due(conn: Connection, now: datetime) -> datetime | None:
    """Return the next instant after `now` at which a period begins."""
    instant: datetime | None = await conn.fetchval(QUERIES["next_due"], now)
    return instant


async def beat(conn: Connection, now: datetime, last: datetime) -> bool:
    """Take the heartbeat at `now`, unless there was one after `last`."""
    return bool(await conn.fetchval(QUERIES["beat"], now, last))


def _schedule(row: Any) -> Schedule:
    return Schedule(**{**dict(row), "kind": Kind(row["kind"])})
