"""Periods that people ask for: from and to an instant, or a whole day."""

from datetime import date, datetime
from typing import Annotated, Any, TypeAlias

from pydantic import Discriminator, Field, Tag

from licet_certifications.facts import store as facts
from licet_chassis.connection import Connection
from licet_chassis.errors import Invalid
from licet_events import civil
from licet_events.eligibility import ANYWHERE
from licet_events.event import Instant

_LENGTH_OF_A_DATE = len("2026-01-01")


def _kind(value: Any) -> str:
    if isinstance(value, datetime):
        return "instant"
    is_date = isinstance(value, date) or (isinstance(value, str) and len(value) <= _LENGTH_OF_A_DATE)
    return "date" if is_date else "instant"


Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(9999, 12, 30))]
When: TypeAlias = Annotated[
    Annotated[Day, Tag("date")] | Annotated[Instant, Tag("instant")], Discriminator(_kind)
]
"""An instant (RFC 3339) or a date. As an end, a date is the last day."""


async def zone_of(conn: Connection, location: str, default: str) -> str:
    """Return the zone in which days at a location begin and end: its own, else the deployment's."""
    if location == ANYWHERE:
        return default
    return await facts.read_zone(conn, location) or default


def begin_of(when: date | datetime, zone: str) -> datetime:
    """Return the instant itself, or the first one of the day in the zone."""
    return when if isinstance(when, datetime) else civil.starts_at(when, zone)


def end_of(when: date | datetime, zone: str) -> datetime:
    """Return the instant itself, or the one from which the day is over in the zone."""
    return when if isinstance(when, datetime) else civil.expires_at(when, zone)


def period_of(
    start: date | datetime, end: date | datetime, zone: str, *, what: str, pointer: str | None = None
) -> tuple[datetime, datetime]:
    """Return the half-open period; raises `Invalid` unless it ends after it starts."""
    first, last = begin_of(start, zone), end_of(end, zone)
    if last <= first:
        raise Invalid(f"{what} must end after it starts; a date as its end is the last day.", pointer=pointer)
    return first, last
