"""Following the credentials that enrolments led to."""

from collections.abc import Sequence
from datetime import datetime

from licet_certifications.enrolments import store
from licet_certifications.enrolments.commands.desk import Step, definitions_of, desk_of, write
from licet_certifications.enrolments.following import News, follow, refuse_award, restore, settle
from licet_certifications.enrolments.model import Change
from licet_certifications.enrolments.reconsidering import Course
from licet_chassis.cause import Cause
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.errors import NotFound
from licet_events import Event
from licet_events.credentials import CredentialEvent, CredentialStatusChanged
from licet_events.enrolments import AwardRefusal


async def follow_credentials(
    tx: Transaction, events: Sequence[Event[CredentialEvent]], *, now: datetime
) -> None:
    """Take over what credentials have become into the enrolments that led to them, event by event."""
    ids = {event.data.credential.id for event in events}
    awards = {term.award_id for event in events for term in event.data.credential.terms if term.award_id}
    found = await store.lock_of_credentials(tx.conn, ids, awards)
    if not found:
        return
    definitions = await definitions_of(tx.conn, found)
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
    await write(tx, steps, now, causes=causes)


def _news(event: Event[CredentialEvent]) -> News:
    data = event.data
    if isinstance(data, CredentialStatusChanged):
        return News(data.credential, data.effective_at, data.cause, data.actor)
    return News(data.credential, event.time)


async def award_refused(tx: Transaction, refusal: AwardRefusal, *, now: datetime) -> None:
    """Put the enrolment of a refused award under review; the one that it superseded has the validity again.

    Safe to repeat, and to call for an enrolment that is gone.
    """
    await block_erasures(tx.conn)
    try:
        found = await store.read_enrolment(tx.conn, refusal.enrolment_id)
    except NotFound:
        return
    desk = await desk_of(tx.conn, found.enrolment.state.holder_id)
    refused = next((each for each in desk.enrolments if each.state.id == refusal.enrolment_id), None)
    if refused is None:
        return
    course = desk.course_of(refused)
    change = refuse_award(settle(Change(refused), now), course.definition, refusal, now)
    steps = [Step(refused, change, course)]
    if change.internals.award_refused != refused.internals.award_refused:
        for each in desk.enrolments:
            if each.state.superseded_by == refusal.enrolment_id and each.state.credential_id is not None:
                dates = await store.read_dates(tx.conn, each.state.credential_id)
                steps.append(Step(each, restore(Change(each), dates, now), desk.course_of(each)))
    await write(tx, sorted(steps, key=lambda step: step.change.state.id), now)
