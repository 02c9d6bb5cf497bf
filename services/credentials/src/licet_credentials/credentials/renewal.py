"""The dates of a renewal, and the rule that gave each."""

from dataclasses import dataclass
from datetime import date, timedelta

from licet_chassis.errors import Conflict, Invalid
from licet_credentials.credentials.dates import require_later, require_order
from licet_credentials.credentials.terms import Term
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import FixedDate, Period, RenewalBasis
from licet_events.civil import add_months
from licet_events.credentials import Expiry

_DAY = timedelta(days=1)
EXPLICIT = "explicit"
"""Name of the rule for a date that the caller gave."""


@dataclass(frozen=True, slots=True)
class RenewalRequest:
    """A requested renewal; dates that are left out follow from the type's rules."""

    expires_on: date | None = None
    mode: RenewalBasis | None = None
    valid_from: date | None = None
    completed_on: date | None = None
    force: bool = False
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class RenewalDates:
    """Dates of the new term, and the rule that gave each."""

    valid_from: date
    valid_from_rule: str
    expires_on: date
    expires_on_rule: str


def renewal_dates(before: Term, rules: CredentialType, request: RenewalRequest, today: date) -> RenewalDates:
    """Decide the dates of the term that follows `before`; `today` is in its zone.

    An explicit date wins; else the caller's mode, else the type's basis, else `from_expiry` until the
    expiry and `from_completion` after it. Raises `Conflict` before the window opens, unless forced
    with a reason, and `Invalid` for a term that does not both start and end later than `before`.
    """
    _require_window(before, rules, request, today)
    dates = (
        _explicit(before, request, today) if request.expires_on else _by_rule(before, rules, request, today)
    )
    require_later(
        before,
        starts=dates.valid_from,
        ends=dates.expires_on,
        start_rule=f" ({dates.valid_from_rule})",
        end_rule=f" ({dates.expires_on_rule})",
    )
    require_order(dates.valid_from, dates.expires_on)
    return dates


def _require_window(before: Term, rules: CredentialType, request: RenewalRequest, today: date) -> None:
    if before.expiry is Expiry.NEVER:
        raise Conflict("The credential never expires, so there is nothing to renew.")
    if rules.renewal_window_days is None or before.expires_on is None:
        return
    opens = before.expires_on - rules.renewal_window_days * _DAY
    if today >= opens:
        return
    if not request.force:
        raise Conflict(
            f"The renewal window opens on {opens}, {rules.renewal_window_days} days before expiry. "
            "To renew earlier, send force with a reason."
        )
    if not request.reason:
        raise Invalid("A forced renewal needs a reason.", pointer="/reason")


def _explicit(before: Term, request: RenewalRequest, today: date) -> RenewalDates:
    assert request.expires_on is not None  # noqa: S101  # the caller checked
    start, rule = _start_after(before, request, today)
    return _dates(request, start, rule, request.expires_on, EXPLICIT)


def _by_rule(before: Term, rules: CredentialType, request: RenewalRequest, today: date) -> RenewalDates:
    completed = request.completed_on or today
    basis = request.mode or rules.renewal_basis or _basis_at(before, today)
    if basis is RenewalBasis.FIXED_DATE:
        if rules.fixed_date is None:
            raise Invalid("The credential type declares no fixed date; give expires_on.", pointer="/mode")
        start, rule = _start_after(before, request, today)
        start = request.valid_from or start
        expires_on = next_fixed_date(rules.fixed_date, max(start, before.expires_on or start))
        return _dates(request, start, rule, expires_on, basis.value)
    if rules.validity is None:
        raise Invalid(
            f"The credential type {rules.code} declares no validity; give expires_on.", pointer="/expires_on"
        )
    if basis is RenewalBasis.FROM_EXPIRY:
        if before.expires_on is None:
            raise Invalid("The expiry of the term before is unknown; give expires_on.", pointer="/expires_on")
        start, rule = before.expires_on + _DAY, "day_after_expiry"
        return _dates(request, start, rule, add_period(before.expires_on, rules.validity), basis.value)
    return _dates(request, completed, "completed_on", add_period(completed, rules.validity), basis.value)


def _basis_at(before: Term, today: date) -> RenewalBasis:
    if before.expires_on is not None and today <= before.expires_on:
        return RenewalBasis.FROM_EXPIRY
    return RenewalBasis.FROM_COMPLETION


def _start_after(before: Term, request: RenewalRequest, today: date) -> tuple[date, str]:
    completed = request.completed_on or today
    if before.expires_on is not None and before.expires_on + _DAY >= completed:
        return before.expires_on + _DAY, "day_after_expiry"
    return completed, "completed_on"


def _dates(
    request: RenewalRequest, start: date, start_rule: str, expires_on: date, rule: str
) -> RenewalDates:
    if request.valid_from:
        return RenewalDates(request.valid_from, EXPLICIT, expires_on, rule)
    return RenewalDates(start, start_rule, expires_on, rule)


def add_period(day: date, period: Period) -> date:
    """Return the day one period after `day`."""
    if period.months is not None:
        return add_months(day, period.months)
    return day + timedelta(days=period.days or 0)


def next_fixed_date(fixed: FixedDate, after: date) -> date:
    """Return the first occurrence of the fixed date that is at least its minimum of months after `after`."""
    earliest = max(add_months(after, fixed.at_least_months), after + _DAY)
    for year in (earliest.year, earliest.year + 1):
        first, last = date(year, fixed.month, 1), _last_of_month(year, fixed.month)
        day = min(first + timedelta(days=fixed.day - 1), last)
        if day >= earliest:
            return day
    raise AssertionError("a fixed date comes once a year")


def _last_of_month(year: int, month: int) -> date:
    return add_months(date(year, month, 1), 1) - _DAY
