"""What of an enrolment waits for a person, as items of the worklist. Pure."""

from uuid import UUID

from licet_certifications.enrolments.deciding import approvers_of_component, deciders_of
from licet_certifications.enrolments.model import Enrolment
from licet_certifications.programmes.model import Approver, Definition
from licet_certifications.worklist.model import Deciders, Item
from licet_events.enrolments import ComponentState, ComponentStatus, EnrolmentStage, WaitState
from licet_events.ids import uuid7

_OF_COMPONENTS = frozenset({EnrolmentStage.IN_PROGRESS, EnrolmentStage.ADMIN_REVIEW})


def items_of(enrolment: Enrolment, definition: Definition) -> dict[tuple[str, str], Item]:
    """Return everything that waits, by kind and subject."""
    waits = enrolment.state.waits_for
    items = [] if waits is None else [_decision(enrolment, waits)]
    if enrolment.state.stage in _OF_COMPONENTS:
        items += [
            _component(enrolment, definition, component)
            for component in enrolment.state.components
            if component.status is ComponentStatus.WAITING and component.lacking != ("prerequisites",)
        ]
    return {(item.kind, item.subject): item for item in items}


def subject_of_component(enrolment_id: UUID, component: ComponentState) -> str:
    """Return how the worklist names a completion of a component."""
    return f"{enrolment_id}/{component.code}/{component.completion_id}"


def _decision(enrolment: Enrolment, waits: WaitState) -> Item:
    state = enrolment.state
    reason = waits.reason or state.reason
    return Item(
        id=uuid7(),
        kind=waits.kind,
        subject=str(state.id),
        since=waits.since,
        needs="approval" if waits.people == 1 else "approval_by_two",
        holder_id=state.holder_id,
        enrolment_id=state.id,
        deciders=deciders_of(enrolment, waits),
        details={"programme": state.programme, **({"reason": reason} if reason else {})},
    )


def _component(enrolment: Enrolment, definition: Definition, component: ComponentState) -> Item:
    state = enrolment.state
    approver = definition.approvals.components or Approver()
    evidence = "evidence" in component.lacking
    applicant = () if enrolment.applicant is None else (enrolment.applicant,)
    approved = approvers_of_component(enrolment, component.code, component.completion_id)
    return Item(
        id=uuid7(),
        kind="evidence" if evidence else "component",
        subject=subject_of_component(state.id, component),
        since=component.completed_at or state.opened_at,
        needs="evidence" if evidence else "approval",
        holder_id=state.holder_id,
        enrolment_id=state.id,
        deciders=Deciders(approver.scope, approver.teams, approver.locations, (*applicant, *approved)),
        details={
            "programme": state.programme,
            "component": component.code,
            "completion_id": str(component.completion_id),
        },
    )
