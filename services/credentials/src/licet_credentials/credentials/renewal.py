"""The dates of a renewal, and the rule that gave each."""

from dataclasses import dataclass
from datetime import date, timedelta

from licet_chassis.errors import Conflict, Invalid
from licet_credentials.credentials.dates import require_later, require_order, require_usual
from licet_credentials.credentials.ends import (
    counted_from,
    next_birth_anchor,
    next_fixed_date,
    required_birth_date,
    validity_for,
    whole_period_from,
)
from licet_credentials.credentials.terms import Term
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import LateRenewal, RenewalBasis
from licet_events.civil import END_OF_DAY, end_of_month
from licet_events.credentials import Expiry

_DAY = timedelta(days=1)
EXPLICIT = "explicit"
"""Name of the rule for a date that the caller gave."""
_AFTER_EXPIRY = "day_after_expiry"
_COMPLETED = "completed_on"
_NAMED_RULES = {
    RenewalBasis.FROM_EXPIRY: LateRenewal.FROM_EXPIRY,
    RenewalBasis.FROM_COMPLETION: LateRenewal.FROM_COMPLETION,
}


@dataclass(frozen=True, slots=True)
class RenewalRequest:
    """A requested renewal; dates that are left out follow from the type's rules."""

    expires_on: date | None = None
    mode: RenewalBasis | None = None
    valid_from: date | None = None
    completed_on: date | None = None
    force: bool = False
    reason: str | None = None
    month_only: bool = False
    """Whether the document prints only the month of `expires_on`."""
    unusual: bool = False
    """Whether an expiry more than three validities ahead is what the document says."""
    at_any_time: bool = False
    """Whether the renewal window does not count: when to recertify is the rule of a programme."""


@dataclass(frozen=True, slots=True)
class RenewalDates:
    """Dates of the new term, and the rule that gave each."""

    valid_from: date
    valid_from_rule: str
    expires_on: date
    expires_on_rule: str
    late_days: int = 0
    """Days from the old expiry to the completion; 0 if it was completed in time."""
    late_renewal: LateRenewal | None = None
    """The rule that a late renewal followed; `None` if it was completed in time."""
    month_only: bool = False
    """Whether only the month of `expires_on` is known."""
    end_of_month: bool = False
    """Whether the date that the rule gave was moved to the end of its month."""


@dataclass(frozen=True, slots=True)
class _Renewal:
    """What the dates of a renewal follow from."""

    before: Term
    rules: CredentialType
    request: RenewalRequest
    completed: date
    born: date | None

    @property
    def late_days(self) -> int:
        """Days from the expiry to the completion; 0 if it was completed in time or the expiry is unknown."""
        ended = self.before.last_day
        return 0 if ended is None else max(0, (self.completed - ended).days)

    @property
    def late_renewal(self) -> LateRenewal | None:
        """The rule for a late renewal that applies; `None` if it was completed in time.

        The caller's mode wins over the type's rule, unless the type refuses.
        """
        if not self.late_days:
            return None
        if self.rules.late_renewal is not LateRenewal.REFUSED and self.request.mode in _NAMED_RULES:
            return _NAMED_RULES[self.request.mode]
        if self.rules.late_renewal is not LateRenewal.FROM_EXPIRY:
            return self.rules.late_renewal
        back_dated = self.late_days <= (self.rules.late_renewal_days or 0)
        return LateRenewal.FROM_EXPIRY if back_dated else LateRenewal.FROM_COMPLETION

    @property
    def start(self) -> tuple[date, str]:
        """The day after the expiry, or the day of completion if a lapse stays; and the rule."""
        ended = self.before.last_day
        if ended is None or self.late_renewal is LateRenewal.FROM_COMPLETION:
            return self.completed, _COMPLETED
        return ended + _DAY, _AFTER_EXPIRY


def renewal_dates(
    before: Term, rules: CredentialType, request: RenewalRequest, today: date, born: date | None = None
) -> RenewalDates:
    """Decide the dates of the term that follows `before`; `today` is in its zone.

    An explicit date wins; else the caller's mode, else the type's basis or birth anchor, else `from_expiry`
    until the expiry and `from_completion` after it. What was completed after the expiry follows the type's
    `late_renewal`; what was completed before and is entered after it was in time. `born` is the holder's date
    of birth. Raises `Conflict` before the window opens, unless forced with a reason, and for a late renewal
    that the type refuses; `Invalid` for a term that does not both start and end later than `before`.
    """
    _require_window(before, rules, request, today)
    renewal = _Renewal(before, rules, request, request.completed_on or today, born)
    if renewal.late_renewal is LateRenewal.REFUSED:
        raise Conflict(
            f"The credential ended on {before.expires_on}, and the type {rules.code} takes no renewal after "
            "the expiry: record the new credential as one of its own."
        )
    dates = _dates(renewal)
    require_later(
        before,
        starts=dates.valid_from,
        ends=dates.expires_on,
        start_rule=f" ({dates.valid_from_rule})",
        end_rule=f" ({dates.expires_on_rule})",
    )
    require_order(dates.valid_from, dates.expires_on, END_OF_DAY if dates.month_only else rules.ending)
    require_usual(dates.expires_on, rules.longest_validity, today, unusual=request.unusual)
    return dates


