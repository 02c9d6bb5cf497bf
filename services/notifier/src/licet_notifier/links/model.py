"""What a link in a mail may say. Pure."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from licet_events.civil import local_date, starts_at
from licet_events.ids import uuid7
from licet_events.notifications import RecipientRole

FARTHEST = timedelta(days=180)
"""How far ahead a renewal may be booked: reminders rest no longer."""
SNOOZES = (1, 3, 7, 14)
"""For how many days somebody may want no reminder."""


class Kind(StrEnum):
    """What a link says."""

    ACKNOWLEDGED = "acknowledged"
    """The renewal is booked: reminders to everybody rest until that day is over."""
    SNOOZED = "snoozed"
    """The recipient wants to be reminded later; others are told as before."""


class NotSaid(Exception):
    """What was entered makes no sense; the message says so to whoever entered it."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The mail that a link was in, with what its page shows."""

    notification_id: UUID
    credential_id: UUID
    holder_id: UUID
    term_id: UUID | None
    name: str
    holder_name: str
    expires_on: date
    time_zone: str
    to: str
    """The recipient, as `Decision.to` names it."""
    by_id: UUID | None
    by_role: RecipientRole


@dataclass(frozen=True, slots=True)
class Said:
    """What somebody has said by a link."""

    id: UUID
    kind: Kind
    asked: Asked
    until: datetime
    booked_on: date | None = None


def booked(asked: Asked, booked_on: str, now: datetime) -> Said:
    """Return the word that a renewal is booked for a day; raises `NotSaid`."""
    try:
        day = date.fromisoformat(booked_on)
    except ValueError:
        raise NotSaid("Enter the day of the renewal as year, month and day, such as 2027-06-30.") from None
    today = local_date(now, asked.time_zone)
    if not today <= day <= today + FARTHEST:
        raise NotSaid(f"The day has to lie between {today} and {today + FARTHEST}.")
    until = starts_at(day + timedelta(days=1), asked.time_zone)
    return Said(uuid7(), Kind.ACKNOWLEDGED, asked, until, day)


def snoozed(asked: Asked, days: str, now: datetime) -> Said:
    """Return the word that a recipient wants no reminder for some days; raises `NotSaid`."""
    if days not in {str(each) for each in SNOOZES}:
        raise NotSaid(f"Choose one of {', '.join(map(str, SNOOZES))} days.")
    today = local_date(now, asked.time_zone)
    return Said(uuid7(), Kind.SNOOZED, asked, starts_at(today + timedelta(days=int(days)), asked.time_zone))
