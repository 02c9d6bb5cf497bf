"""What people and facts do to enrolments that are there."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_certifications.completions import store as completion_store
from licet_certifications.enrolments import deciding, store
from licet_certifications.enrolments.commands.desk import (
    Act,
    Desk,
    Step,
    definitions_of,
    desk_of,
    step_of,
    with_superseded,
    write,
)
from licet_certifications.enrolments.commands.reading import require_seen
from licet_certifications.enrolments.following import settle
from licet_certifications.enrolments.model import Change, Enrolment
from licet_certifications.enrolments.reconsidering import reconsider as reconsidered
from licet_certifications.enrolments.waiting import items_of
from licet_certifications.programmes import store as programme_store
from licet_certifications.worklist.model import Authority, Verb
from licet_chassis.database import Transaction
from licet_chassis.errors import NotFound, require_version


async def decide(
    tx: Transaction,
    enrolment_id: UUID,
    act: Act,
    *,
    now: datetime,
    expected_version: int | None = None,
    by: Authority | None = None,
    verb: Verb | None = None,
    component: str | None = None,
    label: str = "ended",
    note: str | None = None,
) -> Enrolment:
    """Carry out a person's decision about an enrolment and return it.

    `verb` says that it decides what the enrolment, or its `component`, waits for, so that `by` has to be one
    of the deciders; `label` is what the worklist keeps as the decision. Raises `NotFound` for one that `by`
    does not see, `StaleVersion`, `OutOfReach`, and `Conflict` where the table has no such transition.
    """
    found = await require_seen(tx.conn, enrolment_id, by)
    desk = await desk_of(tx.conn, found.enrolment.state.holder_id)
    enrolment = next((each for each in desk.enrolments if each.state.id == enrolment_id), None)
    if enrolment is None:
        raise NotFound(f"There is no enrolment {enrolment_id}.")
    require_version(expected_version, enrolment.state.version)
    if verb is not None and by is not None:
        for item in items_of(enrolment, desk.course_of(enrolment).definition).values():
            if item.details.get("component") == component:
                item.deciders.require(verb, by)
    step = step_of(desk, enrolment, act, now)
    await write(tx, with_superseded([step], desk, now), now, label=label, note=note)
    return step.change.enrolment


async def reconsider(tx: Transaction, holder_ids: Collection[UUID], *, now: datetime) -> None:
    """Judge the enrolments of holders again by everything that was reported about them.

    Call it in the transaction that records the facts, so that they are visible at once. The same facts
    again change nothing.
    """
    await store.hold_holders(tx.conn, holder_ids)
    found = await store.lock_of_holders(tx.conn, holder_ids)
    if not found:
        return
    definitions = await definitions_of(tx.conn, found)
    completions = await completion_store.completions_of(tx.conn, holder_ids)
    by_holder: dict[UUID, list[Enrolment]] = {}
    for each in found:
        by_holder.setdefault(each.state.holder_id, []).append(each)
    steps: list[Step] = []
    for holder_id, theirs in by_holder.items():
        desk = Desk(theirs, definitions, completions.get(holder_id, ()))
        steps += with_superseded(
            [step_of(desk, each, lambda change, course: reconsidered(change, course, now), now)
             for each in theirs],
            desk, now,
        )  # fmt: skip
    await write(tx, steps, now)


async def move_to_version(tx: Transaction, enrolment_id: UUID, number: int, *, now: datetime) -> Enrolment:
    """Let an enrolment be judged by another version of its programme from now on.

    Raises `NotFound`, and `Conflict` for an enrolment that is over.
    """
    found = await store.read_enrolment(tx.conn, enrolment_id)
    state = found.enrolment.state
    desk = await desk_of(tx.conn, state.holder_id)
    version = await programme_store.read_version(tx.conn, state.programme, number)
    enrolment = next(each for each in desk.enrolments if each.state.id == enrolment_id)
    course = replace(desk.course_of(enrolment), definition=version.definition)
    change = deciding.move_to(settle(Change(enrolment), now), course, number, actor=tx.cause.actor, now=now)
    await write(tx, with_superseded([Step(enrolment, change, course)], desk, now), now)
    return change.enrolment