def _require_window(before: Term, rules: CredentialType, request: RenewalRequest, today: date) -> None:
    if before.expiry is Expiry.NEVER:
        raise Conflict("The credential never expires, so there is nothing to renew.")
    if request.at_any_time or rules.renewal_window_days is None or before.last_day is None:
        return
    opens = before.last_day - rules.renewal_window_days * _DAY
    if today >= opens:
        return
    require_force(
        request,
        f"The renewal window opens on {opens}, {rules.renewal_window_days} days before expiry. "
        "To renew earlier, send force with a reason.",
    )


def leaves_lapse(before: Term, valid_from: date | None) -> bool:
    """Return whether a term with this known start leaves days without any term after `before`."""
    return before.last_day is not None and valid_from is not None and valid_from > before.last_day + _DAY


def require_force(request: RenewalRequest, detail: str) -> None:
    """Raise `Conflict` unless the renewal is forced, and `Invalid` if it is forced without a reason."""
    if not request.force:
        raise Conflict(detail)
    if not request.reason:
        raise Invalid("A forced renewal needs a reason.", pointer="/reason")


def _dates(renewal: _Renewal) -> RenewalDates:
    if renewal.request.expires_on is not None:
        (start, start_rule), end, rule = renewal.start, renewal.request.expires_on, EXPLICIT
        by_rule, month_only = end, renewal.request.month_only
    else:
        (start, start_rule), by_rule, rule = _by_rule(renewal)
        # What is counted from a month is known to the month.
        month_only = renewal.before.month_only and rule == RenewalBasis.FROM_EXPIRY
        end = end_of_month(by_rule) if month_only else renewal.rules.end_by_rule(by_rule)
    if renewal.request.valid_from is not None:
        start, start_rule = renewal.request.valid_from, EXPLICIT
    return RenewalDates(
        start, start_rule, end, rule, renewal.late_days, renewal.late_renewal, month_only, end != by_rule
    )


def _by_rule(renewal: _Renewal) -> tuple[tuple[date, str], date, str]:
    """Return the first day with its rule, and the date to be printed with its rule."""
    before, rules, completed = renewal.before, renewal.rules, renewal.completed
    basis = renewal.request.mode or rules.renewal_basis
    if basis is None and rules.birth_anchor is not None:
        born = required_birth_date(rules, renewal.born)
        end = next_birth_anchor(rules.birth_anchor, born, _last_day_before(renewal))
        return renewal.start, end, rules.birth_anchor.at.value
    if basis is RenewalBasis.FIXED_DATE:
        if rules.fixed_date is None:
            raise Invalid("The credential type declares no fixed date; give expires_on.", pointer="/mode")
        return renewal.start, next_fixed_date(rules.fixed_date, _last_day_before(renewal)), basis.value
    validity = validity_for(rules, completed, renewal.born)
    in_time = before.expires_on is not None and renewal.late_renewal is not LateRenewal.FROM_COMPLETION
    if basis is None:
        basis = RenewalBasis.FROM_EXPIRY if in_time else RenewalBasis.FROM_COMPLETION
    if basis is RenewalBasis.FROM_COMPLETION:
        end = counted_from(completed, validity, month_end=rules.month_end, before=before)
        return (completed, _COMPLETED), end, basis.value
    if before.expires_on is None:
        raise Invalid("The expiry of the term before is unknown; give expires_on.", pointer="/expires_on")
    if in_time:
        end = counted_from(before.expires_on, validity, month_end=rules.month_end, before=before)
        return renewal.start, end, basis.value
    # Terms of this basis are whole periods, from the day after an expiry; so is the one after a lapse.
    end = rules.ending.printed(whole_period_from(completed, validity))
    return renewal.start, end, RenewalBasis.FROM_COMPLETION.value


def _last_day_before(renewal: _Renewal) -> date:
    """Return the day from which the months of an anchor's minimum count."""
    start, rule = renewal.start
    if renewal.request.valid_from is not None:
        start = renewal.request.valid_from
    elif rule == _AFTER_EXPIRY:
        start -= _DAY
    return max(start, renewal.before.last_day or start)
