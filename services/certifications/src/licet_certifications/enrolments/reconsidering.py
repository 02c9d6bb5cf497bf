"""Judging an enrolment by everything that was reported: components, then the stage. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from licet_certifications.completions.model import Completion
from licet_certifications.enrolments.model import ITSELF, Change, DecisionKind, Enrolment
from licet_certifications.enrolments.progress import Progress, Rulings, Work, assess
from licet_certifications.enrolments.transitions import Trigger
from licet_certifications.programmes.model import Approver, Definition
from licet_events import civil
from licet_events.credentials import ChangeCause
from licet_events.enrolments import (
    AwardState,
    CertificationAwarded,
    ComponentCompleted,
    ComponentState,
    ComponentStatus,
    ComponentWithdrawn,
    EnrolmentKind,
    EnrolmentStage,
    EnrolmentStatus,
    WaitState,
)

_CONSIDERED = frozenset({EnrolmentStage.IN_PROGRESS, EnrolmentStage.ADMIN_REVIEW, EnrolmentStage.COMPLETED})
_ZONE = "UTC"
"""Where the day of an award is meant; the award's instant lets others choose another zone."""


@dataclass(frozen=True, slots=True)
class Course:
    """What an enrolment is judged by."""

    definition: Definition
    """Of the version that it is on."""
    completions: Sequence[Completion] = ()
    """Everything that was reported about the holder, in the order in which it counts."""
    counts_to: datetime | None = None
    """From when on completions belong to the recertification that follows; `None`: none does."""


def progress_of(enrolment: Enrolment, course: Course, now: datetime) -> Progress:
    """Return how far the work is by everything that was reported."""
    state, internals = enrolment.state, enrolment.internals
    components, rule = course.definition.path(recertification=state.kind is EnrolmentKind.RECERTIFICATION)
    carried = {
        each.category: each.credits
        for each in internals.carried
        if internals.carried_until is not None and now.date() <= internals.carried_until
    }
    work = Work(
        components=components,
        rule=rule,
        counts_from=internals.counts_from,
        counts_to=course.counts_to,
        # What counted at completion goes on counting: from then on the credential has the end.
        as_of=min(now, state.completed_at or now),
        approvals=people_of(course.definition.approvals.components),
        carried=carried,
    )
    return assess(work, course.completions, _rulings(enrolment))


def reconsider(
    change: Change, course: Course, now: datetime, *, actor: str = ITSELF, note: str | None = None
) -> Change:
    """Judge an enrolment again; tells what completed or was withdrawn, and moves the stage.

    The same facts again change nothing. `actor` and `note` are of whoever decided about a component.
    """
    state = change.state
    if state.stage not in _CONSIDERED or state.superseded_by is not None:
        return change
    change = _switch_path(change, course.definition, now)
    progress = progress_of(change.enrolment, course, now)
    before = {each.code: each for each in change.state.components}
    change, withdrawn = _tell_components(change, progress, before, course, now, actor, note)
    return _move(change, course, progress, now, withdrawn=withdrawn)


def complete(
    change: Change,
    course: Course,
    now: datetime,
    *,
    trigger: Trigger,
    cause: ChangeCause,
    actor: str,
    note: str | None = None,
    progress: Progress | None = None,
) -> Change:
    """Complete an enrolment; the first time it awards what its version says.

    Completing it again, such as after a review, publishes the award again if it was refused, and else
    nothing: the award has the same id for ever.
    """
    state = change.state
    awards = state.completed_at is None or change.internals.award_refused is not None
    updates: dict[str, Any] = {}
    if awards:
        progress = progress or progress_of(change.enrolment, course, now)
        updates = {"award": _award(change.enrolment, course, progress, now)}
        if state.completed_at is None:
            updates |= {"completed_at": now, "surplus": progress.surplus}
    if cause is ChangeCause.MANUAL:
        updates |= {"decided_at": now, "decided_by": actor}
    change = change.keep(award_refused=None).turn(
        trigger, cause, actor, now, note=note,
        stage=EnrolmentStage.COMPLETED, waits_for=None, deadline_at=None, **updates,
    )  # fmt: skip
    award = change.state.award
    if awards and award is not None:
        change = change.tell(CertificationAwarded(enrolment=change.advance(now), award=award), now, actor)
    return change


def people_of(approver: Approver | None) -> int:
    """Return how many people have to approve."""
    return 2 if approver is not None and approver.two_people else 1


def waiting(kind: str, approver: Approver | None, since: datetime, *, reason: str | None = None) -> WaitState:
    """Return the wait for a decision; `reason` is a code of why it waits."""
    approver = approver or Approver()
    return WaitState(
        kind=kind,
        since=since,
        scope=approver.scope,
        teams=approver.teams,
        locations=approver.locations,
        people=people_of(approver),
        reason=reason,
    )


