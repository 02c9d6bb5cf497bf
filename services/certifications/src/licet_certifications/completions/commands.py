"""Recording completions, finding out whose they are, and settling what contradicts them.

Nothing here knows of enrolments: `intake` calls these and carries on with the holders they touch.

Whoever keeps an unmatched completion holds the lock of identities; whoever learns holders shares it. So
either the holder is seen when the completion is kept, or the completion is there when the holder is learned.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from licet_certifications.completions import store
from licet_certifications.completions.model import (
    Contradiction,
    Kept,
    Outcome,
    OutcomeKind,
    Unmatched,
    completion_id,
    conflict_id,
    fault_of,
    matched,
)
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures, erased_among
from licet_chassis.errors import Conflict
from licet_events.completions import CompletionRecorded, Learner


@dataclass
class Recording:
    """What recording some reports has done."""

    outcomes: list[Outcome]
    """One for each report, in order."""
    touched: set[UUID] = field(default_factory=set)
    """Holders of whom something counts differently now."""
    unmatched: list[Kept] = field(default_factory=list)
    """Completions that now wait for somebody to say whose they are."""
    matched: set[UUID] = field(default_factory=set)
    """Completions that waited for that and no longer do."""
    conflicts: list[tuple[Contradiction, Kept]] = field(default_factory=list)
    """Reports that contradict what is kept, seen for the first time."""


async def record(tx: Transaction, reports: Sequence[CompletionRecorded], *, now: datetime) -> Recording:
    """Keep what is new of some reports and say what became of each.

    Repetitions change nothing. A report that contradicts an earlier one under its source and id is kept
    beside it; the earlier one goes on counting.
    """
    await block_erasures(tx.conn)
    recording = Recording([Outcome(OutcomeKind.REJECTED)] * len(reports))
    places = await _possible(tx.conn, reports, recording, now)
    holders = await _holders_of(tx.conn, [reports[place].learner for place in places])
    meant = dict(zip(places, holders, strict=True))
    ids = {place: completion_id(reports[place].source, reports[place].source_id) for place in places}
    first: dict[UUID, int] = {}
    for place, of in ids.items():
        first.setdefault(of, place)
    new = await store.insert_completions(
        tx.conn, [(of, reports[place], meant[place]) for of, place in first.items()], now
    )
    later = {place: of for place, of in ids.items() if of not in new or first[of] != place}
    for of in new:
        _note_new(recording, first[of], of, reports[first[of]], meant[first[of]], now)
    kept = await store.lock_completions(tx.conn, set(later.values())) if later else {}
    for place, of in later.items():
        kept[of] = await _compare(tx, recording, place, reports[place], meant[place], kept[of], now)
    return recording


async def take_up(tx: Transaction, holder_ids: Collection[UUID]) -> Recording:
    """Match completions of nobody known to holders that have just been learned, and follow merges.

    The transaction has shared the lock of identities before it learned them.
    """
    recording = Recording([])
    recording.touched |= await store.lead_on(tx.conn, holder_ids)
    waiting = await store.waiting_for(tx.conn, holder_ids)
    learners = [one.learner for one in waiting if one.learner is not None]
    holders = await _match(tx.conn, learners)
    found = {one.id: holder for one, holder in zip(waiting, holders, strict=True) if isinstance(holder, UUID)}
    if found:
        await store.assign(tx.conn, found)
        recording.touched |= set(found.values())
        recording.matched |= set(found)
    return recording


async def assign(tx: Transaction, id: UUID, holder_id: UUID, *, now: datetime) -> Recording:
    """Say whose an unmatched completion is; an account it names is remembered as theirs.

    What else waits under that account is taken up with it. Raises `NotFound` for a holder that is not
    known, and `Conflict` where the completion no longer waits.
    """
    holder = await store.leads_to(tx.conn, holder_id)
    completion = (await store.lock_completions(tx.conn, [id])).get(id)
    if completion is None or completion.holder_id is not None:
        raise Conflict(f"Completion {id} no longer waits for somebody to say whose it is.")
    await store.assign(tx.conn, {id: holder})
    if completion.learner is not None and completion.learner.account is not None:
        await store.keep_account(tx.conn, completion.learner.account, holder, tx.cause.actor, now)
    recording = await take_up(tx, [holder])
    recording.touched.add(holder)
    recording.matched.add(id)
    return recording


async def dismiss(tx: Transaction, id: UUID) -> None:
    """Note that an unmatched completion is nobody's here; who the learner was is forgotten."""
    await store.dismiss(tx.conn, id)


async def settle_conflict(tx: Transaction, id: UUID, *, replace: bool, now: datetime) -> Recording:
    """Decide between a completion and a report that contradicts it.

    Raises `Conflict` where nobody knows whose the contradicting report is, or it was decided before.
    """
    conflict = await store.lock_conflict(tx.conn, id)
    if conflict.decision is not None:
        raise Conflict(f"This was decided before: the first report was {conflict.decision}.")
    recording = Recording([])
    if replace:
        completion = (await store.lock_completions(tx.conn, [conflict.completion_id]))[conflict.completion_id]
        (meant,) = await _match(tx.conn, [conflict.report.learner])
        holder = meant if isinstance(meant, UUID) else conflict.holder_id
        if holder is None:
            raise Conflict("Nobody knows whose the new report is; enter its learner as a holder first.")
        await store.replace_completion(tx.conn, completion.id, conflict.report, holder)
        recording.touched = {one for one in (completion.holder_id, holder) if one is not None}
        recording.matched = {completion.id} if completion.holder_id is None else set()
    await store.decide_conflict(tx.conn, id, "replaced" if replace else "kept", tx.cause.actor, now)
    return recording


