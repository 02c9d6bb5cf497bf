"""Taking over bookings, and judging booked shifts again when a timeline changes."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from licet_certifications.eligibility.spans import queue_reviews
from licet_certifications.eligibility.store import Pair
from licet_certifications.eligibility.store import Shift as Asked
from licet_certifications.eligibility.verdicts import judge as judge_shifts
from licet_certifications.shifts import model, store
from licet_certifications.shifts.model import Change, Report, Standing, Work
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.database import LostRace, Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.errors import Conflict
from licet_events import Topic
from licet_events.holders import HolderErased
from licet_events.ids import derived_id
from licet_events.shifts import ShiftEvent, ShiftSnapshot

PAIRS_AT_ONCE = 100
WAITING_AT_ONCE = 500
UNRESOLVED_KEPT = timedelta(days=7)
"""How long after its end a shift is kept of which nobody ever learned whose it was."""


class BookedAtTheSameMoment(LostRace, Conflict):
    """Somebody else reported the same new shift at the same moment."""

    def __init__(self) -> None:
        super().__init__("This shift is being reported by somebody else at this moment; send it again.")


async def take_reports(
    tx: Transaction, reports: Sequence[Report], *, now: datetime, causes: Mapping[UUID, Cause] | None = None
) -> None:
    """Take over what platforms report of their shifts; what is older than what is known changes nothing.

    Each new booking is judged at once by the timelines in force. One of a holder who is not known waits in
    its row until the holder is. Of several reports about a shift in one call the newest counts. `causes` has
    the cause of each report by the shift's id, where it is not the transaction's.
    """
    newest = {report.id: report for report in sorted(reports, key=lambda one: one.order)}
    resolved = await _resolved(tx.conn, newest.values())
    works = {shift_id: report.work for shift_id, report in resolved.items() if report.work is not None}
    pairs = {
        shift_id: Pair(work.holder_id, work.target) for shift_id, work in works.items() if work.holder_id
    }
    given = causes or {}
    # Whoever changes a timeline at this moment does not see these shifts, so they are judged once more after
    # the commit; and before any is locked, see `queue_reviews`.
    if pairs:
        await queue_reviews(
            tx.conn, {pair: given.get(shift_id, tx.cause) for shift_id, pair in pairs.items()}
        )
    known = await store.lock_shifts(tx.conn, resolved.keys())
    fresh = {
        shift_id: report
        for shift_id, report in resolved.items()
        if shift_id not in known or report.order > known[shift_id].order
    }
    standings = await _standings(
        tx.conn, {shift_id: works[shift_id] for shift_id in fresh.keys() & works.keys()}
    )
    changes = {
        shift_id: change
        for shift_id, report in sorted(fresh.items())
        if (change := model.take(known.get(shift_id), report, standings.get(shift_id), now)) is not None
    }
    new = [change.shift for shift_id, change in changes.items() if shift_id not in known]
    if new and await store.insert_shifts(tx.conn, new) < len(new):
        raise BookedAtTheSameMoment
    if len(new) < len(changes):
        await store.update_shifts(
            tx.conn, [change.shift for shift_id, change in changes.items() if shift_id in known]
        )
    await _publish(tx, [(change, given.get(shift_id, tx.cause)) for shift_id, change in changes.items()], now)


async def review(tx: Transaction, *, now: datetime, limit: int = PAIRS_AT_ONCE) -> int:
    """Judge the shifts of some queued pairs that lie ahead; returns how many pairs there were.

    A shift of a holder who was merged into another becomes the other's.
    """
    await block_erasures(tx.conn)
    # A pair is deleted first and read in later statements: a change that is not seen here queues it anew.
    causes = await store.claim_reviews(tx.conn, limit, tx.cause.actor)
    if not causes:
        return 0
    holders = await store.known_holders(tx.conn, {pair.holder_id for pair in causes})
    leading = {merged: holder.id for merged, holder in holders.items() if holder.id != merged}
    if leading:
        moved = {
            Pair(leading[pair.holder_id], pair.target): cause
            for pair, cause in causes.items()
            if pair.holder_id in leading
        }
        await queue_reviews(tx.conn, moved)
    shifts = {shift.id: shift for shift in await store.lock_ahead(tx.conn, sorted(causes), now)}
    works = {
        shift_id: replace(shift.work, holder_id=leading.get(shift.work.holder_id, shift.work.holder_id))
        for shift_id, shift in shifts.items()
        if shift.work is not None and shift.work.holder_id in holders
    }
    standings = await _standings(tx.conn, works)
    changes: dict[UUID, Change] = {}
    for shift_id, work in works.items():
        before = shifts[shift_id]
        changes[shift_id] = (
            model.judge(before, standings[shift_id], now)
            if work == before.work
            else model.rebook(before, work, standings[shift_id], now)
        )
    changes = {shift_id: change for shift_id, change in changes.items() if change.shift != shifts[shift_id]}
    of_shift = {
        shift_id: causes[Pair(shift.work.holder_id, shift.work.target)]
        for shift_id, shift in shifts.items()
        if shift.work is not None and shift.work.holder_id is not None
    }
    if changes:
        await store.update_shifts(tx.conn, [change.shift for change in changes.values()])
    await _publish(tx, [(change, of_shift[shift_id]) for shift_id, change in changes.items()], now)
    return len(causes)


async def queue_unjudged(tx: Transaction, *, now: datetime) -> int:
    """Queue shifts that waited for their holders, who are known now; returns how many pairs there were."""
    await block_erasures(tx.conn)
    pairs = await store.read_unjudged(tx.conn, now, WAITING_AT_ONCE)
    if pairs:
        await queue_reviews(tx.conn, dict.fromkeys(pairs, tx.cause))
    return len(pairs)


async def resolve_bookings(tx: Transaction, *, now: datetime) -> int:
    """Give shifts to the holders who have their external ids by now; returns how many there were.

    They are queued in a transaction of its own: whoever queues must not hold a shift (see `queue_reviews`).
    """
    await block_erasures(tx.conn)
    await store.drop_unresolved(tx.conn, now - UNRESOLVED_KEPT, WAITING_AT_ONCE)
    return await store.resolve_bookings(tx.conn, now, WAITING_AT_ONCE)


async def forget_holder(tx: Transaction, holder_id: UUID, now: datetime) -> None:
    """Delete the shifts of a holder who is erased, and end the keys under which something was told of it."""
    shift_ids = await store.forget_holder(tx.conn, holder_id)
    await tx.publish(
        *(HolderErased(holder_id=holder_id, path=str(shift_id), of=Topic.SHIFTS) for shift_id in shift_ids),
        now=now,
    )


async def shift_snapshots(
    conn: Connection, after: UUID | None, limit: int
) -> tuple[list[ShiftSnapshot], UUID | None]:
    """Return a page of a backfill, and where the next one begins."""
    shifts = await store.lock_told(conn, after, limit)
    snapshots = [ShiftSnapshot(shift=model.state_of(shift)) for shift in shifts if shift.standing is not None]
    return snapshots, shifts[-1].id if len(shifts) == limit else None


async def _resolved(conn: Connection, reports: Collection[Report]) -> dict[UUID, Report]:
    """Return the reports with the holder of each, if known; one that was merged leads to the other."""
    works = [report.work for report in reports if report.work is not None]
    keys = {work.external_key for work in works if work.holder_id is None and work.external_key}
    by_key = await store.resolve_external_keys(conn, keys)
    known = await store.known_holders(conn, {work.holder_id for work in works if work.holder_id is not None})

    def resolve(work: Work) -> Work:
        if work.holder_id is None:
            return replace(work, holder_id=by_key.get(work.external_key or ""))
        holder = known.get(work.holder_id)
        return work if holder is None else replace(work, holder_id=holder.id)

    return {
        report.id: report if report.work is None else replace(report, work=resolve(report.work))
        for report in reports
    }


async def _standings(conn: Connection, works: Mapping[UUID, Work]) -> dict[UUID, Standing]:
    """Return what is said now of the work of each shift whose holder is known."""
    holders = await store.known_holders(conn, {work.holder_id for work in works.values() if work.holder_id})
    asked = {
        shift_id: Asked(work.holder_id, work.target, work.location, work.starts_at, work.ends_at)
        for shift_id, work in works.items()
        if work.holder_id is not None and work.holder_id in holders
    }
    judged = await judge_shifts(conn, list(asked.values()))
    return {
        shift_id: Standing(one.verdict, one.reasons, one.version)
        for shift_id, one in zip(asked, judged, strict=True)
    }


async def _publish(tx: Transaction, changes: Iterable[tuple[Change, Cause]], now: datetime) -> None:
    events: list[tuple[ShiftEvent, Cause]] = [
        (event, cause) for change, cause in changes for event in change.events
    ]
    if not events:
        return
    await store.note_keys(tx.conn, {(event.shift.holder_id, event.shift.id) for event, _ in events})
    await tx.publish_all(
        [(event, _event_id(event), now) for event, _ in events],
        [cause for _, cause in events],
    )


def _event_id(event: ShiftEvent) -> UUID:
    return derived_id("shift-told", event.shift.id, event.shift.version)
