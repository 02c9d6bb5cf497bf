"""SQL of the consistency check."""

from datetime import datetime
from uuid import UUID

from licet_certifications.doctor.model import Examined
from licet_certifications.enrolments.model import Enrolment, Internals
from licet_certifications.enrolments.store import CredentialDates
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.enrolments import EnrolmentState, EnrolmentStatus

QUERIES = load_queries(__package__ or "")


async def enrolments_after(
    conn: Connection, after: UUID | None, limit: int, *, at: datetime
) -> list[Examined]:
    """Return a bounded number of enrolments after the id `after`, with what lists show of them at `at`."""
    return [
        Examined(
            Enrolment(
                EnrolmentState.model_validate_json(row["state"]),
                Internals.model_validate_json(row["internals"]),
            ),
            EnrolmentStatus(row["listed"]),
            None if row["credential"] is None else CredentialDates.model_validate_json(row["credential"]),
        )
        for row in await conn.fetch(QUERIES["enrolments_after"], after, limit, at)
    ]
