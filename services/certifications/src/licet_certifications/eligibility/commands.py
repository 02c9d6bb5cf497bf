"""Keeping timelines up to date, and answering from them."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from licet_certifications.eligibility import model, reading, spans, store
from licet_certifications.eligibility.contract import changed_event, ended_event, interval_of
from licet_certifications.eligibility.deciding import decide
from licet_certifications.eligibility.model import Assessment, Decision, Holder, Stretch
from licet_certifications.eligibility.reading import Facts
from licet_certifications.eligibility.store import Pair, Shift, TimelineRow
from licet_certifications.facts import store as fact_store
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.database import TRANSIENT, Transaction
from licet_chassis.erasure import block_erasures
from licet_events import Record
from licet_events.eligibility import (
    ANYWHERE,
    EligibilityChanged,
    EligibilityEnded,
    EligibilitySnapshot,
    EligibilityState,
    Interval,
    ReasonCode,
)

CHANGES_AT_ONCE = 500
PAIRS_AT_ONCE = 200
POSTPONED_FOR = timedelta(minutes=1)

_log = structlog.get_logger("licet.eligibility")


async def queue_affected(tx: Transaction, *, limit: int = CHANGES_AT_ONCE) -> int:
    """Turn changed facts into pairs to compute again, and return how many facts there were.

    It comes after the commit of the change, never within it: two facts that change side by side do
    not see one another, but whoever comes after both does.
    """
    await block_erasures(tx.conn)
    changes = await store.claim_changes(tx.conn, limit)
    if changes:
        await store.queue_affected(tx.conn, changes)
    return len(changes)


async def recompute(tx: Transaction, *, now: datetime, limit: int = PAIRS_AT_ONCE) -> int:
    """Compute the timelines of some queued pairs, and return how many pairs there were.

    A timeline that comes out as it was is neither written nor published; `now` is only when the
    others were computed. A pair that can't be computed is told in the log and put off.
    """
    await block_erasures(tx.conn)
    # A claimed pair is deleted first and its facts are read in later statements. So a change that is
    # not seen here has yet to be committed, and will queue the pair once more.
    causes = await store.claim_recomputations(tx.conn, limit, tx.cause.actor)
    if not causes:
        return 0
    try:
        async with tx.conn.transaction():
            await _renew(tx, causes, now)
    except TRANSIENT:
        raise
    except Exception:  # noqa: BLE001  # whichever pair it was, each is judged by itself below
        for pair, cause in causes.items():
            await _renew_or_postpone(tx, pair, cause, now)
    return len(causes)


async def forget_holder(tx: Transaction, holder_id: UUID, now: datetime) -> None:
    """Forget a holder who is erased, and end the key of each of its timelines."""
    await fact_store.forget_holder(tx.conn, holder_id)
    await spans.forget_holder(tx.conn, holder_id)
    ended = await store.forget_holder(tx.conn, holder_id)
    await tx.publish(
        *(
            EligibilityEnded(holder_id=holder_id, target=target, location=location, version=version)
            for target, location, version in ended
        ),
        now=now,
    )


async def _renew_or_postpone(tx: Transaction, pair: Pair, cause: Cause, now: datetime) -> None:
    try:
        async with tx.conn.transaction():
            await _renew(tx, {pair: cause}, now)
    except TRANSIENT:
        raise
    except Exception:  # noqa: BLE001  # told, and tried again later
        _log.exception("eligibility.not_computed", holder_id=str(pair.holder_id), target=pair.target)
        await store.postpone(tx.conn, pair, cause, POSTPONED_FOR)


async def _renew(tx: Transaction, causes: Mapping[Pair, Cause], now: datetime) -> None:
    pairs = sorted(causes)
    facts = await reading.read_facts(tx.conn, pairs)
    kept = await store.lock_timelines(tx.conn, pairs)
    changed: list[TimelineRow] = []
    ended: list[tuple[UUID, str, str]] = []
    records: list[Record] = []
    touched: dict[Pair, dict[str, tuple[Stretch, ...]]] = {}
    for pair in pairs:
        # Requests are answered meanwhile; one needs several turns of the loop, hence more turns than pairs.
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        before = kept.get(pair, {})
        events: list[EligibilityChanged | EligibilityEnded] = []
        decisions = _decide(pair, facts)
        for location, decision in decisions.items():
            last = before.get(location)
            row = TimelineRow.of(pair, location, 1 if last is None else last.next_version, decision)
            if last is None or not last.says(row):
                changed.append(row)
                events.append(changed_event(*row[:4], decision, now))
        for location, last in before.items():
            if location not in decisions and not last.ended:
                ended.append((*pair, location))
                events.append(ended_event(*pair, location, last.next_version))
        if events:
            touched[pair] = {location: one.stretches for location, one in decisions.items()}
        # Each goes on with the conversation of the change that led to it.
        records += tx.records_of([(event, None, now) for event in events], [causes[pair]] * len(events))
    if changed:
        await store.save_timelines(tx.conn, changed, now)
    if ended:
        await store.end_timelines(tx.conn, ended, now)
    if touched:
        await spans.follow_timelines(tx.conn, touched, causes)
    await tx.append(records)


async def compute(conn: Connection, pairs: Sequence[Pair]) -> dict[Pair, dict[str, Decision]]:
    """Return the decisions for the pairs from the facts as they are, by location."""
    facts = await reading.read_facts(conn, pairs)
    return {pair: _decide(pair, facts) for pair in pairs}


def _decide(pair: Pair, facts: Facts) -> dict[str, Decision]:
    return decide(
        facts.holders.get(pair.holder_id),
        facts.rulebooks[pair.target],
        credentials=facts.credentials.get(pair.holder_id, ()),
        places=facts.places,
        waivers=facts.waivers.get(pair.holder_id, ()),
    )


@dataclass(frozen=True, slots=True)
class Timeline:
    """Who may do the work, from when until when, and why."""

    location: str
    """The one asked for, or `*` where that has no timeline of its own."""
    intervals: tuple[Interval, ...]
    decision: EligibilityState | None = None
    """As it is stored; `None` where there is none."""


async def read_timeline(conn: Connection, holder: Holder, target: str, location: str) -> Timeline:
    """Return the timeline of a holder for a target at a location."""
    decision = await store.read_timeline(conn, holder.id, target, location)
    if decision is not None:
        return Timeline(decision.location, decision.intervals, decision)
    pair = Pair(holder.id, target)
    found, stretches = _at_location((await _without_decision(conn, [pair]))[pair], location)
    return Timeline(found, tuple(map(interval_of, stretches)))


async def check(conn: Connection, shifts: Sequence[Shift]) -> list[Assessment]:
    """Return the worst verdict within each shift, with its reasons, in their order."""
    found = await store.check(conn, shifts)
    missing = {
        Pair(shift.holder_id, shift.target) for shift, one in zip(shifts, found, strict=True) if not one
    }
    computed = await _without_decision(conn, sorted(missing)) if missing else {}
    return [
        model.worst(one or _computed_within(computed[Pair(shift.holder_id, shift.target)], shift))
        for shift, one in zip(shifts, found, strict=True)
    ]


def _computed_within(timelines: dict[str, tuple[Stretch, ...]], shift: Shift) -> tuple[Assessment, ...]:
    return model.within(_at_location(timelines, shift.location)[1], shift.start, shift.end)


async def _without_decision(
    conn: Connection, pairs: Sequence[Pair]
) -> dict[Pair, dict[str, tuple[Stretch, ...]]]:
    """Return the timelines, by location, of pairs for which none is stored.

    A role that is only a moment old is computed here; else there is nothing to be computed.
    """
    known = await store.read_known_targets(conn, [pair.target for pair in pairs])
    computed = await compute(conn, pairs)
    timelines = {}
    for pair, decisions in computed.items():
        code = ReasonCode.NOT_ASSIGNED if pair.target in known else ReasonCode.UNKNOWN_TARGET
        timelines[pair] = {location: one.stretches for location, one in decisions.items()} or {
            ANYWHERE: model.always(code)
        }
    return timelines


def _at_location(timelines: dict[str, tuple[Stretch, ...]], location: str) -> tuple[str, tuple[Stretch, ...]]:
    found = location if location in timelines else ANYWHERE
    return found, timelines[found]


async def timeline_snapshots(
    conn: Connection, after: tuple[UUID, str, str] | None, limit: int
) -> tuple[list[EligibilitySnapshot], tuple[UUID, str, str] | None]:
    """Return a page of a backfill, and where the next one begins."""
    states = await store.lock_page(conn, after, limit)
    last = states[-1] if len(states) == limit else None
    following = None if last is None else (last.holder_id, last.target, last.location)
    return [EligibilitySnapshot(eligibility=state) for state in states], following
