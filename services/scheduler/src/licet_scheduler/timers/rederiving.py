"""Deriving the instants of reminder steps again by a newer edition of the time zone database."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.rederiving import Derived, Page
from licet_events.reminders.decide import next_due
from licet_events.reminders.plan import with_instants
from licet_scheduler.timers import store


async def derive_plans(tx: Transaction, after: UUID | None, limit: int, now: datetime) -> Page:
    """Derive the steps of a page of credentials again and set the timers of those that differ.

    Starts and ends of runs come with the corrections of their owner. What was decided stays decided: a
    decision is known by its term and step, not by its instant.
    """
    ids = await store.page_of_plans(tx.conn, after, limit)
    await store.lock_timers(tx.conn, ids)
    moved = []
    for timer in await store.read_timers(tx.conn, ids):
        plan = with_instants(timer.plan)
        if plan != timer.plan:
            moved.append(replace(timer, plan=plan))
    await store.move_plans(tx.conn, moved)
    await store.set_timers(tx.conn, [(timer.subject_id, next_due(timer, now)) for timer in moved])
    return Page(ids[-1] if ids else None, len(moved))


PLANS = Derived("timers", derive_plans, store.count_plans)
