"""What certificates rest on, in the database."""

from datetime import datetime
from zoneinfo import ZoneInfo

from licet_certifications.certificates.model import Subject
from licet_certifications.enrolments.model import Enrolment
from licet_certifications.enrolments.store import CredentialDates
from licet_certifications.enrolments.validity import current_run
from licet_certifications.programmes.model import Definition
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries

QUERIES = load_queries(__package__)


async def read_subject(
    conn: Connection, enrolment: Enrolment, definition: Definition, *, now: datetime, time_zone: str
) -> Subject:
    """Return what a certificate rests on at `now`; `time_zone` is for days where no credential has a zone."""
    state = enrolment.state
    row = await conn.fetchrow(QUERIES["read_names"], state.holder_id, state.programme, state.credential_id)
    assert row is not None  # noqa: S101  # the statement has one row
    facts = None if row["facts"] is None else CredentialDates.model_validate_json(row["facts"])
    run = None if facts is None else current_run(facts.runs, now)
    status, reason = enrolment.at(now)
    zone = ZoneInfo(run.time_zone if run is not None else time_zone)
    completed = state.completed_at
    return Subject(
        enrolment_id=state.id,
        status=status,
        reason=reason,
        holder_name=row["holder_name"],
        programme_name=row["programme_name"],
        template=definition.certificate or "standard",
        issues_credential=definition.credential_type is not None,
        credential_id=state.credential_id if facts is not None else None,
        number=row["number"],
        completed_on=None if completed is None else completed.astimezone(zone).date(),
        valid_from=None if run is None else run.starts_at.astimezone(zone).date(),
        expires_on=None if run is None else run.expires_on,
    )
