"""Facts of a credential other than terms and flags: the newest row decides."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from licet_chassis.errors import Invalid
from licet_credentials.credentials.change import Change
from licet_credentials.credentials.dates import require_issued
from licet_credentials.credentials.model import Credential
from licet_credentials.imports.deciding.attributes import attributes_of
from licet_credentials.imports.deciding.matching import MatchingState
from licet_credentials.imports.formats.cells import CellFormats
from licet_credentials.imports.model import RowOutcome
from licet_credentials.imports.rows import OnChange, SourceRow, facts_that_differ, newest, rank_of
from licet_credentials.types.attributes import merged_attributes
from licet_credentials.types.model import CredentialType
from licet_events.civil import local_date
from licet_events.credentials import CredentialUpdated


def rows_that_agree(
    rows: Sequence[SourceRow], existing: Credential, rules: CredentialType, matching: MatchingState
) -> list[SourceRow]:
    """Return the rows; with `on_change` reject, without those whose facts differ from the record."""
    left = list(rows)
    while left and matching.rules.on_change is OnChange.REJECT:
        top = newest(left)
        differing = _changed_facts(top, existing, rules, matching.rules.formats)
        if not differing:
            break
        left.remove(top)
        present = ", ".join(f"{name} {getattr(existing, name)!r}" for name in sorted(differing))
        matching.reject(
            top,
            matching.rules.columns.number,
            top.credential.number or "",
            f"the credential is recorded with {present}; the mapping has credential.on_change reject",
        )
    return left


def rows_issued_in_time(
    rows: Sequence[SourceRow], existing: Credential | None, zone: str, matching: MatchingState, now: datetime
) -> list[SourceRow]:
    """Return the rows without those that would record a document as issued after today.

    A document that was issued after its end is taken: inventories have such, where an authority was late.
    """
    left = []
    for row in rows:
        issued_on = dict(row.credential.facts).get("issued_on")
        if existing is None or issued_on != existing.issued_on:
            try:
                require_issued(issued_on, None, local_date(now, row.credential.time_zone or zone))
            except Invalid as error:
                matching.reject(row, matching.rules.columns.issued_on, str(issued_on), error.detail)
                continue
        left.append(row)
    return left


def _changed_facts(
    top: SourceRow, existing: Credential, rules: CredentialType, formats: CellFormats
) -> Mapping[str, Any]:
    """Return the facts that a row changes; a row older than the newest recorded term changes none."""
    ranks = [rank_of(t.valid_from, t.expires_on, t.source_key) for t in existing.terms if t.source_key]
    recorded = max(ranks, default=None)
    if recorded is not None and top.rank < recorded and top.term.key != recorded[2]:
        return {}
    differing = dict(facts_that_differ(top.credential.facts, existing))
    if top.credential.attributes:
        merged = merged_attributes(rules.attributes, existing.attributes, attributes_of(top, rules, formats))
        if merged != existing.attributes:
            differing["attributes"] = merged
    return differing


def apply_facts(
    change: Change,
    existing: Credential,
    rows: Sequence[SourceRow],
    rules: CredentialType,
    matching: MatchingState,
    now: datetime,
) -> Change:
    """Apply the facts of the newest row that differ, unless `on_change` is keep."""
    top = newest(rows)
    facts = _changed_facts(top, existing, rules, matching.rules.formats)
    if not facts or matching.rules.on_change is OnChange.KEEP:
        return change
    if matching.results[top.line].outcome is RowOutcome.UNCHANGED:
        matching.record(top, RowOutcome.UPDATED)
    after = replace(change.credential, **facts)
    return change.emit(
        after, now, lambda state: CredentialUpdated(credential=state, changed=tuple(sorted(facts)))
    )
