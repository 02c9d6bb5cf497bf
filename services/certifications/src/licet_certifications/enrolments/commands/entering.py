"""Enrolling a holder."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from licet_certifications.completions.store import leads_to
from licet_certifications.enrolments import opening, store
from licet_certifications.enrolments.commands.desk import Step, desk_of, with_superseded, write
from licet_certifications.enrolments.model import Enrolment, Entry
from licet_certifications.enrolments.opening import Applicant
from licet_certifications.enrolments.reconsidering import Course
from licet_certifications.enrolments.validity import validity_at
from licet_certifications.facts import store as facts
from licet_certifications.programmes import store as programme_store
from licet_certifications.worklist.model import Authority
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.errors import Conflict, NotFound
from licet_events.credentials import Validity
from licet_events.ids import uuid7

_VALID = frozenset({Validity.ACTIVE, Validity.EXPIRING})


async def open_enrolment(
    tx: Transaction,
    holder_id: UUID,
    programme: str,
    *,
    entry: Entry,
    now: datetime,
    note: str | None = None,
    by: Authority | None = None,
) -> Enrolment:
    """Enrol a holder in the version that new enrolments use; what is done already counts if that says so.

    The id of a merged holder leads to the other. `by` is whose token asks for it, if one does. Raises
    `NotFound` for a holder or programme that is not there or not seen, and `Conflict` where the programme's
    rules or an open enrolment stand against it.
    """
    await block_erasures(tx.conn)
    holder_id = await leads_to(tx.conn, holder_id)
    await store.hold_holders(tx.conn, [holder_id])
    holder = await store.read_applicant(tx.conn, holder_id)
    if holder is None or (
        by is not None and not by.may_see(team=holder["team"], location=holder["location"])
    ):
        raise NotFound(f"There is no holder {holder_id}.")
    version = await programme_store.newest_published(tx.conn, programme)
    if version is None:
        await programme_store.read_programme(tx.conn, programme)
        raise Conflict(f"Programme {programme} has no published version; publish one first.")
    desk = await desk_of(tx.conn, holder_id)
    required = version.definition.entry.required_credentials
    applicant = Applicant(
        holder_id,
        holder["active"],
        await _valid_types(tx.conn, holder_id, required, now) if required else (),
        desk.enrolments,
    )
    course = Course(version.definition, desk.completions)
    change = opening.open_enrolment(
        uuid7(), version, applicant, course, entry=entry, actor=tx.cause.actor, now=now, note=note
    )
    await write(tx, with_superseded([Step(None, change, course)], desk, now), now)
    return change.enrolment


async def _valid_types(conn: Connection, holder_id: UUID, required: Sequence[str], now: datetime) -> set[str]:
    """Return those of the required types, as they were named, that the holder has a valid credential of."""
    held = {
        code
        for code, dates in await store.read_credentials(conn, holder_id)
        if validity_at(dates, now) in _VALID
    }
    named = {name: await facts.find_type(conn, name) for name in required}
    return {name for name, found in named.items() if name in held or (found and found.code in held)}
