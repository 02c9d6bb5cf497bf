"""What is still to do for an enrolment, and the latest day to start each part of it. Pure."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date

from licet_certifications.enrolments.model import Enrolment
from licet_certifications.enrolments.progress import Progress
from licet_certifications.enrolments.renewing import latest_starts
from licet_certifications.programmes.model import Component, Definition
from licet_events import civil
from licet_events.enrolments import ComponentStatus, EnrolmentKind, EnrolmentStage

_OVER = frozenset(
    {EnrolmentStage.DECLINED, EnrolmentStage.NOT_COMPLETED, EnrolmentStage.CANCELLED, EnrolmentStage.INACTIVE}
)


@dataclass(frozen=True, slots=True)
class PlannedComponent:
    """A component that is still to do."""

    component: Component
    start_by: date | None
    """The latest day to start; `None` where nothing has to be done by a day."""


@dataclass(frozen=True, slots=True)
class WorkPlan:
    """What is still to do, and by when."""

    kind: EnrolmentKind
    """The path it is about: of a completed enrolment, the recertification that follows."""
    until: date | None
    """The day by which all has to be done; `None`: there is none."""
    time_zone: str
    """Where that day is meant."""
    components: tuple[PlannedComponent, ...]

    @property
    def start_by(self) -> date | None:
        """The latest day on which to begin."""
        return min((each.start_by for each in self.components if each.start_by is not None), default=None)


def plan_of(
    enrolment: Enrolment, definition: Definition, progress: Progress, done_again: Collection[str]
) -> WorkPlan:
    """Return what is still to do.

    An open enrolment has its own path, until its deadline or, for a recertification, until the credential
    ends, whichever is earlier. A completed one has the recertification's, where the version knows one;
    `done_again` are codes of components of that which an open recertification has completed. What is over
    has nothing to do.
    """
    state, term = enrolment.state, enrolment.internals.term
    zone = "UTC" if term is None else term.time_zone
    completed = state.stage is EnrolmentStage.COMPLETED
    kind = EnrolmentKind.RECERTIFICATION if completed else state.kind
    if state.stage in _OVER or (
        completed and (definition.recertification is None or state.superseded_by is not None)
    ):
        return WorkPlan(kind, None, zone, ())
    ends = [] if term is None else [term.until]
    if state.deadline_at is not None and not completed:
        ends.append(civil.local_date(state.deadline_at, zone))
    until = min(ends, default=None)
    components, _ = definition.path(recertification=kind is EnrolmentKind.RECERTIFICATION)
    done = set(done_again) if completed else _done(progress)
    starts = {} if until is None else latest_starts(components, until)
    return WorkPlan(
        kind,
        until,
        zone,
        tuple(
            PlannedComponent(component, starts.get(component.code))
            for component in components
            if component.required and component.code not in done
        ),
    )


def _done(progress: Progress) -> set[str]:
    return {each.code for each in progress.components if each.status is ComponentStatus.COMPLETED}
