"""Completions in the database."""

from collections.abc import Collection
from uuid import UUID

import asyncpg

from licet_certifications.completions.model import Completion
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.completions import CompletionResult

QUERIES = load_queries(__package__)


async def completions_of(conn: Connection, holder_ids: Collection[UUID]) -> dict[UUID, list[Completion]]:
    """Return what each of the holders has completed, in the order in which it counts.

    A holder without any is left out, and so is a completion that was voided.
    """
    found: dict[UUID, list[Completion]] = {}
    for row in await conn.fetch(QUERIES["completions_of"], list(holder_ids)):
        completion = completion_of(row)
        found.setdefault(completion.holder_id, []).append(completion)
    for completions in found.values():
        completions.sort(key=lambda one: one.order)
    return found


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete the completions and accounts of a holder."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


def completion_of(row: "asyncpg.Record") -> Completion:
    """Return the completion in a row of a known holder."""
    return Completion(
        id=row["id"],
        holder_id=row["holder_id"],
        source=row["source"],
        source_id=row["source_id"],
        course=row["course"],
        completed_at=row["completed_at"],
        result=CompletionResult(row["result"]),
        credits=row["credits"],
        evidence=tuple(row["evidence"]),
        recorded_at=row["recorded_at"],
    )
