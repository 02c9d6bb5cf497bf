"""What the rows of one credential come to: recorded, renewed, corrected, updated, or left as it is.

The order of rows in a file never matters, nor that of files: rows and recorded terms are told older from
newer by their ranks, and facts are those of the newest.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_credentials.credentials.change import Change, announce, settle
from licet_credentials.credentials.corrections import Correction, correct, with_term_among
from licet_credentials.credentials.dates import decide_expiry, ending
from licet_credentials.credentials.model import Credential, CredentialFacts, Flag
from licet_credentials.credentials.renewal import EXPLICIT
from licet_credentials.credentials.steps import new_credential, with_flags, with_new_term
from licet_credentials.credentials.terms import Term, term_of
from licet_credentials.errors import Invalid, Refused
from licet_credentials.imports.model import (
    Columns,
    OnChange,
    OnTermChange,
    Outcome,
    RowError,
    RowResult,
    SourceRow,
    TermSaid,
    facts_that_differ,
    newest,
    rank_of,
)
from licet_credentials.types.attributes import attribute_from_text, checked_attributes, merged_attributes
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import AttributeValue
from licet_events.civil import starts_at
from licet_events.credentials import CredentialUpdated, Expiry, FlagKind, Origin
from licet_events.ids import uuid7

IMPORTED = "imported"
"""The reason code of what an import changes."""

MOST_TERMS = 1_000
"""Of one credential: its state goes into one event."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """How the mapping wants it."""

    on_change: OnChange
    on_term_change: OnTermChange
    announce_reached: bool
    columns: Columns
    actor: str


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


@dataclass
class _Work:
    """The rows of one credential while it is decided what they come to."""

    ruling: Ruling
    results: dict[int, RowResult] = field(default_factory=dict)
    added: list[tuple[SourceRow, Term]] = field(default_factory=list)
    corrections: list[tuple[SourceRow, Term]] = field(default_factory=list)

    def told(self, row: SourceRow, outcome: Outcome) -> None:
        self.results[row.line] = RowResult(row.line, outcome)

    def reject(self, row: SourceRow, column: str, value: str, detail: str) -> None:
        self.results[row.line] = RowResult(row.line, Outcome.REJECTED, (RowError(column, value, detail),))

    def accepted(self, rows: Sequence[SourceRow]) -> tuple[SourceRow, ...]:
        return tuple(row for row in rows if self.results[row.line].outcome is not Outcome.REJECTED)


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
    work = _Work(ruling)
    rows = _with_good_attributes(rows, rules, work)
    if existing is None:
        return _recorded(rows, rules, facts, time_zone, work, now)
    return _changed(rows, existing, rules, time_zone, work, now)


def _recorded(
    rows: Sequence[SourceRow],
    rules: CredentialType,
    facts: CredentialFacts,
    time_zone: str,
    work: _Work,
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
    _match_terms(rows, (), rules, time_zone, work, now)
    accepted = work.accepted(rows)
    if not accepted:
        return Plan(None, tuple(work.results.values()), ())
    top = newest(accepted)
    said = replace(facts, attributes=_attributes(top, rules), **dict(top.credential.facts))
    terms = [term for _, term in work.added]
    flags = _flags(accepted, time_zone)
    change = new_credential(said, rules, terms, flags, Origin.IMPORT, now)
    return Plan(change, tuple(work.results.values()), accepted, tuple(term.id for term in terms))


def _changed(
    rows: Sequence[SourceRow],
    existing: Credential,
    rules: CredentialType,
    time_zone: str,
    work: _Work,
    now: datetime,
) -> Plan:
    rows = _with_agreeing_facts(rows, existing, rules, work)
    _match_terms(rows, existing.terms, rules, time_zone, work, now)
    settled = settle(existing, now)
    change = settled
    for row, term in work.corrections:
        change = _corrected(change, row, term, rules, work, now)
    corrected = change
    for row, term in work.added:
        change = _with_term(change, row, term, work, now)
    with_terms = change
    accepted = work.accepted(rows)
    if accepted:
        change = _with_facts(change, existing, accepted, rules, work, now)
        change = _with_flags(change, accepted, time_zone, work, now)
    results = tuple(work.results.values())
    if change.events == settled.events:
        return Plan(None, results, accepted)
    more = corrected.events != settled.events or change.events != with_terms.events
    change = announce(change, now, reason=IMPORTED, actor=work.ruling.actor)
    return Plan(change, results, accepted, tuple(term.id for _, term in work.added), more)


def _match_terms(
    rows: Sequence[SourceRow],
    terms: Sequence[Term],
    rules: CredentialType,
    time_zone: str,
    work: _Work,
    now: datetime,
) -> None:
    """Find for each row the term that it is about, or that it is a new one."""
    recorded: dict[str, list[Term]] = {}
    for term in terms:
        recorded.setdefault(term.source_key or "", []).append(term)
    by_hand = {_dates(term) for term in recorded.pop("", ())}
    said: dict[str, set[_Dates]] = {}
    for row in sorted(rows, key=lambda row: (row.rank, row.line)):
        key = row.term.key
        term = _term(row.term, row.credential.time_zone or time_zone, rules, work.ruling, now)
        dates, known, others = _dates(term), recorded.get(key, []), said.setdefault(key, set())
        if dates in others or any(_dates(each) == dates for each in known):
            work.told(row, Outcome.UNCHANGED)
        elif known or others:
            if not _differs(row, term, known, others, work):
                continue
        elif dates in by_hand:
            work.told(row, Outcome.UNCHANGED)  # somebody entered it; it is this one
        else:
            work.told(row, Outcome.CREATED)
            work.added.append((row, term))
        others.add(dates)
    if len(terms) + len(work.added) > MOST_TERMS:
        for row, _ in work.added:
            detail = f"would be one of more than {MOST_TERMS:,} terms of one credential"
            work.reject(row, *_key(row, work), detail)
        work.added.clear()


def _differs(row: SourceRow, term: Term, known: Sequence[Term], others: "set[_Dates]", work: _Work) -> bool:
    """Do what the mapping wants where a key has other dates; returns whether the row's dates hold."""
    on_change, dates = work.ruling.on_term_change, _dates(term)
    contradicting = others - {_dates(each) for each in known}
    if on_change is OnTermChange.RENEW:
        work.told(row, Outcome.CREATED)
        work.added.append((row, term))
        return True
    if contradicting:
        detail = f"another row says {_spoken(min(contradicting, key=repr))} under this key"
        work.reject(row, *_key(row, work), detail)
    elif on_change is OnTermChange.KEEP:
        work.told(row, Outcome.UNCHANGED)
    elif on_change is OnTermChange.REJECT:
        recorded = _spoken(_dates(known[0]))
        detail = f"the term is recorded {recorded}, the row says {_spoken(dates)}; term.on_change is reject"
        work.reject(row, *_key(row, work), detail)
    else:
        work.told(row, Outcome.CORRECTED)
        work.corrections.append((row, known[0]))
        return True
    return False


