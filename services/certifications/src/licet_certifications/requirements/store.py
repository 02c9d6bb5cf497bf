"""Requirements in the database."""

from collections.abc import Iterable, Sequence
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from licet_certifications.requirements.expressions import DeclaredType, matches_jurisdictions
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.errors import Conflict, NotFound
from licet_chassis.queries import load_queries
from licet_events.catalogue import DeclaredAttribute, RequirementState

QUERIES = load_queries(__package__)
_ATTRIBUTES = TypeAdapter(tuple[DeclaredAttribute, ...])


async def read_requirement(conn: Connection, id: UUID) -> RequirementState:
    """Return a requirement; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["read_requirement"], id), id)


async def lock_requirement(conn: Connection, id: UUID) -> RequirementState:
    """Return a requirement and hold it until the transaction ends; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["lock_requirement"], id), id)


async def list_requirements(
    conn: Connection, *, after: UUID | None, target: str | None, code: str | None = None, limit: int
) -> list[RequirementState]:
    """Return requirements in order of ids after `after`; of one target or with one code, if one is given."""
    rows = await conn.fetch(QUERIES["list_requirements"], after, target, limit, code)
    return [requirement_of(row) for row in rows]


async def reserve_code(conn: Connection, code: str, id: UUID) -> None:
    """Keep a code for a requirement until the transaction ends; raises `Conflict` if another has it."""
    await conn.execute(QUERIES["hold_codes"])
    other = await conn.fetchval(QUERIES["read_other_with_code"], code, id)
    if other is not None:
        raise Conflict(f"The code {code} is that of requirement {other}.", pointer="/code")


async def read_declared_types(conn: Connection, names: Iterable[str]) -> dict[str, DeclaredType]:
    """Return the credential types that are called by some names, by name."""
    return {
        row["name"]: DeclaredType(
            row["code"], None if row["attributes"] is None else _ATTRIBUTES.validate_json(row["attributes"])
        )
        for row in await conn.fetch(QUERIES["read_declared_types"], sorted(names))
    }


async def lock_page(conn: Connection, after: UUID | None, limit: int) -> list[RequirementState]:
    """Return requirements in order of ids after `after` and hold them until the transaction ends."""
    return [requirement_of(row) for row in await conn.fetch(QUERIES["page_requirements"], after, limit)]


async def save_requirement(conn: Connection, state: RequirementState) -> None:
    """Write a version as the present one; it stays readable when others follow."""
    await conn.execute(
        QUERIES["save_requirement"], state.id, state.version, state.target, list(state.expression.types),
        matches_jurisdictions(state), state.model_dump_json(),
    )  # fmt: skip


async def read_versions(conn: Connection, id: UUID) -> list[RequirementState]:
    """Return every version of a requirement, in order."""
    return [requirement_of(row) for row in await conn.fetch(QUERIES["read_versions"], id)]


async def move_versions(conn: Connection, states: Sequence[RequirementState]) -> None:
    """Write versions whose instants were derived again; their days are the same."""
    await conn.execute(
        QUERIES["move_versions"],
        [state.id for state in states],
        [state.version for state in states],
        [state.model_dump_json() for state in states],
    )


async def count_after(conn: Connection, after: UUID | None) -> int:
    """Return how many requirements come after an id."""
    count: int = await conn.fetchval(QUERIES["count_after"], after)
    return count


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
