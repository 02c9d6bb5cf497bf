"""Audit schedules in the database."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries
from licet_events.audits import AuditScheduleState

QUERIES = load_queries(__package__ or "")


@dataclass(frozen=True, slots=True)
class StoredSchedule:
    """A schedule with what is told to nobody but those who may read it here."""

    state: AuditScheduleState
    made_by: str
    problem: str | None
    """Why its last period has no audit."""


async def insert_schedule(conn: Connection, state: AuditScheduleState, made_by: str) -> None:
    """Write a new schedule."""
    await conn.execute(QUERIES["insert_schedule"], state.id, state.version, made_by, state.model_dump_json())


async def save_schedule(conn: Connection, state: AuditScheduleState, problem: str | None) -> None:
    """Keep a schedule's next version."""
    await conn.execute(QUERIES["save_schedule"], state.id, state.version, state.model_dump_json(), problem)


async def read_schedule(conn: Connection, id: UUID) -> StoredSchedule:
    """Return a schedule; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["read_schedule"], id), id)


async def lock_schedule(conn: Connection, id: UUID) -> StoredSchedule:
    """Return a schedule and hold it until the transaction ends; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["lock_schedule"], id), id)


async def list_schedules(conn: Connection, *, after: UUID | None, limit: int) -> list[StoredSchedule]:
    """Return schedules, oldest first."""
    return [_stored(row) for row in await conn.fetch(QUERIES["list_schedules"], after, limit)]


async def lock_page(conn: Connection, after: UUID | None, limit: int) -> list[AuditScheduleState]:
    """Return schedules in order of ids after `after` and hold them until the transaction ends."""
    rows = await conn.fetch(QUERIES["page_schedules"], after, limit)
    return [AuditScheduleState.model_validate_json(row["state"]) for row in rows]


def _found(row: Any, id: UUID) -> StoredSchedule:
    if row is None:
        raise NotFound(f"There is no audit schedule {id}.")
    return _stored(row)


def _stored(row: Any) -> StoredSchedule:
    return StoredSchedule(
        AuditScheduleState.model_validate_json(row["state"]), row["made_by"], row["problem"]
    )
