"""Asking for waivers, deciding about them, overriding; each is kept for ever."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_certifications.requirements import store as requirements
from licet_certifications.waivers import model, store
from licet_certifications.waivers.model import Limits, OverrideRequest, Waiver, WaiverRequest
from licet_certifications.worklist import store as worklist
from licet_certifications.worklist.model import Deciders, Item, Ruling, Verb
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.errors import Conflict, Invalid, NotFound
from licet_chassis.rederiving import TIME_ZONES, Page
from licet_events.holders import HolderErased
from licet_events.ids import uuid7
from licet_events.topics import Topic
from licet_events.waivers import (
    WaiverCorrected,
    WaiverEnded,
    WaiverEvent,
    WaiverGranted,
    WaiverRevoked,
    WaiverSnapshot,
    WaiverStatus,
)

REQUEST, REVIEW = "waiver", "override_review"
"""The kinds of items on the worklist: a waiver that is asked for, an override to be looked at."""

APPROVE = "waivers:approve"
"""The scope of those who decide."""

_EVENTS: Mapping[WaiverStatus, type[WaiverEvent]] = {
    WaiverStatus.GRANTED: WaiverGranted,
    WaiverStatus.REVOKED: WaiverRevoked,
    WaiverStatus.ENDED: WaiverEnded,
}


async def ask_for_waiver(
    tx: Transaction, request: WaiverRequest, *, limits: Limits, time_zone: str, now: datetime
) -> Waiver:
    """Enter a waiver that somebody else has to approve; raises `NotFound` and `Invalid`.

    `time_zone` is where its dates begin and end.
    """
    requirement = await requirements.read_requirement(tx.conn, request.requirement_id)
    waiver = model.ask_for_waiver(
        request, requirement, uuid7(), limits=limits, time_zone=time_zone, actor=tx.cause.actor, now=now
    )
    await store.save_waiver(tx.conn, waiver)
    await _open_item(tx.conn, waiver, REQUEST, "approval", now)
    return waiver


async def grant_override(tx: Transaction, request: OverrideRequest, *, now: datetime) -> Waiver:
    """Release a holder for one shift and mark it for review; raises `NotFound` and `Invalid`."""
    if not await store.is_known_target(tx.conn, request.target):
        raise Invalid(
            f"{request.target} is unknown: no requirement names it and no holder has it.", pointer="/target"
        )
    waiver = model.override(request, uuid7(), actor=tx.cause.actor, now=now)
    await _settle(tx, waiver, now)
    await _open_item(tx.conn, waiver, REVIEW, "review", now)
    return waiver


async def approve(tx: Transaction, id: UUID, *, note: str | None, now: datetime) -> Waiver:
    """Grant a waiver that was asked for; raises `NotFound` and `Conflict`."""
    return await _decide(tx, id, lambda one: model.grant(one, actor=tx.cause.actor, note=note, now=now), now)


async def refuse(tx: Transaction, id: UUID, *, note: str, now: datetime) -> Waiver:
    """Refuse a waiver that was asked for; raises `NotFound` and `Conflict`."""
    return await _decide(tx, id, lambda one: model.refuse(one, actor=tx.cause.actor, note=note, now=now), now)


async def revoke(tx: Transaction, id: UUID, *, note: str, now: datetime) -> Waiver:
    """Take a granted waiver back from now on; raises `NotFound` and `Conflict`."""
    return await _decide(tx, id, lambda one: model.revoke(one, actor=tx.cause.actor, note=note, now=now), now)


async def end_reached(tx: Transaction, id: UUID, at: datetime, *, now: datetime) -> None:
    """End a granted waiver whose end has come; one with a later end, or that is over, stays as it is.

    Safe to repeat, and to call for a waiver that is gone. `at` may lie after `now`: the scheduler, whose
    clock is another, has seen it come.
    """
    await block_erasures(tx.conn)
    try:
        waiver = await store.lock_waiver(tx.conn, id)
    except NotFound:
        return
    reached = max(at, now)
    ended = model.end(waiver, reached)
    if ended is not waiver:
        await _settle(tx, ended, reached)


async def derive_waivers(tx: Transaction, after: UUID | None, limit: int, now: datetime) -> Page:
    """Derive the instants of a page of waivers again; each granted one that differs gets one correction."""
    await block_erasures(tx.conn)
    page = await store.lock_current(tx.conn, after, limit)
    moved = [(before, model.derive_again(before, now)) for before in page]
    changed = [waiver for before, waiver in moved if waiver is not before]
    for waiver in changed:
        await store.save_waiver(tx.conn, waiver)
        if waiver.state.status is WaiverStatus.GRANTED:
            event_id = uuid7()
            await store.note_change(tx.conn, waiver.state, replace(tx.cause, causation_id=str(event_id)))
            await tx.publish(WaiverCorrected(waiver=waiver.state, reason=TIME_ZONES), now=now, id=event_id)
    return Page(page[-1].state.id if page else None, len(changed))


async def decide_item(tx: Transaction, item: Item, ruling: Ruling, now: datetime) -> None:
    """Carry out a ruling on an item of the worklist: a waiver that is asked for, or an override's review.

    An override that is denied is revoked if it has not ended yet. Raises `Conflict`.
    """
    waiver = await store.lock_waiver(tx.conn, UUID(item.subject))
    note, actor = ruling.reason or "", tx.cause.actor
    if ruling.verb is Verb.RETURN:
        raise Conflict("A waiver is approved or denied; there is nothing to return it to.")
    if item.kind == REQUEST:
        approved = ruling.verb is Verb.APPROVE
        decide = model.grant if approved else model.refuse
        await _settle(tx, decide(waiver, actor=actor, note=note, now=now), now)
        return
    if (
        ruling.verb is Verb.DENY
        and waiver.state.status is WaiverStatus.GRANTED
        and waiver.state.ends_at > now
    ):
        await _settle(tx, model.revoke(waiver, actor=actor, note=note, now=now), now)
    await worklist.close_item(
        tx.conn, item.kind, item.subject, decision=ruling.verb, actor=actor, now=now, reason=ruling.reason
    )


async def forget_holder(tx: Transaction, holder_id: UUID, now: datetime) -> None:
    """Leave of an erased holder's waivers that there were some, for what and until when; nobody is in it."""
    ids = await store.forget_holder(tx.conn, holder_id)
    await tx.publish(
        *(HolderErased(holder_id=holder_id, path=f"waiver/{one}", of=Topic.CERTIFICATIONS) for one in ids),
        now=now,
    )


