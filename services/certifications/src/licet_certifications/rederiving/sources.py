"""The kinds of rows with instants that follow from civil dates, in the order of deriving them again."""

from datetime import datetime
from uuid import UUID

from licet_certifications.enrolments import commands as enrolments
from licet_certifications.enrolments import store as enrolment_store
from licet_certifications.rederiving import store
from licet_certifications.requirements import commands as requirements
from licet_certifications.requirements import store as requirement_store
from licet_certifications.waivers import commands as waivers
from licet_certifications.waivers import store as waiver_store
from licet_chassis.database import Transaction
from licet_chassis.rederiving import Derived, Page


async def _note_timelines(tx: Transaction, after: UUID | None, limit: int, _now: datetime) -> Page:
    """Have timelines computed again: grace and checks end on days too. The same one is not told again."""
    return Page(await store.note_holders(tx.conn, after, limit, tx.cause), 0)


SOURCES = (
    Derived("requirements", requirements.derive_requirements, requirement_store.count_after),
    Derived("waivers", waivers.derive_waivers, waiver_store.count_current),
    Derived("enrolments", enrolments.derive_enrolments, enrolment_store.count_after),
    Derived("timelines", _note_timelines, store.count_holders),
)
