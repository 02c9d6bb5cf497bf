"""Matching rows with recorded terms: the same, a correction, or a new one."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from licet_chassis.errors import Invalid
from licet_credentials.credentials.change import Change
from licet_credentials.credentials.corrections import with_term_among
from licet_credentials.credentials.dates import decide_expiry, require_order, require_usual
from licet_credentials.credentials.renewal import EXPLICIT, leaves_lapse
from licet_credentials.credentials.steps import with_new_term
from licet_credentials.credentials.terms import Term, term_of
from licet_credentials.imports.deciding.matching import MatchingRules, MatchingState
from licet_credentials.imports.model import IMPORTED, RowOutcome
from licet_credentials.imports.rows import OnTermChange, SourceRow, TermInput
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import LateRenewal
from licet_events.civil import local_date
from licet_events.credentials import Expiry
from licet_events.ids import uuid7

MOST_TERMS = 1_000
"""Most terms of one credential: its whole state has to fit into one event."""


def match_terms(
    rows: Sequence[SourceRow],
    terms: Sequence[Term],
    rules: CredentialType,
    time_zone: str,
    matching: MatchingState,
    now: datetime,
) -> None:
    """Match each row with a recorded term by its key, or add a new term."""
    recorded: dict[str, list[Term]] = {}
    for term in terms:
        recorded.setdefault(term.source_key or "", []).append(term)
    by_hand = {_dates(term) for term in recorded.pop("", ())}
    seen: dict[str, set[_Dates]] = {}
    for row in sorted(rows, key=lambda row: (row.rank, row.line)):
        key = row.term.key
        term = _term_of(row.term, row.credential.time_zone or time_zone, rules, matching.rules, now)
        dates, known, others = _dates(term), recorded.get(key, []), seen.setdefault(key, set())
        if dates in others or any(_dates(each) == dates for each in known):
            matching.record(row, RowOutcome.UNCHANGED)
        elif dates in by_hand and not known and not others:
            matching.record(row, RowOutcome.UNCHANGED)  # entered by hand: it is the same term
        elif not _accept_dates(row, term, rules, matching, now):
            continue
        elif known or others:
            if not _accept_difference(row, term, known, others, matching):
                continue
        else:
            matching.record(row, RowOutcome.CREATED)
            matching.added.append((row, term))
        others.add(dates)
    if len(terms) + len(matching.added) > MOST_TERMS:
        for row, _ in matching.added:
            detail = f"would be one of more than {MOST_TERMS:,} terms of one credential"
            matching.reject(row, *_key_cell(row, matching), detail)
        matching.added.clear()


def _accept_dates(
    row: SourceRow, term: Term, rules: CredentialType, matching: MatchingState, now: datetime
) -> bool:
    """Reject a row whose dates contradict one another or are likely mistyped; return whether it stays.

    Dates that are recorded were accepted once, and are no question any more.
    """
    today = local_date(now, term.time_zone)
    try:
        require_order(term.valid_from, term.expires_on, term.ending)
        require_usual(term.expires_on, rules.longest_validity, today, unusual=matching.rules.unusual)
    except Invalid as error:
        column = matching.rules.columns.expires_on
        matching.reject(row, column, str(term.expires_on), _for_mappings(error.detail))
        return False
    return True


def _for_mappings(detail: str) -> str:
    return detail.replace('send "unusual": true', "declare term.unusual = true in the mapping")


def _accept_difference(
    row: SourceRow, term: Term, known: Sequence[Term], others: "set[_Dates]", matching: MatchingState
) -> bool:
    """Handle a row whose key has other dates by `on_change`; returns whether its dates are used."""
    on_change, dates = matching.rules.on_term_change, _dates(term)
    contradicting = others - {_dates(each) for each in known}
    if on_change is OnTermChange.RENEW:
        matching.record(row, RowOutcome.CREATED)
        matching.added.append((row, term))
        return True
    if contradicting:
        detail = f"another row says {_describe(min(contradicting, key=repr))} under this key"
        matching.reject(row, *_key_cell(row, matching), detail)
    elif on_change is OnTermChange.KEEP:
        matching.record(row, RowOutcome.UNCHANGED)
    elif on_change is OnTermChange.REJECT:
        recorded = _describe(_dates(known[0]))
        detail = f"the term is recorded {recorded}, the row says {_describe(dates)}; term.on_change is reject"
        matching.reject(row, *_key_cell(row, matching), detail)
    else:
        matching.record(row, RowOutcome.CORRECTED)
        matching.corrections.append((row, known[0]))
        return True
    return False


_Dates = tuple[Any, Any, Expiry]


def _dates(term: Term) -> _Dates:
    return term.valid_from, term.expires_on, term.expiry


def _describe(dates: _Dates) -> str:
    start, end, expiry = dates
    return f"from {start or 'an unknown day'} to {end or expiry.value}"


def _key_cell(row: SourceRow, matching: MatchingState) -> tuple[str, str]:
    return matching.rules.columns.key, row.term.key


def _term_of(
    given: TermInput, time_zone: str, rules: CredentialType, matching_rules: MatchingRules, now: datetime
) -> Term:
    return term_of(
        uuid7(),
        valid_from=given.valid_from,
        expires_on=given.expires_on,
        month_only=given.month_only,
        ending=rules.ending,
        expiry=decide_expiry(
            Expiry.NEVER if given.never else None, given.expires_on, type_expires=rules.expires
        ),
        time_zone=time_zone,
        recorded_at=now,
        announce_reached=matching_rules.announce_reached,
        source_key=given.key,
    )


def corrected_fields(row: SourceRow) -> Mapping[str, Any]:
    """Return the dates of a row as the fields of a correction."""
    given = row.term
    expiry = Expiry.NEVER if given.never else Expiry.DATED if given.expires_on else Expiry.UNKNOWN
    dates: dict[str, Any] = {"valid_from": given.valid_from, "expires_on": given.expires_on, "expiry": expiry}
    if given.month_only and given.expires_on is not None:
        dates["expires_on_month"] = f"{given.expires_on:%Y-%m}"
    return dates


def apply_term(
    change: Change, row: SourceRow, term: Term, rules: CredentialType, matching: MatchingState, now: datetime
) -> Change:
    """Apply a new term: after the last term as a renewal, else inserted where its dates belong.

    A row that would renew after a lapse is rejected if the type takes no late renewal. Its other rules for
    late renewals decide dates, and a row has its own.
    """
    before = change.credential
    last = before.last_term
    later = term.first_day > last.first_day and (
        last.expires_on is not None and (term.expires_on is None or term.expires_on > last.expires_on)
    )
    if later and rules.late_renewal is LateRenewal.REFUSED and leaves_lapse(last, term.valid_from):
        detail = (
            f"starts on {term.valid_from}, after the end on {last.expires_on}; the type {rules.code} takes "
            "no renewal after the expiry, so the row needs a credential of its own"
        )
        matching.reject(row, *_key_cell(row, matching), detail)
        return change
    if later:
        matching.record(row, RowOutcome.RENEWED)
        return with_new_term(change, replace(term, previous_term_id=last.id), EXPLICIT, now)
    matching.record(row, RowOutcome.ADDED)
    return with_term_among(change, term, IMPORTED, now)
