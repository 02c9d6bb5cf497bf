"""Setting schedules, announcing their periods, and the heartbeat."""

from datetime import date, datetime, timedelta

from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_chassis.errors import NotFound, require_version
from licet_chassis.outbox.append import append
from licet_chassis.recurrence import Recurrence, parse_recurrence
from licet_events import encode
from licet_scheduler.periods import store
from licet_scheduler.periods.model import Kind, Schedule, heartbeat_event, period_event

_AT_ONCE = 100


async def put_schedule(
    tx: Transaction,
    name: str,
    *,
    kind: Kind,
    rule: str,
    time_zone: str,
    starts_on: date,
    expected_version: int | None,
    now: datetime,
) -> Schedule:
    """Write a schedule; raises `Invalid` for a rule that is malformed or never fires, and `StaleVersion`."""
    before = await store.lock_schedule(tx.conn, name)
    version = 0 if before is None else before.version
    require_version(expected_version, version)
    recurrence = parse_recurrence(rule, time_zone, starts_on)
    schedule = Schedule(
        name=name,
        kind=kind,
        rule=recurrence.rule,
        time_zone=time_zone,
        starts_on=starts_on,
        next_at=recurrence.after(now),
        last_at=None if before is None else before.last_at,
        version=version + 1,
        updated_at=now,
    )
    await store.put_schedule(tx.conn, schedule)
    return schedule


async def delete_schedule(tx: Transaction, name: str) -> None:
    """Delete a schedule; raises `NotFound`."""
    if await store.lock_schedule(tx.conn, name) is None:
        raise NotFound(f"There is no schedule {name}.")
    await store.delete_schedule(tx.conn, name)


async def announce_due(tx: Transaction, *, now: datetime) -> int:
    """Announce periods that have begun, each schedule once, and return how many were announced.

    Instances claim concurrently without waiting for each other. Of several periods of a schedule that went
    by, the first is announced, and the next one is that after now.
    """
    recorded_at = machine_now()
    outgoing = []
    for schedule in await store.claim_schedules(tx.conn, now, _AT_ONCE):
        if schedule.next_at is None:
            continue
        recurrence = Recurrence(schedule.rule, schedule.time_zone, schedule.starts_on)
        following = recurrence.after(max(now, schedule.next_at))
        outgoing.append(encode(period_event(schedule, schedule.next_at, following, now, recorded_at)))
        await store.move_on(tx.conn, schedule.name, schedule.next_at, following)
    await append(tx.conn, outgoing)
    return len(outgoing)


async def beat(tx: Transaction, every: timedelta) -> None:
    """Publish a heartbeat, unless another instance has done so less than `every` ago (machine time)."""
    now = machine_now()
    if await store.beat(tx.conn, now, now - every):
        await append(tx.conn, [encode(heartbeat_event(now, int(every.total_seconds())))])
