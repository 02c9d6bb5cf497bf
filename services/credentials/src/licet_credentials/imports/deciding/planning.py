"""Planning the change of one credential from its rows: record, renew, correct, update, or leave unchanged.

The order of rows and of files never matters: ranks order rows and recorded terms by age, and the newest row
decides the facts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from licet_chassis.errors import Refused
from licet_credentials.credentials.change import Change, announce, settle
from licet_credentials.credentials.corrections import Correction, correct
from licet_credentials.credentials.model import Credential, CredentialFacts
from licet_credentials.credentials.steps import new_credential
from licet_credentials.imports.deciding.attributes import attributes_of, rows_with_valid_attributes
from licet_credentials.imports.deciding.facts import apply_facts, rows_issued_in_time, rows_that_agree
from licet_credentials.imports.deciding.flags import apply_new_flags, match_flags, new_flags
from licet_credentials.imports.deciding.matching import MatchingRules, MatchingState
from licet_credentials.imports.deciding.terms import apply_term, corrected_fields, match_terms
from licet_credentials.imports.model import IMPORTED, RowOutcome, RowResult
from licet_credentials.imports.rows import SourceRow, newest
from licet_credentials.types.model import CredentialType
from licet_events.credentials import Origin


@dataclass(frozen=True, slots=True)
class CredentialPlan:
    """The change of one credential, and the results of its rows."""

    change: Change | None
    """The credential and its events; `None` if nothing changes."""
    results: tuple[RowResult, ...]
    accepted: tuple[SourceRow, ...]
    """Rows that were not rejected."""
    added: tuple[UUID, ...] = ()
    """Ids of new terms."""
    more: bool = False
    """Whether an existing credential changes in more than new terms."""


def plan_credential(
    rows: Sequence[SourceRow],
    existing: Credential | None,
    rules: CredentialType,
    facts: CredentialFacts,
    time_zone: str,
    matching_rules: MatchingRules,
    now: datetime,
) -> CredentialPlan:
    """Plan the change of one credential from its rows.

    `facts` has the holder and the number; other facts are those of the newest row. `time_zone` is the zone of
    terms whose rows name none.
    """
    matching = MatchingState(matching_rules)
    rows = rows_with_valid_attributes(rows, rules, matching)
    rows = rows_issued_in_time(rows, existing, time_zone, matching, now)
    if existing is None:
        return _plan_new(rows, rules, facts, time_zone, matching, now)
    return _plan_changes(rows, existing, rules, time_zone, matching, now)


def _plan_new(
    rows: Sequence[SourceRow],
    rules: CredentialType,
    facts: CredentialFacts,
    time_zone: str,
    matching: MatchingState,
    now: datetime,
) -> CredentialPlan:
    if rules.retired:
        for row in rows:
            matching.reject(
                row,
                matching.rules.columns.type,
                row.credential.type_code,
                "is a retired type; no new credentials are recorded under it",
            )
        rows = ()
    rows = match_flags(rows, (), time_zone, matching)
    match_terms(rows, (), rules, time_zone, matching, now)
    accepted = matching.accepted(rows)
    if not accepted:
        return CredentialPlan(None, tuple(matching.results.values()), ())
    top = newest(accepted)
    facts = replace(
        facts, attributes=attributes_of(top, rules, matching.rules.formats), **dict(top.credential.facts)
    )
    terms = [term for _, term in matching.added]
    change = new_credential(facts, rules, terms, new_flags(matching), Origin.IMPORT, now)
    return CredentialPlan(
        change, tuple(matching.results.values()), accepted, tuple(term.id for term in terms)
    )


def _plan_changes(
    rows: Sequence[SourceRow],
    existing: Credential,
    rules: CredentialType,
    time_zone: str,
    matching: MatchingState,
    now: datetime,
) -> CredentialPlan:
    rows = rows_that_agree(rows, existing, rules, matching)
    rows = match_flags(rows, existing.flags, time_zone, matching)
    match_terms(rows, existing.terms, rules, time_zone, matching, now)
    settled = settle(existing, now)
    corrected = change = _apply_corrections(settled, rules, matching, now)
    added = [(row, term) for row, term in matching.added if matching.is_accepted(row)]
    for row, term in added:
        change = apply_term(change, row, term, rules, matching, now)
    added = [(row, term) for row, term in added if matching.is_accepted(row)]
    with_terms = change
    accepted = matching.accepted(rows)
    if accepted:
        change = apply_facts(change, existing, accepted, rules, matching, now)
        change = apply_new_flags(change, matching, now)
    results = tuple(matching.results.values())
    if change.events == settled.events:
        return CredentialPlan(None, results, accepted)
    more = corrected.events != settled.events or change.events != with_terms.events
    change = announce(change, now, reason=IMPORTED, actor=matching.rules.actor)
    return CredentialPlan(change, results, accepted, tuple(term.id for _, term in added), more)


def _apply_corrections(
    change: Change, rules: CredentialType, matching: MatchingState, now: datetime
) -> Change:
    """Apply the corrections of rows; a row whose correction is refused is rejected as a whole."""
    terms = {row.line: (row, term) for row, term in matching.corrections}
    flags = {
        row.line: (row, flag, right)
        for row, flag, right in matching.flag_corrections
        if matching.is_accepted(row)
    }
    for line in sorted(terms.keys() | flags.keys()):
        correction = Correction(IMPORTED, unusual=matching.rules.unusual)
        if line in terms:
            row, term = terms[line]
            correction = replace(correction, term_id=term.id, term=corrected_fields(row))
        if line in flags:
            row, flag, right = flags[line]
            correction = replace(correction, flag_id=flag.id, flag=right)
        try:
            change = correct(change, correction, now, was=rules, rules=rules, actor=matching.rules.actor)
        except Refused as error:
            columns = matching.rules.columns
            matching.reject(row, columns.key if line in terms else columns.flag, row.term.key, error.detail)
        else:
            if matching.results[line].outcome is RowOutcome.UNCHANGED:
                matching.record(row, RowOutcome.CORRECTED)
    return change