def _switch_path(change: Change, definition: Definition, now: datetime) -> Change:
    """Lead a recertification back to the full path once the credential has lapsed for too long."""
    renewal, term = definition.recertification, change.internals.term
    if (
        change.state.kind is not EnrolmentKind.RECERTIFICATION
        or change.state.completed_at is not None
        or renewal is None
        or renewal.full_path_after_days is None
        or term is None
        or now <= term.expires_at + timedelta(days=renewal.full_path_after_days)
    ):
        return change
    return change.update(now, ITSELF, kind=EnrolmentKind.FIRST)


def _tell_components(
    change: Change,
    progress: Progress,
    before: dict[str, ComponentState],
    course: Course,
    now: datetime,
    actor: str,
    note: str | None,
) -> tuple[Change, bool]:
    after = {"components": progress.components, "credits": progress.credits}
    withdrawn, told_before = False, len(change.told)
    evidence = {completion.id: completion.evidence for completion in course.completions}
    for component in progress.components:
        was = before.get(component.code)
        done = component.status is ComponentStatus.COMPLETED
        if done == (was is not None and was.status is ComponentStatus.COMPLETED):
            continue
        state = change.advance(now, **after)
        if done and component.completed_at is not None:
            completed = ComponentCompleted(
                enrolment=state,
                component=component.code,
                credits=component.credits,
                category=component.category,
                completed_at=component.completed_at,
                source=component.source,
                source_id=component.source_id,
                evidence=() if component.completion_id is None else evidence.get(component.completion_id, ()),
            )
            change = change.tell(completed, now, actor, note)
        elif not done:
            withdrawn = True
            told = ComponentWithdrawn(
                enrolment=state,
                component=component.code,
                reason=component.lacking[0],
                source=component.source,
                source_id=component.source_id,
            )
            change = change.tell(told, now, actor, note)
    # Whatever was told above carries all of `after`.
    return change if told_before < len(change.told) else change.update(now, actor, note, **after), withdrawn


def _move(change: Change, course: Course, progress: Progress, now: datetime, *, withdrawn: bool) -> Change:
    state, approvals = change.state, course.definition.approvals
    match state.stage:
        case EnrolmentStage.IN_PROGRESS if progress.complete and approvals.completion is None:
            return complete(
                change, course, now,
                trigger=Trigger.COMPLETED, cause=ChangeCause.AUTOMATIC, actor=ITSELF, progress=progress,
            )  # fmt: skip
        case EnrolmentStage.IN_PROGRESS if progress.complete:
            return change.turn(
                Trigger.WORK_COMPLETE, ChangeCause.AUTOMATIC, ITSELF, now, reason="work_complete",
                stage=EnrolmentStage.ADMIN_REVIEW,
                waits_for=waiting("completion", approvals.completion, now),
            )  # fmt: skip
        case EnrolmentStage.ADMIN_REVIEW if (
            not progress.complete and state.waits_for is not None and state.waits_for.kind == "completion"
        ):
            return change.turn(
                Trigger.COMPONENT_WITHDRAWN, ChangeCause.AUTOMATIC, ITSELF, now, reason="component_withdrawn",
                stage=EnrolmentStage.IN_PROGRESS, waits_for=None,
            )  # fmt: skip
        case EnrolmentStage.COMPLETED if (
            withdrawn and not progress.complete and state.status is not EnrolmentStatus.CANCELLED
        ):
            return change.turn(
                Trigger.COMPONENT_WITHDRAWN, ChangeCause.AUTOMATIC, ITSELF, now, reason="component_withdrawn",
                stage=EnrolmentStage.ADMIN_REVIEW,
                waits_for=waiting("review", approvals.completion, now),
            )  # fmt: skip
    return change


def _award(enrolment: Enrolment, course: Course, progress: Progress, now: datetime) -> AwardState | None:
    definition, state = course.definition, enrolment.state
    if definition.credential_type is None:
        return None
    counted = [
        each.completed_at
        for each in progress.components
        if each.status is ComponentStatus.COMPLETED and each.completed_at is not None
    ]
    completed_at = max(counted, default=now)
    return AwardState(
        id=AwardState.id_of(state.id),
        enrolment_id=state.id,
        holder_id=state.holder_id,
        credential_type=definition.credential_type,
        completed_on=civil.local_date(completed_at, _ZONE),
        time_zone=_ZONE,
        completed_at=completed_at,
        credential_id=state.credential_id,
        awarded_at=now,
    )


def _rulings(enrolment: Enrolment) -> Rulings:
    approved: dict[tuple[str, str], frozenset[str]] = {}
    accepted: set[tuple[str, str]] = set()
    returned: dict[str, datetime] = {}
    for each in enrolment.internals.decisions:
        key = (each.component or "", str(each.completion_id))
        if each.kind is DecisionKind.COMPONENT:
            approved[key] = approved.get(key, frozenset()) | {each.actor}
        elif each.kind is DecisionKind.EVIDENCE:
            accepted.add(key)
        elif each.kind is DecisionKind.RETURNED and each.component is not None:
            returned[each.component] = max(each.at, returned.get(each.component, each.at))
    return Rulings(approved, frozenset(accepted), returned)
