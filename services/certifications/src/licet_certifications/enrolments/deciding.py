"""What people do to an enrolment: approve, deny, return, hold, resume, end. Pure steps."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from licet_certifications.enrolments.model import ITSELF, Change, Decision, DecisionKind, Enrolment
from licet_certifications.enrolments.reconsidering import Course, complete, reconsider
from licet_certifications.enrolments.transitions import Command, Trigger
from licet_certifications.worklist.model import Deciders
from licet_chassis.errors import Conflict, Invalid
from licet_events.credentials import ChangeCause
from licet_events.enrolments import ComponentState, ComponentStatus, EnrolmentStage, WaitState

_MANUAL = ChangeCause.MANUAL


def require(enrolment: Enrolment, command: Command) -> None:
    """Raise `Conflict` where the table has no such transition now, naming those that are open."""
    if command in enrolment.commands:
        return
    state = enrolment.state
    decided = (
        f"{state.decided_by} decided at {state.decided_at.isoformat()}; "
        if state.decided_by and state.decided_at
        else ""
    )
    possible = ", ".join(enrolment.commands) or "nothing; a new enrolment leads on"
    raise Conflict(
        f"{command.value} is not open to enrolment {state.id}: {decided}it is {state.status.value}. "
        f"Open now: {possible}."
    )


def deciders_of(enrolment: Enrolment, waits: WaitState) -> Deciders:
    """Return who may decide what an enrolment waits for."""
    applicant = () if enrolment.applicant is None else (enrolment.applicant,)
    return Deciders(waits.scope, waits.teams, waits.locations, (*applicant, *waits.approved_by))


def approve(change: Change, course: Course, *, actor: str, now: datetime, note: str | None = None) -> Change:
    """Approve what waits: the application, the completed work, or a certification under review.

    Where two people have to approve, the first approval is kept and the second one decides.
    """
    require(change.enrolment, Command.APPROVE)
    waits = change.state.waits_for
    if waits is None:
        raise Conflict(f"Nothing of enrolment {change.state.id} waits for approval.")
    approved_by = tuple(dict.fromkeys((*waits.approved_by, actor)))
    if len(approved_by) < waits.people:
        still = waits.model_copy(update={"approved_by": approved_by})
        return change.update(now, actor, note, waits_for=still)
    if change.state.stage is EnrolmentStage.APPLIED:
        change = change.turn(
            Trigger.APPROVED,
            _MANUAL,
            actor,
            now,
            note=note,
            stage=EnrolmentStage.IN_PROGRESS,
            waits_for=None,
            decided_at=now,
            decided_by=actor,
        )
        return reconsider(change, course, now)
    return complete(change, course, now, trigger=Trigger.APPROVED, cause=_MANUAL, actor=actor, note=note)


def deny(change: Change, *, actor: str, now: datetime, note: str) -> Change:
    """Decline an application."""
    return _end(change, Command.DENY, Trigger.DENIED, EnrolmentStage.DECLINED, actor, now, note)


def end_not_completed(change: Change, *, actor: str, now: datetime, note: str) -> Change:
    """End an enrolment whose work will not be completed."""
    return _end(
        change, Command.NOT_COMPLETE, Trigger.NOT_COMPLETED, EnrolmentStage.NOT_COMPLETED, actor, now, note
    )


def cancel(change: Change, *, actor: str, now: datetime, note: str) -> Change:
    """End an enrolment for another reason; a credential that it led to stays as it is."""
    return _end(change, Command.CANCEL, Trigger.CANCELLED, EnrolmentStage.CANCELLED, actor, now, note)


def inactivate(change: Change, *, actor: str, now: datetime, note: str) -> Change:
    """Put the work on hold."""
    require(change.enrolment, Command.INACTIVATE)
    state = change.state
    change = change.keep(held=state.stage, held_wait=state.waits_for)
    return change.turn(
        Trigger.INACTIVATED, _MANUAL, actor, now, note=note, reason="inactivated",
        stage=EnrolmentStage.INACTIVE, waits_for=None, decided_at=now, decided_by=actor,
    )  # fmt: skip


def resume(change: Change, course: Course, *, actor: str, now: datetime, note: str) -> Change:
    """Go on with what was on hold, to what the facts say by now."""
    require(change.enrolment, Command.RESUME)
    stage = change.internals.held or EnrolmentStage.IN_PROGRESS
    waits = change.internals.held_wait
    change = change.keep(held=None, held_wait=None)
    if stage is EnrolmentStage.ADMIN_REVIEW and (waits is None or waits.kind == "completion"):
        # Whether the work is still complete is for `reconsider` to say.
        stage, waits = EnrolmentStage.IN_PROGRESS, None
    change = change.turn(
        Trigger.RESUMED, _MANUAL, actor, now, note=note, stage=stage, waits_for=waits,
        decided_at=now, decided_by=actor,
    )  # fmt: skip
    return reconsider(change, course, now)


def return_work(
    change: Change, course: Course, components: Sequence[str], *, actor: str, now: datetime, note: str
) -> Change:
    """Return completed work: the components have to be done again; none named: all of them."""
    require(change.enrolment, Command.RETURN)
    known = {component.code for component in change.state.components}
    for index, code in enumerate(components):
        if code not in known:
            raise Invalid(
                f"The enrolment has no component {code}; it has {', '.join(sorted(known))}.",
                pointer=f"/components/{index}",
            )
    codes = components or sorted(known)
    change = _decide(
        change,
        *(Decision(kind=DecisionKind.RETURNED, actor=actor, at=now, component=code) for code in codes),
    )
    change = change.turn(
        Trigger.RETURNED, _MANUAL, actor, now, note=note, reason="returned",
        stage=EnrolmentStage.IN_PROGRESS, waits_for=None, decided_at=now, decided_by=actor,
    )  # fmt: skip
    return reconsider(change, course, now)


def approve_component(
    change: Change,
    course: Course,
    component: str,
    *,
    actor: str,
    now: datetime,
    note: str | None = None,
) -> Change:
    """Approve what a component waits for: its evidence, and the completion itself."""
    state = waiting_component(change.enrolment, component)
    kinds = [DecisionKind.EVIDENCE] if "evidence" in state.lacking else []
    kinds += [DecisionKind.COMPONENT] if "approval" in state.lacking else []
    change = _decide(
        change,
        *(
            Decision(kind=kind, actor=actor, at=now, component=component, completion_id=state.completion_id)
            for kind in kinds
        ),
    )
    return reconsider(change, course, now, actor=actor, note=note)


def refuse_component(
    change: Change, course: Course, component: str, *, actor: str, now: datetime, note: str
) -> Change:
    """Have a component done again; what was reported of it until now no longer counts."""
    waiting_component(change.enrolment, component)
    change = _decide(change, Decision(kind=DecisionKind.RETURNED, actor=actor, at=now, component=component))
    return reconsider(change, course, now, actor=actor, note=note)


def waiting_component(enrolment: Enrolment, code: str) -> ComponentState:
    """Return a component that waits for a person; raises `Conflict` where it does not."""
    found = next((each for each in enrolment.state.components if each.code == code), None)
    if found is None:
        raise Invalid(f"Enrolment {enrolment.state.id} has no component {code}.", pointer="/component")
    stage = enrolment.state.stage
    if found.status is not ComponentStatus.WAITING or found.lacking == ("prerequisites",):
        last = next(
            (each for each in reversed(enrolment.internals.decisions) if each.component == code), None
        )
        decided = f" {last.actor} decided about it at {last.at.isoformat()}." if last else ""
        raise Conflict(f"Component {code} waits for nobody; it is {found.status.value}.{decided}")
    if stage not in {EnrolmentStage.IN_PROGRESS, EnrolmentStage.ADMIN_REVIEW}:
        raise Conflict(f"Components are decided while the work goes on; the enrolment is {stage.value}.")
    return found


def approvers_of_component(enrolment: Enrolment, code: str, completion_id: UUID | None) -> tuple[str, ...]:
    """Return who has approved a completion of a component so far."""
    return tuple(
        each.actor
        for each in enrolment.internals.decisions
        if each.kind is DecisionKind.COMPONENT
        and each.component == code
        and each.completion_id == completion_id
    )


def _decide(change: Change, *decisions: Decision) -> Change:
    return change.keep(decisions=(*change.internals.decisions, *decisions))


def _end(
    change: Change, command: Command, trigger: Trigger, stage: EnrolmentStage, actor: str, now: datetime,
    note: str,
) -> Change:  # fmt: skip
    require(change.enrolment, command)
    return change.turn(
        trigger, _MANUAL, actor, now, note=note, reason=trigger.value, stage=stage, waits_for=None,
        deadline_at=None, window_opens_at=None, decided_at=now, decided_by=actor,
    )  # fmt: skip


def deadline(change: Change, course: Course, at: datetime, now: datetime) -> Change:
    """End work that has reached its deadline, where the version says so."""
    state, rule = change.state, course.definition.deadline
    due = state.deadline_at is not None and state.deadline_at <= max(at, now)
    if not due or rule is None or rule.then == "none" or state.stage is not EnrolmentStage.IN_PROGRESS:
        return change
    return change.turn(
        Trigger.DEADLINE, ChangeCause.AUTOMATIC, ITSELF, now, at=state.deadline_at, reason="deadline",
        stage=EnrolmentStage.NOT_COMPLETED, deadline_at=None, waits_for=None,
    )  # fmt: skip


def move_to(change: Change, course: Course, number: int, *, actor: str, now: datetime) -> Change:
    """Judge by another version from now on; `course` has its definition."""
    state = change.state
    if not change.enrolment.open:
        raise Conflict(f"Enrolment {state.id} is {state.status.value}; only open ones move to a version.")
    if number == state.programme_version:
        return change
    due = course.definition.deadline
    change = change.update(
        now,
        actor,
        programme_version=number,
        deadline_at=None if due is None else state.opened_at + timedelta(days=due.days),
    )
    return reconsider(change, course, now)
