"""The meaning of entered dates, and checks that refuse contradictory ones."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from itertools import pairwise
from typing import Any
from uuid import UUID

from licet_chassis.errors import Invalid
from licet_credentials.credentials.terms import Term, with_instants
from licet_events.civil import expires_at, starts_at
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


def require_order(valid_from: date | None, expires_on: date | None) -> None:
    """Raise `Invalid` if a term would end before it starts."""
    if valid_from is not None and expires_on is not None and expires_on < valid_from:
        raise Invalid(
            f"expires_on {expires_on} is before valid_from {valid_from}.",
            pointer="/expires_on",
        )


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


def correct_term(
    term: Term, given: Mapping[str, Any], now: datetime
) -> tuple[Term, tuple[CorrectedField, ...]]:
    """Return the next revision of a term with the given dates, expiry or zone, and the changed fields.

    Absent fields stay; if nothing differs, the term is returned unchanged. An unknown start still counts
    from the day of entry.
    """
    expires_on: date | None = given.get("expires_on", term.expires_on)
    expiry: Expiry | None = given.get("expiry", term.expiry)
    if expires_on is not None and "expires_on" in given and "expiry" not in given:
        expiry = Expiry.DATED
    if expiry is not Expiry.DATED and "expires_on" not in given:
        expires_on = None
    corrected = replace(
        term,
        revision=term.revision + 1,
        corrected_at=now,
        valid_from=given.get("valid_from", term.valid_from),
        expires_on=expires_on,
        expiry=decide_expiry(expiry, expires_on, type_expires=True),
        time_zone=given.get("time_zone", term.time_zone),
    )
    require_order(corrected.valid_from, corrected.expires_on)
    wrong = tuple(
        CorrectedField(field=name, was=_text(getattr(term, name)), now=_text(getattr(corrected, name)))
        for name in ("valid_from", "expires_on", "expiry", "time_zone")
        if getattr(term, name) != getattr(corrected, name)
    )
    return (with_instants(corrected), wrong) if wrong else (term, ())


def _text(value: date | Expiry | str | None) -> str | None:
    return None if value is None else str(value)
