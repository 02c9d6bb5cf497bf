"""What an instant of an enrolment brings when it has come."""

from datetime import datetime
from uuid import UUID

import structlog

from licet_certifications.enrolments import deciding, store
from licet_certifications.enrolments.commands.desk import Act, Step, desk_of, step_of, with_superseded, write
from licet_certifications.enrolments.commands.entering import open_enrolment
from licet_certifications.enrolments.following import settle
from licet_certifications.enrolments.model import Change, Entry
from licet_certifications.enrolments.renewing import renewal_due
from licet_certifications.programmes import store as programme_store
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.errors import NotFound, Refused
from licet_events.enrolments import ComponentStatus
from licet_events.sameness import target_of

_log = structlog.get_logger("licet.enrolments")


async def deadline_reached(tx: Transaction, enrolment_id: UUID, at: datetime, *, now: datetime) -> None:
    """End an enrolment whose deadline has come, where its version says so; else it changes nothing.

    Safe to repeat, and to call for an enrolment that is gone or has another deadline by now.
    """
    await _by_time(tx, enrolment_id, lambda change, course: deciding.deadline(change, course, at, now), now)


async def window_opened(tx: Transaction, enrolment_id: UUID, at: datetime, *, now: datetime) -> None:
    """Tell once for each term that its recertification is due, and open one where the version's rule says so.

    Safe to repeat, and to call for an enrolment that is gone or whose window is another by now.
    """
    await block_erasures(tx.conn)
    try:
        found = await store.read_enrolment(tx.conn, enrolment_id)
    except NotFound:
        return
    holder_id = found.enrolment.state.holder_id
    await store.hold_holders(tx.conn, [holder_id])
    desk = await desk_of(tx.conn, holder_id)
    enrolment = next((each for each in desk.enrolments if each.state.id == enrolment_id), None)
    if enrolment is None:
        return
    course = desk.course_of(enrolment)
    done = {
        component.code
        for each in desk.renewals_of(enrolment.state)
        if each.open
        for component in each.state.components
        if component.status is ComponentStatus.COMPLETED
    }
    change = renewal_due(settle(Change(enrolment), now), course.definition, done, at, now)
    await write(tx, [Step(enrolment, change, course)], now)
    told = change.state.renewal_due_for != enrolment.state.renewal_due_for
    if told and await _entered_by_rule(tx.conn, holder_id, enrolment.state.programme):
        try:
            await open_enrolment(tx, holder_id, enrolment.state.programme, entry=Entry.RULE, now=now)
        except Refused as refused:
            # Such as one that is open already, or a holder who has left; nothing was written.
            _log.info("enrolments.recertification_not_opened", enrolment_id=str(enrolment_id),
                      reason=refused.detail)  # fmt: skip


async def _entered_by_rule(conn: Connection, holder_id: UUID, programme: str) -> bool:
    """Whether the version that new enrolments use enrols holders of one of the holder's roles or queues."""
    version = await programme_store.newest_published(conn, programme)
    holder = await store.read_applicant(conn, holder_id)
    if version is None or holder is None:
        return False
    entry = version.definition.entry
    wanted = {target_of("role", code) for code in entry.roles}
    wanted |= {target_of("queue", code) for code in entry.queues}
    return not wanted.isdisjoint(holder["targets"])


async def _by_time(tx: Transaction, enrolment_id: UUID, act: Act, now: datetime) -> None:
    await block_erasures(tx.conn)
    try:
        found = await store.read_enrolment(tx.conn, enrolment_id)
    except NotFound:
        return
    desk = await desk_of(tx.conn, found.enrolment.state.holder_id)
    steps = [step_of(desk, each, act, now) for each in desk.enrolments if each.state.id == enrolment_id]
    await write(tx, with_superseded(steps, desk, now), now)
