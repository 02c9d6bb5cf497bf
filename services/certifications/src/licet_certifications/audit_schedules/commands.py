"""Making and ending audit schedules, and opening the audit of a period."""

from datetime import datetime
from uuid import UUID

from licet_certifications.audit_schedules import model, store
from licet_certifications.audit_schedules.model import SchedulePlan
from licet_certifications.audit_schedules.store import StoredSchedule
from licet_certifications.audits import commands as audits
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, NotFound, require_version
from licet_chassis.recurrence import Recurrence, parse_recurrence
from licet_events.audits import AuditScheduleChanged, AuditScheduleSnapshot, AuditScheduleState
from licet_events.ids import uuid7


async def make_schedule(tx: Transaction, plan: SchedulePlan, *, now: datetime) -> StoredSchedule:
    """Make a schedule; raises `Invalid` for a rule that is malformed or does not fire any more."""
    recurrence = parse_recurrence(plan.rule, plan.time_zone, plan.starts_on)
    next_at = recurrence.after(now)
    if next_at is None:
        raise Invalid(f"The rule {plan.rule} does not fire any more after now.", pointer="/rule")
    state = model.begin_schedule(plan, uuid7(), next_at, now)
    await store.insert_schedule(tx.conn, state, tx.cause.actor)
    await tx.publish(AuditScheduleChanged(audit_schedule=state), now=now)
    return await store.read_schedule(tx.conn, state.id)


async def end_schedule(
    tx: Transaction, id: UUID, *, expected_version: int | None, now: datetime
) -> StoredSchedule:
    """Let a schedule open no more audits; those that are open stay. Raises `NotFound` and `Conflict`."""
    state = (await store.lock_schedule(tx.conn, id)).state
    require_version(expected_version, state.version)
    await _save(tx, model.end_schedule(state, now), None, now)
    return await store.read_schedule(tx.conn, id)


async def due_reached(tx: Transaction, id: UUID, at: datetime, *, now: datetime) -> None:
    """Open the audit of the period that begins at `at`, once, and move on to the next period after now.

    Safe to repeat. Periods that went by while nothing ran give one audit, not one each. Where nothing is in
    scope no audit is opened; the schedule tells so and goes on.
    """
    try:
        state = (await store.lock_schedule(tx.conn, id)).state
    except NotFound:
        return
    if state.next_at != at:
        return
    # The scheduler, whose clock is another, has seen the instant come.
    reached = max(at, now)
    problem = None
    try:
        plan = model.audit_of(state, reached)
        await audits.open_audit(tx, plan, now=reached)
    except Invalid as invalid:
        problem = invalid.detail
    following = Recurrence(state.rule, state.time_zone, state.starts_on).after(reached)
    await _save(tx, model.move_on(state, following, opened=problem is None, now=reached), problem, reached)


async def _save(tx: Transaction, state: AuditScheduleState, problem: str | None, now: datetime) -> None:
    await store.save_schedule(tx.conn, state, problem)
    await tx.publish(AuditScheduleChanged(audit_schedule=state), now=now)


async def schedule_snapshots(
    conn: Connection, after: UUID | None, limit: int
) -> tuple[list[AuditScheduleSnapshot], UUID | None]:
    """Return a page of a backfill, and where the next one begins."""
    states = await store.lock_page(conn, after, limit)
    return (
        [AuditScheduleSnapshot(audit_schedule=state) for state in states],
        states[-1].id if len(states) == limit else None,
    )
