"""An enrolment as it is read, for callers and for a backfill."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_certifications.completions import store as completion_store
from licet_certifications.enrolments import store
from licet_certifications.enrolments.model import Enrolment
from licet_certifications.enrolments.plan import WorkPlan, plan_of
from licet_certifications.enrolments.progress import Progress
from licet_certifications.enrolments.reconsidering import Course, progress_of
from licet_certifications.programmes import store as programme_store
from licet_certifications.worklist.model import Authority
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_events.enrolments import ComponentStatus, EnrolmentSnapshot


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


async def read_plan(
    conn: Connection, enrolment_id: UUID, *, now: datetime, by: Authority | None = None
) -> WorkPlan:
    """Return what is still to do for an enrolment; raises `NotFound` for one that `by` does not see."""
    shown = await read(conn, enrolment_id, now=now, by=by)
    state = shown.enrolment.state
    version = await programme_store.read_version(conn, state.programme, state.programme_version)
    renewal = await store.read_open_renewal(conn, state)
    components = () if renewal is None else renewal.state.components
    done = [each.code for each in components if each.status is ComponentStatus.COMPLETED]
    return plan_of(shown.enrolment, version.definition, shown.progress, done)


async def enrolment_snapshots(
    conn: Connection, after: UUID | None, limit: int
) -> tuple[list[EnrolmentSnapshot], UUID | None]:
    """Return a page of a backfill, and where the next one begins."""
    states = await store.lock_page(conn, after, limit)
    following = states[-1].id if len(states) == limit else None
    return [EnrolmentSnapshot(enrolment=state) for state in states], following