_Dates = tuple[Any, Any, Expiry]


def _dates(term: Term) -> _Dates:
    return term.valid_from, term.expires_on, term.expiry


def _spoken(dates: _Dates) -> str:
    start, end, expiry = dates
    return f"from {start or 'an unknown day'} to {end or expiry.value}"


def _key(row: SourceRow, work: _Work) -> tuple[str, str]:
    return work.ruling.columns.key, row.term.key


def _term(said: TermSaid, time_zone: str, rules: CredentialType, ruling: Ruling, now: datetime) -> Term:
    return term_of(
        uuid7(),
        valid_from=said.valid_from,
        expires_on=said.expires_on,
        expiry=decide_expiry(
            Expiry.NEVER if said.never else None, said.expires_on, type_expires=rules.expires
        ),
        time_zone=time_zone,
        recorded_at=now,
        announce_reached=ruling.announce_reached,
        source_key=said.key,
    )


def _corrected(
    change: Change, row: SourceRow, term: Term, rules: CredentialType, work: _Work, now: datetime
) -> Change:
    said = row.term
    expiry = Expiry.NEVER if said.never else Expiry.DATED if said.expires_on else Expiry.UNKNOWN
    right: Mapping[str, Any] = {
        "valid_from": said.valid_from,
        "expires_on": said.expires_on,
        "expiry": expiry,
    }
    try:
        correction = Correction(IMPORTED, term_id=term.id, term=right)
        return correct(change, correction, now, was=rules, rules=rules, actor=work.ruling.actor)
    except Refused as error:
        work.reject(row, *_key(row, work), error.detail)
        return change