async def void(tx: Transaction, source: str, source_id: str, *, now: datetime) -> set[UUID]:
    """Take a completion back as reported in error; returns the holders of whom something counts differently.

    There may be no such completion: then nothing happens.
    """
    holder_id = await store.void_completion(tx.conn, completion_id(source, source_id), now)
    return set() if holder_id is None else {holder_id}


async def _possible(
    conn: Connection, reports: Sequence[CompletionRecorded], recording: Recording, now: datetime
) -> list[int]:
    """Return the places of the reports that can be true, and reject the others."""
    named = {str(one.learner.holder_id) for one in reports if one.learner.holder_id is not None}
    erased = await erased_among(conn, named) if named else frozenset()
    places = []
    for place, report in enumerate(reports):
        fault = fault_of(report, now)
        if fault is not None:
            recording.outcomes[place] = Outcome(OutcomeKind.REJECTED, code=fault.code, detail=fault.detail)
        elif str(report.learner.holder_id) in erased:
            recording.outcomes[place] = Outcome(
                OutcomeKind.REJECTED,
                code="holder_erased",
                detail="This holder was erased; nothing about them is kept.",
            )
        else:
            places.append(place)
    return places


async def _holders_of(conn: Connection, learners: Sequence[Learner]) -> list[UUID | Unmatched]:
    holders = await _match(conn, learners)
    unclear = [place for place, holder in enumerate(holders) if isinstance(holder, Unmatched)]
    if unclear:
        # Somebody may be learning them at this moment: with the lock they are either there or come later,
        # and then find the completion.
        await store.hold_identities(conn)
        again = await _match(conn, [learners[place] for place in unclear])
        for place, holder in zip(unclear, again, strict=True):
            holders[place] = holder
    return holders


async def _match(conn: Connection, learners: Sequence[Learner]) -> list[UUID | Unmatched]:
    if not learners:
        return []
    found = await store.find_candidates(conn, learners)
    return [
        matched(store.keys_of(learner).external, candidates)
        for learner, candidates in zip(learners, found, strict=True)
    ]


def _note_new(
    recording: Recording,
    place: int,
    id: UUID,
    report: CompletionRecorded,
    holder: UUID | Unmatched,
    now: datetime,
) -> None:
    if isinstance(holder, UUID):
        recording.outcomes[place] = Outcome(OutcomeKind.RECORDED, id, holder)
        recording.touched.add(holder)
        return
    recording.outcomes[place] = _unmatched(id, holder)
    recording.unmatched.append(
        Kept(
            id=id, source=report.source, source_id=report.source_id, holder_id=None, course=report.course,
            completed_at=report.completed_at, result=report.result, credits=report.credits,
            evidence=report.evidence, recorded_at=now, voided_at=None, unmatched=holder,
            learner=report.learner,
        )
    )  # fmt: skip


async def _compare(
    tx: Transaction,
    recording: Recording,
    place: int,
    report: CompletionRecorded,
    holder: UUID | Unmatched,
    kept: Kept,
    now: datetime,
) -> Kept:
    """Tell a repetition from a contradiction, and return the completion as it is after that."""
    known = kept.holder_id
    meant = holder if isinstance(holder, UUID) else None
    if not kept.says(report) or (known is not None and meant is not None and known != meant):
        conflict = Contradiction(conflict_id(kept.id, report), kept.id, meant, report, now)
        if await store.insert_conflict(tx.conn, conflict):
            recording.conflicts.append((conflict, kept))
        recording.outcomes[place] = Outcome(
            OutcomeKind.CONFLICT,
            kept.id,
            known,
            "reported_differently",
            f"{report.source_id} of {report.source} was reported before with other content; the first "
            "report goes on counting until a person decides.",
        )
        return kept
    if known is None and meant is not None:
        await store.assign(tx.conn, {kept.id: meant})
        recording.touched.add(meant)
        recording.matched.add(kept.id)
        recording.outcomes[place] = Outcome(OutcomeKind.RECORDED, kept.id, meant)
        return replace(kept, holder_id=meant, unmatched=None, learner=None)
    if known is None and isinstance(holder, Unmatched) and kept.unmatched is not Unmatched.DISMISSED:
        recording.outcomes[place] = _unmatched(kept.id, holder)
    else:
        recording.outcomes[place] = Outcome(OutcomeKind.DUPLICATE, kept.id, known)
    return kept


_WHY = {
    Unmatched.UNKNOWN: "No holder has what learner names",
    Unmatched.AMBIGUOUS: "Several holders have what learner names",
    Unmatched.CONTRADICTORY: "The holder that learner leads to has another external id",
}


def _unmatched(id: UUID, why: Unmatched) -> Outcome:
    return Outcome(
        OutcomeKind.UNMATCHED,
        id,
        None,
        f"learner_{why.value}",
        f"{_WHY[why]}; it is kept, and counts once that is clear.",
    )
