"""All enrolments of a holder, held, and what a command made of them: saved, listed and told in one go.

Rows are locked in the order of their ids, by everyone: so no two commands wait for each other in a circle.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from licet_certifications.completions import store as completion_store
from licet_certifications.completions.model import Completion
from licet_certifications.enrolments import store
from licet_certifications.enrolments.following import settle, supersede
from licet_certifications.enrolments.model import Change, Enrolment
from licet_certifications.enrolments.reconsidering import Course
from licet_certifications.enrolments.waiting import items_of
from licet_certifications.programmes import store as programme_store
from licet_certifications.programmes.model import Definition
from licet_certifications.worklist import store as worklist
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_events import EventData
from licet_events.enrolments import EnrolmentStage, EnrolmentState

Act: TypeAlias = Callable[[Change, Course], Change]
"""A pure step: what becomes of an enrolment, judged by its course."""


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


async def desk_of(conn: Connection, holder_id: UUID) -> Desk:
    """Return all enrolments of a holder and what they are judged by, and hold them until the end."""
    enrolments = await store.lock_of_holders(conn, [holder_id])
    completions = await completion_store.completions_of(conn, [holder_id])
    return Desk(enrolments, await definitions_of(conn, enrolments), completions.get(holder_id, ()))


async def definitions_of(
    conn: Connection, enrolments: Iterable[Enrolment]
) -> dict[tuple[str, int], Definition]:
    """Return what the versions say that some enrolments are on, by programme and number."""
    wanted = {(each.state.programme, each.state.programme_version) for each in enrolments}
    if not wanted:
        return {}
    found = await programme_store.read_versions(conn, wanted)
    return {key: version.definition for key, version in found.items()}


def step_of(desk: Desk, enrolment: Enrolment, act: Act, now: datetime) -> Step:
    """Return what a command makes of an enrolment, after what time has brought was announced."""
    course = desk.course_of(enrolment)
    return Step(enrolment, act(settle(Change(enrolment), now), course), course)


def with_superseded(steps: Sequence[Step], desk: Desk, now: datetime) -> list[Step]:
    """Add that an enrolment is superseded once the one which renews its credential is completed."""
    found = {step.change.state.id: step for step in steps}
    for step in steps:
        state, before = step.change.state, step.before
        completed = state.stage is EnrolmentStage.COMPLETED and (
            before is None or before.state.stage is not EnrolmentStage.COMPLETED
        )
        if not completed or state.credential_id is None:
            continue
        for earlier in desk.enrolments:
            if (
                earlier.state.credential_id == state.credential_id
                and earlier.state.opened_at < state.opened_at
            ):
                theirs = found.get(earlier.state.id) or Step(
                    earlier, Change(earlier), desk.course_of(earlier)
                )
                change = theirs.change
                if change.state.completed_at is not None and change.state.superseded_by is None:
                    superseded = supersede(change, step.change, now)
                    found[earlier.state.id] = replace(theirs, change=superseded)
    return [found[key] for key in sorted(found)]


async def write(
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