def _with_term(change: Change, row: SourceRow, term: Term, work: _Work, now: datetime) -> Change:
    before = change.credential
    last = before.last_term
    later = term.first_day > last.first_day and (
        last.expires_on is not None and (term.expires_on is None or term.expires_on > last.expires_on)
    )
    if later:
        work.told(row, Outcome.RENEWED)
        return with_new_term(change, replace(term, previous_term_id=last.id), EXPLICIT, now)
    work.told(row, Outcome.ADDED)
    return with_term_among(change, term, IMPORTED, now)


def _with_agreeing_facts(
    rows: Sequence[SourceRow], existing: Credential, rules: CredentialType, work: _Work
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
        merged = merged_attributes(rules.attributes, existing.attributes, _attributes(top, rules))
        if merged != existing.attributes:
            differing["attributes"] = merged
    return differing


def _with_facts(
    change: Change,
    existing: Credential,
    rows: Sequence[SourceRow],
    rules: CredentialType,
    work: _Work,
    now: datetime,
) -> Change:
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


def _with_flags(
    change: Change, rows: Sequence[SourceRow], time_zone: str, work: _Work, now: datetime
) -> Change:
    had = {(flag.kind, flag.effective_from) for flag in change.credential.flags}
    for flag in _flags(rows, time_zone):
        if (flag.kind, flag.effective_from) in had:
            continue
        after = replace(change.credential, flags=(*change.credential.flags, flag))
        change = with_flags(change, after, flag.reason, work.ruling.actor, now)
        for row in rows:
            if _flag_of(row, time_zone, flag) and work.results[row.line].outcome is Outcome.UNCHANGED:
                work.told(row, Outcome.UPDATED)
    return change


def _flag_of(row: SourceRow, time_zone: str, flag: Flag) -> bool:
    said = row.flag
    zone = row.credential.time_zone or time_zone
    return said is not None and (said.kind, starts_at(said.since, zone)) == (flag.kind, flag.effective_from)


def _flags(rows: Sequence[SourceRow], time_zone: str) -> tuple[Flag, ...]:
    """Return the flags that rows set, each once; of suspensions that overlap the first."""
    flags: dict[tuple[FlagKind, datetime], Flag] = {}
    for row in sorted(rows, key=lambda row: (repr(row.flag), row.line)):
        said = row.flag
        if said is None:
            continue
        zone = row.credential.time_zone or time_zone
        since = starts_at(said.since, zone)
        until = None if said.until is None else ending(said.until, zone)
        flags.setdefault((said.kind, since), Flag(uuid7(), said.kind, since, until, said.reason))
    return tuple(sorted(flags.values(), key=lambda flag: (flag.effective_from, flag.kind)))


def _with_good_attributes(rows: Sequence[SourceRow], rules: CredentialType, work: _Work) -> list[SourceRow]:
    """Return the rows whose attributes are what the type declares; the others are told, with each error."""
    if not rules.attributes and not any(row.credential.attributes for row in rows):
        return list(rows)
    good = []
    for row in rows:
        errors = _attribute_errors(row, rules, work.ruling.columns)
        if errors:
            work.results[row.line] = RowResult(row.line, Outcome.REJECTED, tuple(errors))
        else:
            good.append(row)
    return good


def _attribute_errors(row: SourceRow, rules: CredentialType, columns: Columns) -> list[RowError]:
    declared = {attribute.name: attribute for attribute in rules.attributes}
    errors: list[RowError] = []
    values: dict[str, AttributeValue] = {}
    for name, column, text in row.credential.attributes:
        try:
            if name not in declared:
                checked_attributes(rules.attributes, {name: text})
            values[name] = attribute_from_text(declared[name], text)
        except Invalid as error:
            errors.append(RowError(column, text, error.detail))
    if not errors:
        try:
            checked_attributes(rules.attributes, values)
        except Invalid as error:
            errors.append(RowError(columns.type, row.credential.type_code, error.detail))
    return errors


def _attributes(row: SourceRow, rules: CredentialType) -> Mapping[str, AttributeValue]:
    if not row.credential.attributes:
        return {}
    declared = {attribute.name: attribute for attribute in rules.attributes}
    return checked_attributes(
        rules.attributes,
        {name: attribute_from_text(declared[name], text) for name, _, text in row.credential.attributes},
    )
