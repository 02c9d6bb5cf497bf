"""Keeping timelines up to date, and answering from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_certifications.eligibility import model, store
from licet_certifications.eligibility.model import Decision
from licet_certifications.eligibility.store import Found, Kept, Pair, Question
from licet_chassis.cause import Cause
from licet_chassis.database import Connection, Transaction
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


async def queue_affected(tx: Transaction, *, limit: int = CHANGES_AT_ONCE) -> int:
    """Turn changed facts into pairs to compute again, and return how many facts there were.

    It comes after the commit of the change, never within it: two facts that change side by side do
    not see one another, but whoever comes after both does.
    """
    changes = await store.claim_changes(tx.conn, limit)
    if changes:
        await store.queue_affected(tx.conn, changes)
    return len(changes)


async def recompute(tx: Transaction, *, now: datetime, limit: int = PAIRS_AT_ONCE) -> int:
    """Compute the timelines of some queued pairs, and return how many pairs there were.

    A timeline that comes out as it was is neither written nor published; `now` is only when the
    others were computed.
    """
    # A claimed pair is deleted first and its facts are read in later statements. So a change that is
    # not seen here has yet to be committed, and will queue the pair once more.
    causes = await store.claim_recomputations(tx.conn, limit, tx.cause.actor)
    if not causes:
        return 0
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
    for cause, events in told.items():
        # Each goes on with the conversation of the change that led to it.
        tx.cause = cause
        await tx.publish(*events, now=now)
    return len(pairs)


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
            version=1 if before is None else before.state.version + 1,
            intervals=decision.intervals,
            facts=decision.facts,
            computed_at=now,
        )
        events.append(EligibilityChanged(eligibility=state))
    events += [
        EligibilityEnded(holder_id=pair.holder_id, target=pair.target, location=location)
        for location, before in kept.items()
        if location not in computed and not before.ended
    ]
    return events


@dataclass(frozen=True, slots=True)
class Answer:
    """What is said of a holder and a target."""

    found: Found
    location: str
    """Of the timeline that the answer comes from: the one asked for, or `*`."""
    intervals: tuple[Interval, ...]


async def answer(conn: Connection, questions: Sequence[Question]) -> list[Answer]:
    """Return the timeline that answers each question, in their order.

    A pair that is not computed yet (its role is a moment old) is computed on the way.
    """
    found = await store.look_up(conn, questions)
    missing = {
        Pair(question.holder_id, question.target)
        for question, one in zip(questions, found, strict=True)
        if one.assigned and one.intervals is None
    }
    computed = await compute(conn, sorted(missing)) if missing else {}
    return [_answer(question, one, computed) for question, one in zip(questions, found, strict=True)]


def _answer(question: Question, found: Found, computed: dict[Pair, dict[str, Decision]]) -> Answer:
    if not found.target_known:
        return Answer(found, ANYWHERE, model.always(ReasonCode.UNKNOWN_TARGET))
    if not found.assigned:
        return Answer(found, ANYWHERE, model.always(ReasonCode.NOT_ASSIGNED))
    if found.intervals is not None:
        return Answer(found, found.location or ANYWHERE, found.intervals)
    decisions = computed[Pair(question.holder_id, question.target)]
    location = question.location if question.location in decisions else ANYWHERE
    return Answer(found, location, decisions[location].intervals)


async def timeline_snapshots(
    conn: Connection, after: tuple[UUID, str, str] | None, limit: int
) -> tuple[list[EligibilitySnapshot], tuple[UUID, str, str] | None]:
    """Return a page of a backfill, and where the next one begins."""
    states = await store.lock_page(conn, after, limit)
    last = states[-1] if len(states) == limit else None
    following = None if last is None else (last.holder_id, last.target, last.location)
    return [EligibilitySnapshot(eligibility=state) for state in states], following
