"""What the rows of one credential come to: recorded, renewed, corrected, updated, or left as it is.

The order of rows in a file never matters, nor that of files: rows and recorded terms are told older from
newer by their ranks, and facts are those of the newest.
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
from licet_credentials.imports.attributes import attributes_of, good_rows
from licet_credentials.imports.facts import agreeing_rows, with_facts
from licet_credentials.imports.flags import match_flags, new_flags, with_new_flags
from licet_credentials.imports.model import Outcome, RowResult, SourceRow, newest
from licet_credentials.imports.sorting import IMPORTED, Ruling, Sorting
from licet_credentials.imports.terms import match_terms, right_term, with_term
from licet_credentials.types.model import CredentialType
from licet_events.credentials import Origin


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with one credential."""

    change: Change | None
    """The credential and its events; `None` where nothing is to be done."""
    results: tuple[RowResult, ...]
    accepted: tuple[SourceRow, ...]
    """The rows that were not rejected."""
    added: tuple[UUID, ...] = ()
    """The terms that are new."""
    more: bool = False
    """Whether a credential that was there before gets more than new terms."""


def plan_credential(
    rows: Sequence[SourceRow],
    existing: Credential | None,
    rules: CredentialType,
    facts: CredentialFacts,
    time_zone: str,
    ruling: Ruling,
    now: datetime,
) -> Plan:
    """Decide what the rows of one credential come to.

    `facts` has whose it is and the number; the rest of what the rows say about it is the newest row's.
    `time_zone` is that of terms whose rows name none.
    """
    work = Sorting(ruling)
    rows = good_rows(rows, rules, work)
    if existing is None:
        return _recorded(rows, rules, facts, time_zone, work, now)
    return _changed(rows, existing, rules, time_zone, work, now)


def _recorded(
    rows: Sequence[SourceRow],
    rules: CredentialType,
    facts: CredentialFacts,
    time_zone: str,
    work: Sorting,
    now: datetime,
) -> Plan:
    if rules.retired:
        for row in rows:
            work.reject(
                row,
                work.ruling.columns.type,
                row.credential.type_code,
                "is a type that is retired; nothing new is recorded under it",
            )
        rows = ()
    rows = match_flags(rows, (), time_zone, work)
    match_terms(rows, (), rules, time_zone, work, now)
    accepted = work.accepted(rows)
    if not accepted:
        return Plan(None, tuple(work.results.values()), ())
    top = newest(accepted)
    said = replace(facts, attributes=attributes_of(top, rules), **dict(top.credential.facts))
    terms = [term for _, term in work.added]
    change = new_credential(said, rules, terms, new_flags(work), Origin.IMPORT, now)
    return Plan(change, tuple(work.results.values()), accepted, tuple(term.id for term in terms))


def _changed(
    rows: Sequence[SourceRow],
    existing: Credential,
    rules: CredentialType,
    time_zone: str,
    work: Sorting,
    now: datetime,
) -> Plan:
    rows = agreeing_rows(rows, existing, rules, work)
    rows = match_flags(rows, existing.flags, time_zone, work)
    match_terms(rows, existing.terms, rules, time_zone, work, now)
    settled = settle(existing, now)
    corrected = change = _corrected(settled, rules, work, now)
    added = [(row, term) for row, term in work.added if work.holds(row)]
    for row, term in added:
        change = with_term(change, row, term, work, now)
    with_terms = change
    accepted = work.accepted(rows)
    if accepted:
        change = with_facts(change, existing, accepted, rules, work, now)
        change = with_new_flags(change, work, now)
    results = tuple(work.results.values())
    if change.events == settled.events:
        return Plan(None, results, accepted)
    more = corrected.events != settled.events or change.events != with_terms.events
    change = announce(change, now, reason=IMPORTED, actor=work.ruling.actor)
    return Plan(change, results, accepted, tuple(term.id for _, term in added), more)


def _corrected(change: Change, rules: CredentialType, work: Sorting, now: datetime) -> Change:
    """Return the change with what rows put right, all of a row or, where it can't be, nothing."""
    terms = {row.line: (row, term) for row, term in work.corrections}
    flags = {row.line: (row, flag, right) for row, flag, right in work.flag_corrections if work.holds(row)}
    for line in sorted(terms.keys() | flags.keys()):
        correction = Correction(IMPORTED)
        if line in terms:
            row, term = terms[line]
            correction = replace(correction, term_id=term.id, term=right_term(row))
        if line in flags:
            row, flag, right = flags[line]
            correction = replace(correction, flag_id=flag.id, flag=right)
        try:
            change = correct(change, correction, now, was=rules, rules=rules, actor=work.ruling.actor)
        except Refused as error:
            columns = work.ruling.columns
            work.reject(row, columns.key if line in terms else columns.flag, row.term.key, error.detail)
        else:
            if work.results[line].outcome is Outcome.UNCHANGED:
                work.told(row, Outcome.CORRECTED)
    return change
