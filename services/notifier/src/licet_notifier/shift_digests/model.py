"""Which shifts supervisors are told of, when, and in which words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from licet_events.civil import starts_at, zone
from licet_events.ids import derived_id
from licet_events.notifications import RecipientRole
from licet_events.shifts import ShiftState
from licet_notifier.notifications.window import is_zone
from licet_notifier.notifications.wording import ENGLISH, Tongue, Wording, one_line
from licet_notifier.restraint.calendar import BY_DAY, Calendar, Place
from licet_notifier.templates import languages

NEAR = timedelta(hours=48)
"""Of a shift that begins within this time supervisors are told at once, at any hour."""


class DigestState(StrEnum):
    """How far a mail about shifts at risk has come."""

    PENDING = "pending"
    HELD = "held"
    """A stop holds it."""
    SENDING = "sending"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"


class DigestReason(StrEnum):
    """Why a mail about shifts was, or was not, sent."""

    DUE = "due"
    CLEARED = "cleared"
    """None of its shifts is at risk any more, or all of them have begun."""
    SUPERVISOR_INACTIVE = "supervisor_inactive"
    NO_ADDRESS = "no_address"
    SILENCED = "silenced"
    """A stop held it, and was ended with the order to drop what it held."""
    REFUSED = "refused"
    GAVE_UP = "gave_up"
    UNKNOWN = "unknown"
    TEMPLATE_FAILED = "template_failed"


@dataclass(frozen=True, slots=True)
class Item:
    """One risk in a mail: a shift as it came at risk."""

    shift: ShiftState
    holder_name: str | None


@dataclass(frozen=True, slots=True)
class Recipient:
    """Who gets a mail about the shifts of a team."""

    role: RecipientRole
    id: UUID | None
    name: str | None
    address: str | None
    time_zone: str
    locale: str | None = None


def is_near(shift: ShiftState, now: datetime) -> bool:
    """Whether the shift begins so soon that its team's supervisors hear of it at once."""
    return shift.start - now <= NEAR


def due_at(shift: ShiftState, time_zone: str, now: datetime, calendar: Calendar = BY_DAY) -> datetime:
    """Return when supervisors are to be told: now, or with the next daily digest, as quiet hours end.

    A shift that would be near before the next digest is told of as soon as it is near.
    """
    if is_near(shift, now):
        return now
    name = time_zone if is_zone(time_zone) else "UTC"
    # When they end, this day's digest is on its way already.
    today = now.astimezone(zone(name)).date()
    after = now + timedelta(microseconds=1)
    opening = calendar.opening(after, Place(name))
    if opening == after:  # the digest of today has left, the next is tomorrow's
        tomorrow = starts_at(today + timedelta(days=1), name).astimezone(now.tzinfo)
        opening = calendar.opening(tomorrow, Place(name))
    return min(opening, shift.start - NEAR)


def digest_id(
    team: str | None, role: RecipientRole, recipient: UUID | None, items: Sequence[ShiftState]
) -> UUID:
    """Return the id of a mail: the same for the same risks told to the same recipient of a team."""
    told = sorted(f"{shift.id}:{shift.version}" for shift in items)
    return derived_id("shift-digest", team, role, recipient, *told)


def wording(
    items: Sequence[Item],
    recipient: Recipient,
    team_name: str | None,
    tongue: Tongue = ENGLISH,
    *,
    urgent: bool,
) -> Wording:
    """Return the values for the mail's template."""
    ordered = sorted(items, key=lambda item: (item.shift.start, item.shift.id))
    return {
        "recipient_name": one_line(recipient.name) if recipient.name else None,
        "team_name": one_line(team_name) if team_name else None,
        "count": len(ordered),
        "urgent": 1 if urgent else 0,
        "time_zone": recipient.time_zone,
        "shifts": tuple(_line(item, recipient.time_zone, tongue) for item in ordered),
        "to_fallback": 1 if recipient.role is RecipientRole.FALLBACK else 0,
        "told": (),
        "detour": None,
        "acknowledge_url": None,
        "snooze_url": None,
    }


def _line(item: Item, time_zone: str, tongue: Tongue) -> str:
    shift = item.shift
    where = zone(time_zone)
    start, end = (
        (instant.date(), languages.time_in_words(instant, tongue.locale))
        for instant in (shift.start.astimezone(where), shift.end.astimezone(where))
    )
    codes = dict.fromkeys(
        tongue.say(f"reason_{reason.code}") + (f" ({reason.type})" if reason.type else "")
        for reason in shift.reasons
    )
    return tongue.say(
        "shift",
        start=f"{tongue.day(start[0])}, {start[1]}",
        end=end[1] if end[0] == start[0] else f"{tongue.day(end[0])}, {end[1]}",
        holder=one_line(item.holder_name) if item.holder_name else tongue.say("somebody"),
        target=shift.target,
        place="" if shift.location == "*" else tongue.say("shift_place", location=shift.location),
        shift=one_line(shift.external_id),
        platform=shift.platform,
        verdict=tongue.say(f"verdict_{shift.verdict}"),
        reasons=", ".join(codes),
    )
