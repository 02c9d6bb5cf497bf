"""Taking completions in: what is recorded counts at once, and what is unclear waits on the worklist."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_certifications.completions import commands as completions
from licet_certifications.completions import store
from licet_certifications.completions.commands import Recording
from licet_certifications.completions.model import Outcome, OutcomeKind
from licet_certifications.enrolments import commands as enrolments
from licet_certifications.programmes.store import ComponentOfCourse, components_of
from licet_certifications.worklist import store as worklist
from licet_certifications.worklist.model import Item, Ruling, Verb
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid
from licet_events.completions import CompletionRecorded
from licet_events.ids import uuid7

CONSUMER = "completions"
"""The group that reads the topic."""
UNMATCHED = "unmatched_completion"
"""The kind of a worklist item that asks whose a completion is."""
CONFLICT = "completion_conflict"
"""The kind of a worklist item that asks which of two reports is right."""


async def take_in(tx: Transaction, reports: Sequence[CompletionRecorded], *, now: datetime) -> list[Outcome]:
    """Record reports, whichever door they came through, and return what became of each, in order."""
    recording = await completions.record(tx, reports, now=now)
    await _carry_on(tx, recording, now)
    return recording.outcomes


async def note_courses(
    conn: Connection, reports: Sequence[CompletionRecorded], outcomes: Sequence[Outcome]
) -> list[Outcome]:
    """Say of recorded completions where no published programme names their course, or all are younger.

    They are kept all the same: a version published later may name the course, and then they count; what was
    completed before a programme was entered counts where its version counts what came before the enrolment.
    """
    known = await components_of(conn, {(report.source, report.course) for report in reports})
    return [
        _with_note(report, outcome, known.get((report.source, report.course), ()))
        if outcome.kind is OutcomeKind.RECORDED
        else outcome
        for report, outcome in zip(reports, outcomes, strict=True)
    ]


def _with_note(
    report: CompletionRecorded, outcome: Outcome, named_by: Sequence[ComponentOfCourse]
) -> Outcome:
    if not named_by:
        return replace(
            outcome,
            code="course_unknown",
            detail=f"No published programme names the course {report.course} of {report.source}; it is kept "
            "and counts as soon as one does.",
        )
    oldest = min(named_by, key=lambda each: each.programme_created_at)
    if report.completed_at < oldest.programme_created_at:
        return replace(
            outcome,
            code="before_programme",
            detail=f"completed_at, {report.completed_at:%Y-%m-%dT%H:%M:%SZ}, lies before programme "
            f"{oldest.programme} was entered, {oldest.programme_created_at:%Y-%m-%dT%H:%M:%SZ}; it counts "
            "where the version has counts_before_enrolment.",
        )
    return outcome


async def follow_holders(tx: Transaction, holder_ids: Collection[UUID], *, now: datetime) -> None:
    """Take up what waits for holders who have just been learned, and lead on what merged ones have.

    The transaction shares the lock of identities since before it learned them.
    """
    recording = await completions.take_up(tx, holder_ids)
    recording.touched |= await enrolments.lead_on(tx, holder_ids, now=now)
    await _carry_on(tx, recording, now)


async def void(tx: Transaction, source: str, source_id: str, *, now: datetime) -> None:
    """Take a completion back as reported in error: it counts for nothing from now on."""
    touched = await completions.void(tx, source, source_id, now=now)
    if touched:
        await enrolments.reconsider(tx, touched, now=now)


async def decide_unmatched(tx: Transaction, item: Item, ruling: Ruling, now: datetime) -> None:
    """Carry out a decision about whose a completion is.

    Approving needs `holder_id`; denying says that it is nobody's here.
    """
    completion = UUID(item.subject)
    if ruling.verb is Verb.APPROVE:
        if ruling.holder_id is None:
            raise Invalid("Say whose completion it is: approve it with a holder_id.", pointer="/holder_id")
        recording = await completions.assign(tx, completion, ruling.holder_id, now=now)
        recording.matched.discard(completion)  # this item is closed below, with its reason
        await _carry_on(tx, recording, now)
    elif ruling.verb is Verb.DENY:
        await completions.dismiss(tx, completion)
    else:
        raise Conflict("A completion can't be returned; approve it with a holder_id, or deny it.")
    await _close(tx, item, ruling, now)


async def decide_conflict(tx: Transaction, item: Item, ruling: Ruling, now: datetime) -> None:
    """Carry out a decision between two reports: approve the second, or deny it and keep the first."""
    if ruling.verb is Verb.RETURN:
        raise Conflict("A report can't be returned; approve it to replace the first one, or deny it.")
    recording = await completions.settle_conflict(
        tx, UUID(item.subject), replace=ruling.verb is Verb.APPROVE, now=now
    )
    await _carry_on(tx, recording, now)
    await _close(tx, item, ruling, now)


async def forget_holder(tx: Transaction, holder_id: UUID, now: datetime) -> None:
    """Delete what was taken in about a holder; the facts still have to know it."""
    waited = await store.forget_holder(tx.conn, holder_id, consumer=CONSUMER)
    if waited:
        subjects = [str(one) for one in waited]
        await worklist.close_items(
            tx.conn, UNMATCHED, subjects, decision="erased", actor=tx.cause.actor, now=now
        )


async def _carry_on(tx: Transaction, recording: Recording, now: datetime) -> None:
    """Let enrolments follow what was recorded, and the worklist what is unclear or no longer is."""
    items = [
        Item(
            id=uuid7(),
            kind=UNMATCHED,
            subject=str(one.id),
            since=now,
            needs=f"learner_{one.unmatched}",
            details={"completion": str(one.id), "source": one.source, "course": one.course},
        )
        for one in recording.unmatched
    ]
    items += [
        Item(
            id=uuid7(),
            kind=CONFLICT,
            subject=str(conflict.id),
            since=now,
            needs="choice",
            holder_id=kept.holder_id,
            details={"completion": str(kept.id), "source": kept.source, "course": kept.course},
        )
        for conflict, kept in recording.conflicts
    ]
    if items:
        await worklist.open_items(tx.conn, items)
    if recording.matched:
        subjects = [str(one) for one in recording.matched]
        await worklist.close_items(
            tx.conn, UNMATCHED, subjects, decision="matched", actor=tx.cause.actor, now=now
        )
    if recording.touched:
        await enrolments.reconsider(tx, recording.touched, now=now)


async def _close(tx: Transaction, item: Item, ruling: Ruling, now: datetime) -> None:
    await worklist.close_item(
        tx.conn, item.kind, item.subject, decision=ruling.verb.value, actor=tx.cause.actor, now=now,
        reason=ruling.reason,
    )  # fmt: skip
