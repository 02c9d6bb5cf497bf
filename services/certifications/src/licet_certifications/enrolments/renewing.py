"""When a recertification's window opens: what is still to do, and the latest day to start. Pure."""

from collections.abc import Collection, Sequence
from datetime import date, datetime, timedelta

from licet_certifications.enrolments.model import ITSELF, Change
from licet_certifications.enrolments.transitions import CERTIFIED
from licet_certifications.programmes.model import Component, Definition
from licet_events.enrolments import CourseReference, DueComponent, RenewalDue


def renewal_due(
    change: Change, definition: Definition, done: Collection[str], at: datetime, now: datetime
) -> Change:
    """Tell, once for each term, what has to be done before it ends.

    `done` are components of an open recertification that are completed. Changes nothing before the window,
    and nothing for an enrolment that another has superseded.
    """
    state, term = change.state, change.internals.term
    if (
        state.window_opens_at is None
        or state.window_opens_at > max(at, now)
        or state.superseded_by is not None
        or state.credential_id is None
        or term is None
        or state.renewal_due_for == term.id
        or change.enrolment.at(now)[0] not in CERTIFIED
    ):
        return change
    components, _ = definition.path(recertification=True)
    due = due_components(components, done, term.until)
    event = RenewalDue(
        enrolment=change.advance(now, renewal_due_for=term.id),
        credential_id=state.credential_id,
        term_id=term.id,
        expires_on=term.expires_on,
        time_zone=term.time_zone,
        start_by=min((each.start_by for each in due), default=term.until),
        last_day=term.until,
        expires_on_month=term.expires_on_month,
        components=due,
    )
    return change.tell(event, now, ITSELF)


def due_components(
    components: Sequence[Component], done: Collection[str], until: date
) -> tuple[DueComponent, ...]:
    """Return what is still to do, each with the latest day to start, so that all is done by a day.

    A component has to be done before what needs it starts. One without a usual duration takes no days.
    """
    starts = latest_starts(components, until)
    return tuple(
        DueComponent(
            code=component.code,
            name=component.name,
            kind=component.kind.value,
            usual_days=component.usual_days,
            start_by=starts[component.code],
            sources=tuple(
                CourseReference(source=source.source, id=source.id) for source in component.sources
            ),
        )
        for component in components
        if component.required and component.code not in done
    )


def latest_starts(components: Sequence[Component], until: date) -> dict[str, date]:
    """Return the latest day to start each component, by code; prerequisites are in no circle."""
    starts: dict[str, date] = {}

    def start_of(component: Component) -> date:
        if component.code not in starts:
            ends = [start_of(other) for other in components if component.code in other.prerequisites]
            end = min(ends, default=until)
            starts[component.code] = end - timedelta(days=component.usual_days or 0)
        return starts[component.code]

    for component in components:
        start_of(component)
    return starts
