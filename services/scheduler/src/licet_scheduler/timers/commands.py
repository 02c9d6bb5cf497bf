"""Use cases of timers: apply states of holders, credentials and enrolments, and decide what is due."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from licet_chassis.clock import machine_now
from licet_chassis.consuming.states import newest
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures
from licet_events import Record, encode
from licet_events.audits import AuditScheduleState, AuditState
from licet_events.credentials import CredentialMoved, CredentialState
from licet_events.enrolments import EnrolmentState
from licet_events.holders import HolderState
from licet_events.reminders.decide import decide, next_due
from licet_events.reminders.events import announcements
from licet_events.reminders.model import Subject, SubjectPlan
from licet_events.reminders.plan import (
    plan_of,
    plan_of_audit,
    plan_of_audit_schedule,
    plan_of_enrolment,
    plan_of_waiver,
)
from licet_events.waivers import WaiverState
from licet_scheduler.timers import store


async def apply_holders(tx: Transaction, holders: Sequence[HolderState], *, now: datetime) -> None:
    """Apply states of holders, and set the timers of reactivated ones: a step may wait to be announced.

    Deactivation changes no timer: instants are still decided, with the holder's inactivity as a reason.
    """
    states = newest(holders, key=lambda holder: holder.id, rank=lambda holder: holder.version)
    known = await store.lock_holders(tx.conn, list(states))
    await store.upsert_holders(tx.conn, list(states.values()))
    back = [
        holder.id
        for holder in states.values()
        if holder.active and holder.id in known and known[holder.id].inactive_before(holder.version)
    ]
    if back:
        await _set_timers(tx, await store.lock_timers_of_holders(tx.conn, back), now=now)


async def apply_credentials(
    tx: Transaction,
    credentials: Sequence[CredentialState],
    moved: Sequence[CredentialMoved] = (),
    *,
    now: datetime,
) -> None:
    """Apply states of credentials and set their timers; delete those that moved away from their holder.

    Nothing is decided here: instants that have passed make the timer due, and a claim decides them. The
    state of a moved credential arrives under its new holder, before or after its tombstone. Decisions
    about it stay, so that no instant is decided twice.
    """
    states = newest(
        credentials, key=lambda credential: credential.id, rank=lambda credential: credential.version
    )
    plans = [
        SubjectPlan(Subject.CREDENTIAL, each.id, each.version, each.holder_id, plan_of(each))
        for each in states.values()
    ]
    await _apply_plans(tx, plans, moved, now=now)


async def apply_enrolments(tx: Transaction, enrolments: Sequence[EnrolmentState], *, now: datetime) -> None:
    """Apply states of enrolments and set their timers, as for credentials."""
    states = newest(enrolments, key=lambda enrolment: enrolment.id, rank=lambda enrolment: enrolment.version)
    plans = [
        SubjectPlan(Subject.ENROLMENT, each.id, each.version, each.holder_id, plan_of_enrolment(each))
        for each in states.values()
    ]
    await _apply_plans(tx, plans, (), now=now)


async def apply_waivers(tx: Transaction, waivers: Sequence[WaiverState], *, now: datetime) -> None:
    """Apply states of waivers and set their timers, as for credentials."""
    states = newest(waivers, key=lambda waiver: waiver.id, rank=lambda waiver: waiver.version)
    plans = [
        SubjectPlan(Subject.WAIVER, each.id, each.version, each.holder_id, plan_of_waiver(each))
        for each in states.values()
    ]
    await _apply_plans(tx, plans, (), now=now)


async def apply_audits(tx: Transaction, audits: Sequence[AuditState], *, now: datetime) -> None:
    """Apply states of audits and set their timers, as for credentials."""
    states = newest(audits, key=lambda audit: audit.id, rank=lambda audit: audit.version)
    plans = [
        SubjectPlan(Subject.AUDIT, each.id, each.version, None, plan_of_audit(each))
        for each in states.values()
    ]
    await _apply_plans(tx, plans, (), now=now)


async def apply_audit_schedules(
    tx: Transaction, schedules: Sequence[AuditScheduleState], *, now: datetime
) -> None:
    """Apply states of audit schedules and set their timers, as for credentials."""
    states = newest(schedules, key=lambda schedule: schedule.id, rank=lambda schedule: schedule.version)
    plans = [
        SubjectPlan(Subject.AUDIT_SCHEDULE, each.id, each.version, None, plan_of_audit_schedule(each))
        for each in states.values()
    ]
    await _apply_plans(tx, plans, (), now=now)


async def _apply_plans(
    tx: Transaction, plans: Sequence[SubjectPlan], moved: Sequence[CredentialMoved], *, now: datetime
) -> None:
    # A concurrent reactivation of a holder waits for this lock, and then sees the subjects of this batch.
    holders = {each.holder_id for each in plans if each.holder_id is not None}
    await store.share_holders(tx.conn, sorted(holders))
    ids = {each.id for each in plans} | {each.credential_id for each in moved}
    await store.lock_timers(tx.conn, sorted(ids))
    taken = await store.upsert_plans(tx.conn, plans)
    await store.end_credentials(tx.conn, moved)
    await _set_timers(tx, taken, now=now)


async def forget_holder(tx: Transaction, holder_id: UUID, _now: datetime) -> None:
    """Delete everything about an erased holder, timers included."""
    await store.forget_holder(tx.conn, holder_id)


async def _set_timers(tx: Transaction, subject_ids: Sequence[UUID], *, now: datetime) -> None:
    timers = await store.read_timers(tx.conn, subject_ids)
    await store.set_timers(tx.conn, [(timer.subject_id, next_due(timer, now)) for timer in timers])


async def decide_due(tx: Transaction, *, limit: int, now: datetime) -> int:
    """Claim at most `limit` due timers, decide what they have reached, and return how many were claimed.

    Instances claim concurrently without waiting for each other; a claim holds its timers until the
    transaction ends. Decisions and events commit together or not at all.
    """
    await block_erasures(tx.conn)
    claimed = await store.claim_timers(tx.conn, now, limit)
    if not claimed:
        return 0
    recorded_at = machine_now()
    rows: list[store.DecisionRow] = []
    outgoing: list[Record] = []
    due: list[tuple[UUID, datetime | None]] = []
    for timer in await store.read_timers(tx.conn, claimed):
        claim = decide(timer, now)
        records = {event.id: encode(event) for event in announcements(claim, now, recorded_at)}
        rows += [store.DecisionRow(timer, claim, decision, records) for decision in claim.decisions]
        outgoing += records.values()
        due.append((timer.subject_id, claim.due_at))
    await store.insert_decisions(tx.conn, rows, now, recorded_at)
    await store.set_timers(tx.conn, due)
    await tx.append(outgoing)
    return len(claimed)
