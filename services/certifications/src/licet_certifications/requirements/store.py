"""Requirements in the database."""

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries
from licet_events.catalogue import RequirementState

QUERIES = load_queries(__package__)


async def read_requirement(conn: Connection, id: UUID) -> RequirementState:
    """Return a requirement; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["read_requirement"], id), id)


async def lock_requirement(conn: Connection, id: UUID) -> RequirementState:
    """Return a requirement and hold it until the transaction ends; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["lock_requirement"], id), id)


async def list_requirements(
    conn: Connection, *, after: UUID | None, target: str | None, limit: int
) -> list[RequirementState]:
    """Return requirements in order of ids after `after`; of one target, if one is given."""
    return [
        requirement_of(row) for row in await conn.fetch(QUERIES["list_requirements"], after, target, limit)
    ]


async def lock_page(conn: Connection, after: UUID | None, limit: int) -> list[RequirementState]:
    """Return requirements in order of ids after `after` and hold them until the transaction ends."""
    return [requirement_of(row) for row in await conn.fetch(QUERIES["page_requirements"], after, limit)]


async def save_requirement(conn: Connection, state: RequirementState) -> None:
    """Write a version as the present one; it stays readable when others follow."""
    await conn.execute(
        QUERIES["save_requirement"], state.id, state.version, state.target, list(state.expression.types),
        state.match_jurisdiction, state.model_dump_json(),
    )  # fmt: skip


async def note_change(conn: Connection, target: str, cause: Cause) -> None:
    """Have the timelines of everybody who has the target computed again."""
    await conn.execute(
        QUERIES["note_requirement_change"],
        target,
        cause.correlation_id,
        cause.causation_id,
        cause.traceparent,
    )


def requirement_of(row: "asyncpg.Record") -> RequirementState:
    """Return the requirement in a row's `state`."""
    return RequirementState.model_validate_json(row["state"])


def _found(row: "asyncpg.Record | None", id: UUID) -> RequirementState:
    if row is None:
        raise NotFound(f"There is no requirement {id}.")
    return requirement_of(row)


def cursor_of(states: Sequence[RequirementState], limit: int) -> UUID | None:
    """Return where the next page begins; `None` where this one was the last."""
    return states[-1].id if len(states) == limit else None
