"""Renewals that are refused because of what is already recorded: repetitions, and terms of the past."""

from collections.abc import Sequence
from datetime import date, datetime, timedelta

from licet_chassis.errors import Refused
from licet_credentials.credentials.renewal import RenewalRequest, renewal_dates, require_force
from licet_credentials.credentials.runs import runs_of
from licet_credentials.credentials.terms import Term, in_order
from licet_credentials.credentials.validity import validity
from licet_credentials.errors import AlreadyRenewed
from licet_credentials.types.model import CredentialType
from licet_events.civil import local_date
from licet_events.credentials import Validity

REPEATED_WITHIN = timedelta(minutes=1)
"""The same renewal again within this time is the same press of a button."""
_DAY = timedelta(days=1)


def require_not_renewed_yet(
    terms: Sequence[Term], rules: CredentialType, request: RenewalRequest, now: datetime, born: date | None
) -> None:
    """Raise `AlreadyRenewed` if the last term is what the request asks for.

    That is so if the same request made it within the last minute, or if it has no day behind it yet and its
    own renewal window is not open. Where the type has no window, only dates by rule count as the same; an
    explicit date is a further term. A forced renewal with a reason, or one at any time, may follow such a
    term.
    """
    last = terms[-1]
    if last.previous_term_id is None:
        return
    if _repeats(terms, rules, request, now, born):
        raise AlreadyRenewed(
            f"The same renewal made the term from {last.valid_from} to {last.expires_on} a moment ago.",
            _shown(last),
        )
    today = local_date(now, last.time_zone)
    forced = request.at_any_time or (request.force and request.reason is not None)
    if forced or today > last.first_day:
        return
    renewed = f"The credential is renewed already, by the term from {last.valid_from} to {last.expires_on}"
    if rules.renewal_window_days is None:
        if request.expires_on is None:
            raise AlreadyRenewed(
                f"{renewed}. To add a further term, give expires_on, or send force with a reason.",
                _shown(last),
            )
    elif last.last_day is not None:
        opens = last.last_day - rules.renewal_window_days * _DAY
        if today < opens:
            raise AlreadyRenewed(
                f"{renewed}, whose renewal window opens on {opens}. "
                "To renew earlier, send force with a reason.",
                _shown(last),
            )


def _repeats(
    terms: Sequence[Term], rules: CredentialType, request: RenewalRequest, now: datetime, born: date | None
) -> bool:
    """Return whether the same request, just before, led from the term before to the last one."""
    last = terms[-1]
    if now - last.recorded_at >= REPEATED_WITHIN or last.completed_on != request.completed_on:
        return False
    before = next((term for term in terms if term.id == last.previous_term_id), None)
    if before is None:
        return False
    try:
        dates = renewal_dates(before, rules, request, local_date(last.recorded_at, before.time_zone), born)
    except Refused:
        return False
    return (dates.valid_from, dates.expires_on) == (last.valid_from, last.expires_on)


def require_not_expired_after(
    terms: Sequence[Term], term: Term, request: RenewalRequest, now: datetime
) -> None:
    """Raise `Conflict` if the credential is expired with the new term too, unless it is forced."""
    runs = runs_of(in_order((*terms, term)), ())
    if validity(runs, (), now) is not Validity.EXPIRED:
        return
    if term.starts_at > now:
        why = f"begins only on {term.valid_from}, so the credential stays expired until then"
    else:
        why = f"from {term.valid_from} to {term.expires_on}, is over already, so the credential stays expired"
    require_force(request, f"The new term {why}. To record it all the same, send force with a reason.")


def _shown(term: Term) -> dict[str, object]:
    return {
        "id": term.id,
        "valid_from": term.valid_from,
        "expires_on": term.expires_on,
        "recorded_at": term.recorded_at,
        "completed_on": term.completed_on,
    }
