"""The meaning of entered dates, and checks that refuse contradictory ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

from licet_chassis.errors import Invalid
from licet_credentials.credentials.terms import Term, with_instants
from licet_events.catalogue import Period
from licet_events.civil import (
    END_OF_DAY,
    DateOutOfRange,
    Ending,
    add_months,
    end_of_month,
    ends_at,
    expires_at,
    starts_at,
)
from licet_events.credentials import CorrectedField, Expiry

DateOrInstant = date | datetime


def decide_expiry(expiry: Expiry | None, expires_on: date | None, *, type_expires: bool) -> Expiry:
    """Return the expiry of a term: as given, else dated with `expires_on`, else by its type."""
    if expires_on is not None:
        if expiry not in {None, Expiry.DATED}:
            raise Invalid(f"expiry {expiry} and expires_on contradict each other.", pointer="/expiry")
        return Expiry.DATED
    if expiry is Expiry.DATED:
        raise Invalid("expiry dated needs expires_on.", pointer="/expires_on")
    return expiry or (Expiry.UNKNOWN if type_expires else Expiry.NEVER)


def require_order(valid_from: date | None, expires_on: date | None, ending: Ending) -> None:
    """Raise `Invalid` if a term would end before it starts, or have no valid moment."""
    if valid_from is None or expires_on is None:
        return
    if expires_on < valid_from:
        raise Invalid(f"expires_on {expires_on} is before valid_from {valid_from}.", pointer="/expires_on")
    # Whether the term has a moment does not depend on the zone.
    if ends_at(expires_on, "UTC", ending) <= starts_at(valid_from, "UTC"):
        raise Invalid(
            f"expires_on {expires_on} is valid_from too, and by the type's expires_at_rule, "
            f"{ending.rule}, that day is not valid any more.",
            pointer="/expires_on",
        )


UNUSUAL_VALIDITIES = 3
"""How many validities of its type ahead of today a term may end before somebody has to confirm it."""


def require_usual(expires_on: date | None, validity: Period | None, today: date, *, unusual: bool) -> None:
    """Raise `Invalid` for an expiry so far ahead that it is likely mistyped, unless `unusual` confirms it."""
    if expires_on is None or validity is None or unusual:
        return
    try:
        latest = add_months(today, UNUSUAL_VALIDITIES * (validity.months or 0))
        latest += UNUSUAL_VALIDITIES * timedelta(days=validity.days or 0)
    except (DateOutOfRange, OverflowError):
        return  # the calendar has no date that would be unusual
    if expires_on > latest:
        raise Invalid(
            f"expires_on {expires_on} is more than {UNUSUAL_VALIDITIES} validities of the type ahead, "
            f'after {latest}. If the document says so, send "unusual": true.',
            pointer="/expires_on",
        )


def require_issued(
    issued_on: date | None, expires_on: date | None, today: date | None = None, *, at: str = "/issued_on"
) -> None:
    """Raise `Invalid` at the pointer `at` if a document was issued after today or after it expires."""
    if issued_on is None:
        return
    if today is not None and issued_on > today:
        raise Invalid(f"issued_on {issued_on} is after today, {today}.", pointer=at)
    if expires_on is not None and issued_on > expires_on:
        raise Invalid(f"issued_on {issued_on} is after expires_on {expires_on}.", pointer=at)


_MONTH = "%Y-%m"


def last_day_of(month: str) -> date:
    """Return the last day of a month, YYYY-MM: what a document means that prints no more."""
    return end_of_month(datetime.strptime(month, _MONTH).date())  # noqa: DTZ007  # a month has no zone


def require_later(
    before: Term,
    *,
    starts: date | None,
    ends: date | None,
    start_rule: str = "",
    end_rule: str = "",
) -> None:
    """Raise `Invalid` if a term does not both start and end later than the one before it.

    Unknown dates are not compared. The rules name, for the error, where derived dates come from.
    """
    if before.expiry is Expiry.NEVER:
        raise Invalid(
            f"The term before, from {before.first_day}, never ends, so no term can follow it.",
            pointer="/valid_from",
        )
    if before.expires_on is not None and ends is not None and ends <= before.expires_on:
        raise Invalid(
            f"A term must end later than the one before: {ends}{end_rule} is not after {before.expires_on}.",
            pointer="/expires_on",
        )
    if starts is not None and starts <= before.first_day:
        raise Invalid(
            f"A term must start later than the one before: {starts}{start_rule} "
            f"is not after {before.first_day}.",
            pointer="/valid_from",
        )


def require_in_sequence(terms: Sequence[Term], changed: UUID) -> None:
    """Raise `Invalid` if the changed one of the ordered `terms` does not fit between its neighbours."""
    for before, after in pairwise(terms):
        if changed in {before.id, after.id}:
            require_later(before, starts=after.valid_from, ends=after.expires_on)


def beginning(given: DateOrInstant, time_zone: str) -> datetime:
    """Return the instant of an entered start; a date starts with its first instant in the zone."""
    return given if isinstance(given, datetime) else starts_at(given, time_zone)


def ending(given: DateOrInstant, time_zone: str) -> datetime:
    """Return the instant of an entered end; a date is the last day, inclusive."""
    return given if isinstance(given, datetime) else expires_at(given, time_zone)


TERM_FIELDS = ("valid_from", "expires_on", "expires_on_month", "expiry", "time_zone")
"""Fields of a term that a correction can change."""


def correct_term(
    term: Term, given: Mapping[str, Any], ending: Ending, now: datetime
) -> tuple[Term, tuple[CorrectedField, ...]]:
    """Return the next revision of a term with the given dates, expiry or zone, and the changed fields.

    `ending` is how the type means printed dates. Absent fields stay; if nothing differs, the term is returned
    unchanged. Of `expires_on` and `expires_on_month` the one that is given replaces both. An unknown start
    still counts from the day of entry.
    """
    month: str | None = given.get("expires_on_month")
    if month is not None:
        given = {**given, "expires_on": last_day_of(month)}
    expires_on: date | None = given.get("expires_on", term.expires_on)
    expiry: Expiry | None = given.get("expiry", term.expiry)
    if expires_on is not None and "expires_on" in given and "expiry" not in given:
        expiry = Expiry.DATED
    if expiry is not Expiry.DATED and "expires_on" not in given:
        expires_on = None
    known = {"expires_on", "expires_on_month"}.isdisjoint(given)
    month_only = expires_on is not None and (term.month_only if known else month is not None)
    if month_only:
        ending = END_OF_DAY
    corrected = replace(
        term,
        revision=term.revision + 1,
        corrected_at=now,
        valid_from=given.get("valid_from", term.valid_from),
        expires_on=expires_on,
        expiry=decide_expiry(expiry, expires_on, type_expires=True),
        time_zone=given.get("time_zone", term.time_zone),
        month_only=month_only,
        expires_at_rule=ending.rule,
        expires_at_time=ending.time,
    )
    require_order(corrected.valid_from, corrected.expires_on, ending)
    wrong = tuple(
        CorrectedField(field=name, was=_text(getattr(term, name)), now=_text(getattr(corrected, name)))
        for name in TERM_FIELDS
        if getattr(term, name) != getattr(corrected, name)
    )
    return (with_instants(corrected), wrong) if wrong else (term, ())


def _text(value: date | Expiry | str | None) -> str | None:
    return None if value is None else str(value)
