"""Use cases of enrolments. Each locks all enrolments of the holder, asks the model, saves and publishes.

Rows are locked in the order of their ids, by everyone: so no two commands wait for each other in a circle.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from licet_certifications.completions import store as completion_store
from licet_certifications.completions.model import Completion
from licet_certifications.enrolments import deciding, opening, store
from licet_certifications.enrolments.following import News, follow, settle, supersede
from licet_certifications.enrolments.model import Change, Enrolment, Entry
from licet_certifications.enrolments.opening import Applicant
from licet_certifications.enrolments.progress import Progress
from licet_certifications.enrolments.reconsidering import Course, progress_of
from licet_certifications.enrolments.reconsidering import reconsider as reconsidered
from licet_certifications.enrolments.validity import validity_at
from licet_certifications.enrolments.waiting import items_of
from licet_certifications.facts import store as facts
from licet_certifications.programmes import store as programme_store
from licet_certifications.programmes.model import Definition
from licet_certifications.worklist import store as worklist
from licet_certifications.worklist.model import Authority, Verb
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.errors import Conflict, NotFound, require_version
from licet_events import Event, EventData, Topic
from licet_events.credentials import CredentialEvent, CredentialStatusChanged, Validity
from licet_events.enrolments import EnrolmentSnapshot, EnrolmentState
from licet_events.holders import HolderErased
from licet_events.ids import uuid7

Act: TypeAlias = Callable[[Change, Course], Change]
"""A pure step: what becomes of an enrolment, judged by its course."""

_VALID = frozenset({Validity.ACTIVE, Validity.EXPIRING})


@dataclass(frozen=True, slots=True)
class Step:
    """An enrolment before a command, and what the command made of it."""

    before: Enrolment | None
    change: Change
    course: Course

    @property
    def differs(self) -> bool:
        """Whether there is anything to write."""
        return self.before is None or self.change.enrolment != self.before


@dataclass(frozen=True, slots=True)
class Desk:
    """All enrolments of a holder, held, with what they are judged by."""

    enrolments: Sequence[Enrolment]
    definitions: dict[tuple[str, int], Definition]
    completions: Sequence[Completion]

    def course_of(self, enrolment: Enrolment) -> Course:
        """Return what an enrolment is judged by."""
        state = enrolment.state
        following = [
            each.state.opened_at
            for each in self.renewals_of(state)
            if each.open or each.state.completed_at is not None
        ]
        return Course(
            self.definitions[state.programme, state.programme_version],
            self.completions,
            counts_to=min(following, default=None),
        )

    def renewals_of(self, state: EnrolmentState) -> Iterable[Enrolment]:
        """Return the later enrolments that renew, or are to renew, the credential of one."""
        if state.credential_id is None or state.completed_at is None:
            return []
        return [
            each
            for each in self.enrolments
            if each.state.credential_id == state.credential_id and each.state.opened_at > state.opened_at
        ]


async def open_enrolment(
    tx: Transaction,
    holder_id: UUID,
    programme: str,
    *,
    entry: Entry,
    now: datetime,
    note: str | None = None,
    by: Authority | None = None,
) -> Enrolment:
    """Enrol a holder in the version that new enrolments use; what is done already counts if that says so.

    `by` is whose token asks for it, if one does. Raises `NotFound` for a holder or programme that is not
    there or not seen, and `Conflict` where the programme's rules or an open enrolment stand against it.
    """
    await block_erasures(tx.conn)
    await store.hold_holders(tx.conn, [holder_id])
    holder = await store.read_applicant(tx.conn, holder_id)
    if holder is None or (
        by is not None and not by.may_see(team=holder["team"], location=holder["location"])
    ):
        raise NotFound(f"There is no holder {holder_id}.")
    version = await programme_store.newest_published(tx.conn, programme)
    if version is None:
        await programme_store.read_programme(tx.conn, programme)
        raise Conflict(f"Programme {programme} has no published version; publish one first.")
    desk = await _desk(tx.conn, holder_id)
    required = version.definition.entry.required_credentials
    applicant = Applicant(
        holder_id,
        holder["active"],
        await _valid_types(tx.conn, holder_id, required, now) if required else (),
        desk.enrolments,
    )
    course = Course(version.definition, desk.completions)
    change = opening.open_enrolment(
        uuid7(), version, applicant, course, entry=entry, actor=tx.cause.actor, now=now, note=note
    )
    await _write(tx, _with_superseded([Step(None, change, course)], desk, now), now)
    return change.enrolment


async def reconsider(tx: Transaction, holder_ids: Collection[UUID], *, now: datetime) -> None:
    """Judge the enrolments of holders again by everything that was reported about them.

    Call it in the transaction that records the facts, so that they are visible at once. The same facts
    again change nothing.
    """
    await store.hold_holders(tx.conn, holder_ids)
    found = await store.lock_of_holders(tx.conn, holder_ids)
    if not found:
        return
    definitions = await _definitions(tx.conn, found)
    completions = await completion_store.completions_of(tx.conn, holder_ids)
    steps: list[Step] = []
    for holder_id in dict.fromkeys(each.state.holder_id for each in found):
        theirs = [each for each in found if each.state.holder_id == holder_id]
        desk = Desk(theirs, definitions, completions.get(holder_id, ()))
        steps += _with_superseded(
            [_step(desk, each, lambda change, course: reconsidered(change, course, now), now)
             for each in theirs],
            desk, now,
        )  # fmt: skip
    await _write(tx, steps, now)


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
    desk = await _desk(tx.conn, found.enrolment.state.holder_id)
    enrolment = next((each for each in desk.enrolments if each.state.id == enrolment_id), None)
    if enrolment is None:
        raise NotFound(f"There is no enrolment {enrolment_id}.")
    require_version(expected_version, enrolment.state.version)
    if verb is not None and by is not None:
        for item in items_of(enrolment, desk.course_of(enrolment).definition).values():
            if item.details.get("component") == component:
                item.deciders.require(verb, by)
    step = _step(desk, enrolment, act, now)
    await _write(tx, _with_superseded([step], desk, now), now, label=label, note=note)
    return step.change.enrolment


async def follow_credentials(
    tx: Transaction, events: Sequence[Event[CredentialEvent]], *, now: datetime
) -> None:
    """Take over what credentials have become into the enrolments that led to them, event by event."""
    ids = {event.data.credential.id for event in events}
    awards = {term.award_id for event in events for term in event.data.credential.terms if term.award_id}
    found = await store.lock_of_credentials(tx.conn, ids, awards)
    if not found:
        return
    definitions = await _definitions(tx.conn, found)
    steps, causes = [], []
    for enrolment in found:
        state = enrolment.state
        definition = definitions[state.programme, state.programme_version]
        change = Change(enrolment)
        for event in events:
            credential = event.data.credential
            ours = state.award is not None and any(
                term.award_id == state.award.id for term in credential.terms
            )
            if ours or credential.id == state.credential_id:
                told = len(change.told)
                change = follow(change, definition, _news(event), now)
                causes += [Cause.of_event(event, tx.cause.actor)] * (len(change.told) - told)
        steps.append(Step(enrolment, change, Course(definition)))
    await _write(tx, steps, now, causes=causes)


async def require_seen(conn: Connection, enrolment_id: UUID, by: Authority | None) -> store.Found:
    """Return an enrolment; raises `NotFound` for one that is not there, or that `by` does not see."""
    found = await store.read_enrolment(conn, enrolment_id)
    if by is not None and not by.may_see(team=found.team, location=found.location):
        raise NotFound(f"There is no enrolment {enrolment_id}.")
    return found


@dataclass(frozen=True, slots=True)
class Shown:
    """An enrolment as it is read, with how far the work is at that instant."""

    enrolment: Enrolment
    progress: Progress


async def read(conn: Connection, enrolment_id: UUID, *, now: datetime, by: Authority | None = None) -> Shown:
    """Return an enrolment as it is at `now`; raises `NotFound` for one that `by` does not see."""
    found = await require_seen(conn, enrolment_id, by)
    state = found.enrolment.state
    version = await programme_store.read_version(conn, state.programme, state.programme_version)
    completions = (await completion_store.completions_of(conn, [state.holder_id])).get(state.holder_id, [])
    course = Course(version.definition, completions)
    return Shown(found.enrolment, progress_of(found.enrolment, course, now))


async def deadline_reached(tx: Transaction, enrolment_id: UUID, at: datetime, *, now: datetime) -> None:
    """End an enrolment whose deadline has come, where its version says so; else it changes nothing.

    Safe to repeat, and to call for an enrolment that is gone or has another deadline by now.
    """
    await _by_time(tx, enrolment_id, lambda change, course: deciding.deadline(change, course, at, now), now)


async def move_to_version(tx: Transaction, enrolment_id: UUID, number: int, *, now: datetime) -> Enrolment:
    """Let an enrolment be judged by another version of its programme from now on.

    Raises `NotFound`, and `Conflict` for an enrolment that is over.
    """
    found = await store.read_enrolment(tx.conn, enrolment_id)
    state = found.enrolment.state
    desk = await _desk(tx.conn, state.holder_id)
    version = await programme_store.read_version(tx.conn, state.programme, number)
    enrolment = next(each for each in desk.enrolments if each.state.id == enrolment_id)
    course = replace(desk.course_of(enrolment), definition=version.definition)
    change = deciding.move_to(settle(Change(enrolment), now), course, number, actor=tx.cause.actor, now=now)
    await _write(tx, _with_superseded([Step(enrolment, change, course)], desk, now), now)
    return change.enrolment


async def enrolment_snapshots(
    conn: Connection, after: UUID | None, limit: int
) -> tuple[list[EnrolmentSnapshot], UUID | None]:
    """Return a page of a backfill, and where the next one begins."""
    states = await store.lock_page(conn, after, limit)
    following = states[-1].id if len(states) == limit else None
    return [EnrolmentSnapshot(enrolment=state) for state in states], following


async def forget_holder(tx: Transaction, holder_id: UUID, now: datetime) -> None:
    """Delete the enrolments of a holder and end their keys on the topic."""
    gone = await store.forget_holder(tx.conn, holder_id)
    await tx.publish(
        *(
            HolderErased(holder_id=holder_id, path=f"enrolment/{enrolment_id}", of=Topic.CERTIFICATIONS)
            for enrolment_id in gone
        ),
        now=now,
    )


async def _by_time(tx: Transaction, enrolment_id: UUID, act: Act, now: datetime) -> None:
    await block_erasures(tx.conn)
    try:
        found = await store.read_enrolment(tx.conn, enrolment_id)
    except NotFound:
        return
    desk = await _desk(tx.conn, found.enrolment.state.holder_id)
    steps = [_step(desk, each, act, now) for each in desk.enrolments if each.state.id == enrolment_id]
    await _write(tx, _with_superseded(steps, desk, now), now)


def _step(desk: Desk, enrolment: Enrolment, act: Act, now: datetime) -> Step:
    course = desk.course_of(enrolment)
    return Step(enrolment, act(settle(Change(enrolment), now), course), course)


def _with_superseded(steps: Sequence[Step], desk: Desk, now: datetime) -> list[Step]:
    """Add that an enrolment is superseded once the one which renews its credential is completed."""
    found = {step.change.state.id: step for step in steps}
    for step in steps:
        state, before = step.change.state, step.before
        completed = state.completed_at is not None and (before is None or before.state.completed_at is None)
        if not completed or state.credential_id is None:
            continue
        for earlier in desk.enrolments:
            if earlier.state.credential_id == state.credential_id and earlier.state.id != state.id:
                theirs = found.get(earlier.state.id) or Step(
                    earlier, Change(earlier), desk.course_of(earlier)
                )
                change = theirs.change
                if change.state.completed_at is not None and change.state.superseded_by is None:
                    superseded = supersede(change, step.change, now)
                    found[earlier.state.id] = replace(theirs, change=superseded)
    return [found[key] for key in sorted(found)]


async def _desk(conn: Connection, holder_id: UUID) -> Desk:
    enrolments = await store.lock_of_holders(conn, [holder_id])
    completions = await completion_store.completions_of(conn, [holder_id])
    return Desk(enrolments, await _definitions(conn, enrolments), completions.get(holder_id, ()))


async def _definitions(
    conn: Connection, enrolments: Iterable[Enrolment]
) -> dict[tuple[str, int], Definition]:
    wanted = {(each.state.programme, each.state.programme_version) for each in enrolments}
    if not wanted:
        return {}
    found = await programme_store.read_versions(conn, wanted)
    return {key: version.definition for key, version in found.items()}


async def _valid_types(conn: Connection, holder_id: UUID, required: Sequence[str], now: datetime) -> set[str]:
    """Return those of the required types, as they were named, that the holder has a valid credential of."""
    held = {
        code
        for code, dates in await store.read_credentials(conn, holder_id)
        if validity_at(dates, now) in _VALID
    }
    named = {name: await facts.find_type(conn, name) for name in required}
    return {name for name, found in named.items() if name in held or (found and found.code in held)}


def _news(event: Event[CredentialEvent]) -> News:
    data = event.data
    if isinstance(data, CredentialStatusChanged):
        return News(data.credential, data.effective_at, data.cause, data.actor)
    return News(data.credential, event.time)


async def _write(
    tx: Transaction,
    steps: Sequence[Step],
    now: datetime,
    *,
    label: str = "ended",
    note: str | None = None,
    causes: Sequence[Cause] | None = None,
) -> None:
    """Save what differs, let the worklist follow, and publish."""
    differing = [step for step in steps if step.differs]
    if not differing:
        return
    await store.save(tx.conn, [step.change for step in differing])
    for step in differing:
        await _update_worklist(tx, step, now, label=label, note=note)
    events: list[tuple[EventData, UUID | None, datetime]] = [
        (told.event, None, told.at) for step in differing for told in step.change.told
    ]
    if events:
        await tx.publish_all(events, causes)


async def _update_worklist(
    tx: Transaction, step: Step, now: datetime, *, label: str, note: str | None
) -> None:
    definition = step.course.definition
    before = items_of(step.before, definition) if step.before else {}
    after = items_of(step.change.enrolment, definition)
    for kind, subject in before.keys() - after.keys():
        await worklist.close_item(
            tx.conn, kind, subject, decision=label, actor=tx.cause.actor, now=now, reason=note
        )
    for key, item in after.items():
        was = before.get(key)
        if was is None or replace(was, id=item.id) != item:
            await worklist.open_item(tx.conn, item)
