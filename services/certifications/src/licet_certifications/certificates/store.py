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
from licet_events.civil import ExpiresAtRule
from licet_events.credentials import RunState

QUERIES = load_queries(__package__)


def _end_as_printed(run: RunState) -> str | None:
    """Return the end of a run as its document prints it: a month, a day, or a day and a time."""
    if run.expires_on is None or run.expires_on_month is not None:
        return run.expires_on_month
    if run.expires_at_rule is ExpiresAtRule.AT_TIME:
        return f"{run.expires_on}, {run.expires_at_time} ({run.time_zone})"
    return str(run.last_day)


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
        valid_until=None if run is None else _end_as_printed(run),
    )
