"""The last day of a term by the rules of its type.

The holder's date of birth appears in no error here: errors are logged and shown to others.
"""

from datetime import date, timedelta

from licet_chassis.errors import Invalid
from licet_credentials.credentials.terms import Term
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import (
    BirthAnchor,
    BirthDay,
    FixedDate,
    MonthEnd,
    Period,
    RenewalBasis,
    YearCycle,
)
from licet_events.civil import add_months

_DAY = timedelta(days=1)
_FEBRUARY = 2


def first_expiry(rules: CredentialType, completed_on: date, born: date | None) -> date | None:
    """Return the date that a first term prints which starts on the day of completion.

    `born` is the holder's date of birth. Returns `None` if the type never expires, or if its rules give no
    date: then the credential stays incomplete until somebody enters one. Raises `Invalid` if the rules count
    by a date of birth that is not recorded.
    """
    if not rules.expires:
        return None
    if rules.birth_anchor is not None:
        born = required_birth_date(rules, born)
        return rules.end_by_rule(next_birth_anchor(rules.birth_anchor, born, completed_on))
    if rules.renewal_basis is RenewalBasis.FIXED_DATE and rules.fixed_date is not None:
        return rules.end_by_rule(next_fixed_date(rules.fixed_date, completed_on))
    if rules.validity is None and not rules.age_bands:
        return None
    validity = validity_for(rules, completed_on, born)
    return rules.end_by_rule(counted_from(completed_on, validity, month_end=rules.month_end))


def required_birth_date(rules: CredentialType, born: date | None) -> date:
    """Return the holder's date of birth; raises `Invalid` if it is not recorded."""
    if born is None:
        raise Invalid(
            f"The type {rules.code} counts by the holder's date of birth, which is not recorded: give the "
            "holder a birth_date, or give expires_on here.",
            pointer="/expires_on",
        )
    return born


def validity_for(rules: CredentialType, examined_on: date, born: date | None) -> Period:
    """Return the validity of a term, by the holder's age on the day of the examination if age decides.

    Raises `Invalid` if the type declares none, or if age decides and the date of birth is not recorded.
    """
    validity = rules.validity
    if rules.age_bands:
        age = age_on(examined_on, required_birth_date(rules, born))
        for band in rules.age_bands:
            if band.from_age <= age:
                validity = Period(months=band.months, days=band.days)
    if validity is None:
        raise Invalid(
            f"The credential type {rules.code} declares no validity; give expires_on.", pointer="/expires_on"
        )
    return validity


def age_on(day: date, born: date) -> int:
    """Return the age in whole years; who was born on 29 February is older from 1 March in other years."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def counted_from(
    day: date, period: Period, *, month_end: MonthEnd = MonthEnd.CLAMP, before: Term | None = None
) -> date:
    """Return the day one period after `day`.

    With `MonthEnd.KEEP`, months from the last day of a month end on the last day of a month. The last day of
    February may also be the 28th of a term that never was at a month's end, so there the term `before` has to
    have begun on the last day of a month, or on the day after one.
    """
    if period.months is None:
        return day + timedelta(days=period.days or 0)
    found = add_months(day, period.months)
    if (
        month_end is MonthEnd.KEEP
        and _is_month_end(day)
        and (day.month != _FEBRUARY or _at_month_end(before))
    ):
        return _last_of_month(found)
    return found


def whole_period_from(first_day: date, period: Period) -> date:
    """Return the last day of a period that begins with `first_day`: 1 March and 12 months end in February."""
    if period.months is None:
        return first_day + timedelta(days=(period.days or 1) - 1)
    same_day = add_months(first_day, period.months)
    return same_day - _DAY if same_day.day == first_day.day else same_day


def next_fixed_date(fixed: FixedDate, after: date) -> date:
    """Return the first occurrence of the fixed date that is at least its minimum of months after `after`."""
    return _next_occurrence(fixed.month, fixed.day, fixed.at_least_months, fixed.years, after)


def next_birth_anchor(anchor: BirthAnchor, born: date, after: date) -> date:
    """Return the first birthday, or end of the birth month, at least the minimum of months after `after`."""
    day = born.day if anchor.at is BirthDay.BIRTHDAY else 31
    return _next_occurrence(born.month, day, anchor.at_least_months, anchor.years, after)


def _next_occurrence(month: int, day: int, at_least_months: int, years: YearCycle, after: date) -> date:
    """Return the next such day of the year, which a shorter month caps at its last day."""
    earliest = max(add_months(after, at_least_months), after + _DAY)
    for year in range(earliest.year, earliest.year + 3):
        if years is not YearCycle.EVERY and (year % 2 == 1) is not (years is YearCycle.ODD):
            continue
        last = _last_of_month(date(year, month, 1))
        found = min(last.replace(day=1) + timedelta(days=day - 1), last)
        if found >= earliest:
            return found
    raise AssertionError("a day of the year comes back within two years")


def _at_month_end(term: Term | None) -> bool:
    """Return whether a term began on the last day of a month or on the day after one."""
    if term is None or term.valid_from is None:
        return False
    return term.valid_from.day == 1 or _is_month_end(term.valid_from)


def _is_month_end(day: date) -> bool:
    return (day + _DAY).month != day.month


def _last_of_month(day: date) -> date:
    return add_months(day.replace(day=1), 1) - _DAY
