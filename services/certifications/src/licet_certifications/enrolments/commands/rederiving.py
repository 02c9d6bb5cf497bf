"""Deriving the instants of enrolments again by a newer edition of the time zone database."""

from datetime import datetime
from uuid import UUID

from licet_certifications.enrolments import store
from licet_certifications.enrolments.commands.desk import Step, definitions_of, write
from licet_certifications.enrolments.following import settle, window_opens_at
from licet_certifications.enrolments.model import ITSELF, Change
from licet_certifications.enrolments.reconsidering import Course
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.rederiving import Page


async def derive_enrolments(tx: Transaction, after: UUID | None, limit: int, now: datetime) -> Page:
    """Derive when windows open again; each that differs is told as one update.

    The ends of terms come with the corrections of their credentials.
    """
    await block_erasures(tx.conn)
    page = await store.lock_enrolments(tx.conn, after, limit)
    definitions = await definitions_of(tx.conn, page)
    steps = []
    for enrolment in page:
        state = enrolment.state
        definition = definitions[state.programme, state.programme_version]
        opens = window_opens_at(definition, enrolment.internals.term)
        if state.window_opens_at is not None and opens is not None and opens != state.window_opens_at:
            change = settle(Change(enrolment), now).update(now, ITSELF, window_opens_at=opens)
            steps.append(Step(enrolment, change, Course(definition)))
    await write(tx, steps, now)
    return Page(page[-1].state.id if page else None, len(steps))