async def waiver_snapshots(
    conn: Connection, after: UUID | None, limit: int
) -> tuple[list[WaiverSnapshot], UUID | None]:
    """Return a page of a backfill, and where the next one begins."""
    states = await store.lock_page(conn, after, limit)
    return (
        [WaiverSnapshot(waiver=state) for state in states],
        states[-1].id if len(states) == limit else None,
    )


async def _decide(
    tx: Transaction,
    id: UUID,
    step: Callable[[Waiver], Waiver],
    now: datetime,
) -> Waiver:
    after = step(await store.lock_waiver(tx.conn, id))
    await _settle(tx, after, now)
    return after


async def _settle(tx: Transaction, waiver: Waiver, now: datetime) -> None:
    """Save a waiver after a step, tell of it, have the timeline computed, and close what waited for it."""
    state = waiver.state
    await store.save_waiver(tx.conn, waiver)
    event = _EVENTS.get(state.status)
    if event is not None:
        event_id = uuid7()
        if state.status is not WaiverStatus.ENDED:
            # The timeline has known the end from the beginning.
            await store.note_change(tx.conn, state, replace(tx.cause, causation_id=str(event_id)))
        await tx.publish(event(waiver=state), now=now, id=event_id)
    if not state.override and state.status in {WaiverStatus.GRANTED, WaiverStatus.REFUSED}:
        await worklist.close_item(
            tx.conn, REQUEST, str(state.id), decision=state.status, actor=tx.cause.actor, now=now
        )


async def _open_item(conn: Connection, waiver: Waiver, kind: str, needs: str, now: datetime) -> None:
    state = waiver.state
    details = {"target": state.target, "reason": state.reason.value, "ends_at": state.ends_at.isoformat()}
    if state.requirement_id is not None:
        details["requirement_id"] = str(state.requirement_id)
    if state.type is not None:
        details["type"] = state.type
    await worklist.open_item(
        conn,
        Item(
            id=uuid7(),
            kind=kind,
            subject=str(state.id),
            since=now,
            needs=needs,
            holder_id=state.holder_id,
            deciders=Deciders(scope=APPROVE, barred=(state.requested_by,)),
            details=details,
        ),
    )
