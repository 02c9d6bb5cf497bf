"""What rows change about a credential beside its terms and flags: the newest row's facts hold."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from licet_credentials.credentials.change import Change
from licet_credentials.credentials.model import Credential
from licet_credentials.imports.attributes import attributes_of
from licet_credentials.imports.model import OnChange, Outcome, SourceRow, facts_that_differ, newest, rank_of
from licet_credentials.imports.sorting import Sorting
from licet_credentials.types.attributes import merged_attributes
from licet_credentials.types.model import CredentialType
from licet_events.credentials import CredentialUpdated


def agreeing_rows(
    rows: Sequence[SourceRow], existing: Credential, rules: CredentialType, work: Sorting
) -> list[SourceRow]:
    """Return the rows, where the mapping wants it so without those that say otherwise than recorded."""
    left = list(rows)
    while left and work.ruling.on_change is OnChange.REJECT:
        top = newest(left)
        differing = _new_facts(top, existing, rules)
        if not differing:
            break
        left.remove(top)
        told = ", ".join(f"{name} {getattr(existing, name)!r}" for name in sorted(differing))
        work.reject(
            top,
            work.ruling.columns.number,
            top.credential.number or "",
            f"the credential is recorded with {told}; the mapping has credential.on_change reject",
        )
    return left


def _new_facts(top: SourceRow, existing: Credential, rules: CredentialType) -> Mapping[str, Any]:
    """Return the facts that a row changes; an older row than what is recorded changes none."""
    ranks = [rank_of(t.valid_from, t.expires_on, t.source_key) for t in existing.terms if t.source_key]
    recorded = max(ranks, default=None)
    if recorded is not None and top.rank < recorded and top.term.key != recorded[2]:
        return {}
    differing = dict(facts_that_differ(top.credential.facts, existing))
    if top.credential.attributes:
        merged = merged_attributes(rules.attributes, existing.attributes, attributes_of(top, rules))
        if merged != existing.attributes:
            differing["attributes"] = merged
    return differing


def with_facts(
    change: Change,
    existing: Credential,
    rows: Sequence[SourceRow],
    rules: CredentialType,
    work: Sorting,
    now: datetime,
) -> Change:
    """Return the change with the facts of the newest row, where they differ and the mapping wants them."""
    top = newest(rows)
    said = _new_facts(top, existing, rules)
    if not said or work.ruling.on_change is OnChange.KEEP:
        return change
    if work.results[top.line].outcome is Outcome.UNCHANGED:
        work.told(top, Outcome.UPDATED)
    after = replace(change.credential, **said)
    return change.tell(
        after, now, lambda state: CredentialUpdated(credential=state, changed=tuple(sorted(said)))
    )
