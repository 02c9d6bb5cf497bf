"""Keeping timelines up to date, and answering from them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import structlog

from licet_certifications.eligibility import model, spans, store
from licet_certifications.eligibility.model import Decision, Holder, Said
from licet_certifications.eligibility.store import Kept, Pair, Shift
from licet_certifications.facts import store as fact_store
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.database import TRANSIENT, Transaction
from licet_chassis.erasure import block_erasures
from licet_events import EventData
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
    computed = await compute(tx.conn, pairs)
    kept = await store.lock_timelines(tx.conn, pairs)
    changed: list[EligibilityState] = []
    ended: list[EligibilityState] = []
    told: dict[Cause, list[EventData]] = {}
    for pair in pairs:
        for event in _differences(pair, computed[pair], kept.get(pair, {}), now):
            told.setdefault(causes[pair], []).append(event)
            if isinstance(event, EligibilityChanged):
                changed.append(event.eligibility)
            else:
                ended.append(kept[pair][event.location].state)
    if changed:
        await store.save_timelines(tx.conn, changed, now)
    if ended:
        await store.end_timelines(tx.conn, ended, now)
    touched = sorted({Pair(state.holder_id, state.target) for state in (*changed, *ended)})
    if touched:
        timelines = {
            pair: {location: one.intervals for location, one in computed[pair].items()} for pair in touched
        }
        await spans.follow_timelines(tx.conn, timelines, causes)
    for cause, events in told.items():
        # Each goes on with the conversation of the change that led to it.
        tx.cause = cause
        await tx.publish(*events, now=now)


async def compute(conn: Connection, pairs: Sequence[Pair]) -> dict[Pair, dict[str, Decision]]:
    """Return the decisions for the pairs from the facts as they are, by location."""
    facts = await store.read_facts(conn, pairs)
    return {
        pair: model.decide(
            facts.holders.get(pair.holder_id),
            pair.target,
            requirements=facts.requirements.get(pair.target, ()),
            credentials=facts.credentials.get(pair.holder_id, ()),
            places=facts.places,
            types=facts.types,
        )
        for pair in pairs
    }


def _differences(
    pair: Pair, computed: dict[str, Decision], kept: dict[str, Kept], now: datetime
) -> list[EligibilityChanged | EligibilityEnded]:
    events: list[EligibilityChanged | EligibilityEnded] = []
    for location, decision in computed.items():
        before = kept.get(location)
        if before is not None and not before.ended and before.state.intervals == decision.intervals:
            continue
        state = EligibilityState(
            holder_id=pair.holder_id,
            target=pair.target,
            location=location,
            version=1 if before is None else _next_version(before),
            intervals=decision.intervals,
            facts=decision.facts,
            computed_at=now,
        )
        events.append(EligibilityChanged(eligibility=state))
    events += [
        EligibilityEnded(
            holder_id=pair.holder_id, target=pair.target, location=location, version=_next_version(before)
        )
        for location, before in kept.items()
        if location not in computed and not before.ended
    ]
    return events


def _next_version(before: Kept) -> int:
    # The tombstone that ended a timeline had a version of its own, which no row has.
    return before.state.version + (2 if before.ended else 1)


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
    return _at_location((await _without_decision(conn, [pair]))[pair], location)


async def check(conn: Connection, shifts: Sequence[Shift]) -> list[Said]:
    """Return the worst verdict within each shift, with its reasons, in their order."""
    found = await store.check(conn, shifts)
    missing = {
        Pair(shift.holder_id, shift.target) for shift, said in zip(shifts, found, strict=True) if not said
    }
    computed = await _without_decision(conn, sorted(missing)) if missing else {}
    return [
        model.worst(
            said
            or model.within(
                _at_location(computed[Pair(shift.holder_id, shift.target)], shift.location).intervals,
                shift.start,
                shift.end,
            )
        )
        for shift, said in zip(shifts, found, strict=True)
    ]


async def _without_decision(
    conn: Connection, pairs: Sequence[Pair]
) -> dict[Pair, dict[str, tuple[Interval, ...]]]:
    """Return the timelines, by location, of pairs for which none is stored.

    A role that is only a moment old is computed here; else there is nothing to be computed.
    """
    known = await store.read_known_targets(conn, [pair.target for pair in pairs])
    computed = await compute(conn, pairs)
    timelines = {}
    for pair, decisions in computed.items():
        code = ReasonCode.NOT_ASSIGNED if pair.target in known else ReasonCode.UNKNOWN_TARGET
        timelines[pair] = {location: one.intervals for location, one in decisions.items()} or {
            ANYWHERE: model.always(code)
        }
    return timelines


def _at_location(timelines: dict[str, tuple[Interval, ...]], location: str) -> Timeline:
    found = location if location in timelines else ANYWHERE
    return Timeline(found, timelines[found])


async def timeline_snapshots(
    conn: Connection, after: tuple[UUID, str, str] | None, limit: int
) -> tuple[list[EligibilitySnapshot], tuple[UUID, str, str] | None]:
    """Return a page of a backfill, and where the next one begins."""
    states = await store.lock_page(conn, after, limit)
    last = states[-1] if len(states) == limit else None
    following = None if last is None else (last.holder_id, last.target, last.location)
    return [EligibilitySnapshot(eligibility=state) for state in states], following
