"""Making and changing requirements."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_certifications.requirements import model, store
from licet_certifications.requirements.expressions import checked_conditions, conditioned_types
from licet_certifications.requirements.model import Rule
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.errors import StaleVersion
from licet_chassis.rederiving import Page
from licet_events.catalogue import RequirementChanged, RequirementSnapshot, RequirementState
from licet_events.ids import uuid7


async def make_requirement(tx: Transaction, rule: Rule, *, now: datetime) -> RequirementState:
    """Enter a requirement; raises `Invalid` if it makes no sense, `Conflict` if its code is taken."""
    state = await _checked(tx, model.made(rule, uuid7(), now))
    await _write(tx, state, now)
    return state


async def change_requirement(
    tx: Transaction, id: UUID, changes: Mapping[str, Any], *, expected_version: int, now: datetime
) -> RequirementState:
    """Make the next version; the same facts again change and publish nothing.

    Raises `NotFound`, `StaleVersion`, `Invalid` and `Conflict`.
    """
    before = await store.lock_requirement(tx.conn, id)
    if before.version != expected_version:
        raise StaleVersion(expected_version, before.version)
    after = await _checked(tx, model.changed(before, changes, now))
    model.require_order(before, after)
    if after.version != before.version:
        await _write(tx, after, now)
    return after


async def derive_requirements(tx: Transaction, after: UUID | None, limit: int, now: datetime) -> Page:
    """Derive the instants of a page of requirements again; each that differs gets one next version.

    The versions before it keep their numbers and get their instants too, so that none of them shines through
    between two instants of one day.
    """
    page = await store.lock_page(tx.conn, after, limit)
    changed = 0
    for before in page:
        state = model.derive_again(before, now)
        if state is not before:
            changed += 1
            past = await store.read_versions(tx.conn, before.id)
            await store.move_versions(tx.conn, [model.with_instants(version) for version in past])
            await _write(tx, state, now)
    return Page(page[-1].id if page else None, changed)


async def requirement_snapshots(
    conn: Connection, after: UUID | None, limit: int
) -> tuple[list[RequirementSnapshot], UUID | None]:
    """Return a page of a backfill, and where the next one begins."""
    states = await store.lock_page(conn, after, limit)
    return [RequirementSnapshot(requirement=state) for state in states], store.cursor_of(states, limit)


async def _checked(tx: Transaction, state: RequirementState) -> RequirementState:
    """Return the requirement with what it asks of attributes as their types declare them."""
    if state.code is not None:
        await store.reserve_code(tx.conn, state.code, state.id)
    return await with_declared_attributes(tx.conn, state)


async def with_declared_attributes(conn: Connection, state: RequirementState) -> RequirementState:
    """Return the requirement with its conditions in the form that the types declare; raises `Invalid`."""
    names = conditioned_types(state.expression)
    types = await store.read_declared_types(conn, names) if names else {}
    return state.model_copy(update={"expression": checked_conditions(state.expression, types)})


async def _write(tx: Transaction, state: RequirementState, now: datetime) -> None:
    await store.save_requirement(tx.conn, state)
    event_id = uuid7()
    await store.note_change(tx.conn, state.target, replace(tx.cause, causation_id=str(event_id)))
    await tx.publish(RequirementChanged(requirement=state), now=now, id=event_id)
