"""What the rows of a file mean for one credential: made, renewed, updated, or left as it is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from licet_credentials.credentials.change import Change, announce, settle
from licet_credentials.credentials.dates import decide_expiry
from licet_credentials.credentials.model import Credential, CredentialFacts, Flag, Term, term_of
from licet_credentials.credentials.renewal import EXPLICIT
from licet_credentials.credentials.steps import new_credential, with_flags, with_new_term
from licet_credentials.types.model import CredentialType
from licet_events.civil import starts_at
from licet_events.credentials import CredentialUpdated, FlagKind, Origin
from licet_events.ids import uuid7


class Outcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    RENEWED = "renewed"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class RowError:
    """What is wrong with a row: where, what it says, and what is allowed."""

    column: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class HolderSaid:
    """What a row says about its holder."""

    external_id: str
    name: str
    email: str | None
    phone: str | None
    team: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class CredentialSaid:
    """What a row says about its credential."""

    type_code: str
    type_name: str
    number: str
    name: str | None
    country: str | None
    subdivision: str | None
    issuer: str | None
    issued_on: date | None


@dataclass(frozen=True, slots=True)
class TermSaid:
    """What a row says about its term."""

    key: str
    key_column: str
    valid_from: date | None
    expires_on: date | None


@dataclass(frozen=True, slots=True)
class FlagSaid:
    """What a row says has happened to its credential."""

    kind: FlagKind
    reason: str
    since: date


@dataclass(frozen=True, slots=True)
class SourceRow:
    """One row of a file, read."""

    line: int
    holder: HolderSaid
    credential: CredentialSaid
    term: TermSaid
    flag: FlagSaid | None

    @property
    def latest(self) -> tuple[date, str]:
        """By what the latest of several rows is found, whatever their order in the file."""
        return self.term.expires_on or date.max, self.term.key


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row."""

    line: int
    outcome: Outcome
    errors: tuple[RowError, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be done with one credential."""

    change: Change | None
    """The credential and its events; `None` where nothing is to be done."""
    results: tuple[RowResult, ...]
    terms_added: int = 0


@dataclass(frozen=True, slots=True)
class Ruling:
    """How the mapping wants terms to be recorded."""

    time_zone: str
    announce_reached: bool
    actor: str


def plan_credential(
    rows: Sequence[SourceRow],
    existing: Credential | None,
    rules: CredentialType,
    facts: CredentialFacts,
    ruling: Ruling,
    now: datetime,
) -> Plan:
    """Decide what the rows of one credential come to, in any order of rows.

    A term that is recorded under its key already is left as it is; if the row says other dates, the row
    is rejected, since only a correction changes a term.
    """
    known = {term.source_key: term for term in existing.terms if term.source_key} if existing else {}
    results: dict[int, RowResult] = {}
    added: list[Term] = []
    for row in sorted(rows, key=lambda row: row.latest):
        before = known.get(row.term.key)
        if before is None:
            term = _term(row.term, ruling, rules, now)
            known[row.term.key] = term
            added.append(term)
            results[row.line] = RowResult(row.line, Outcome.RENEWED if existing else Outcome.CREATED)
        elif (before.valid_from, before.expires_on) == (row.term.valid_from, row.term.expires_on):
            results[row.line] = RowResult(row.line, Outcome.UNCHANGED)
        else:
            results[row.line] = _rejected(
                row,
                f"the term is recorded from {before.valid_from} to {before.expires_on}; correct it there",
            )
    flags = _flags(rows, ruling)
    if existing is None:
        return Plan(
            new_credential(facts, rules, added, flags, Origin.IMPORT, now),
            tuple(results.values()),
            len(added),
        )
    return _changed(existing, rows, added, flags, facts, ruling, results, now)


def _changed(
    existing: Credential,
    rows: Sequence[SourceRow],
    added: list[Term],
    flags: tuple[Flag, ...],
    facts: CredentialFacts,
    ruling: Ruling,
    results: dict[int, RowResult],
    now: datetime,
) -> Plan:
    line_of = {row.term.key: row for row in rows}
    settled = settle(existing, now)
    change = settled
    accepted = 0
    for term in added:
        last = change.credential.last_term
        later = (
            last.expires_on is not None
            and term.first_day > last.first_day
            and (term.expires_on is None or term.expires_on > last.expires_on)
        )
        if not later:
            row = line_of[term.source_key or ""]
            results[row.line] = _rejected(
                row, f"a new term must start and end later than the last one, which ends on {last.expires_on}"
            )
            continue
        term = replace(term, previous_term_id=last.id)  # noqa: PLW2901  # linked to what it follows
        change = with_new_term(change, term, EXPLICIT, now)
        accepted += 1
    change = _with_facts(change, facts, now)
    had = {(flag.kind, flag.effective_from) for flag in existing.flags}
    for flag in flags:
        if (flag.kind, flag.effective_from) not in had:
            after = replace(change.credential, flags=(*change.credential.flags, flag))
            change = with_flags(change, after, flag.reason, ruling.actor, now)
    if change.events == settled.events:
        return Plan(None, tuple(results.values()))
    change = announce(change, now, reason="imported", actor=ruling.actor)
    if accepted == 0:
        results = {
            line: replace(result, outcome=Outcome.UPDATED) if result.outcome is Outcome.UNCHANGED else result
            for line, result in results.items()
        }
    return Plan(change, tuple(results.values()), accepted)


def _with_facts(change: Change, facts: CredentialFacts, now: datetime) -> Change:
    before = change.credential
    said: Mapping[str, object] = {
        name: value
        for name in ("name", "country", "subdivision", "issuer", "issued_on")
        if (value := getattr(facts, name)) is not None and value != getattr(before, name)
    }
    if not said:
        return change
    after = replace(before, **said)  # type: ignore[arg-type]  # each under its own name
    return change.tell(
        after, now, lambda state: CredentialUpdated(credential=state, changed=tuple(sorted(said)))
    )


def _flags(rows: Sequence[SourceRow], ruling: Ruling) -> tuple[Flag, ...]:
    said = {row.flag for row in rows if row.flag is not None}
    return tuple(
        Flag(uuid7(), flag.kind, starts_at(flag.since, ruling.time_zone), None, flag.reason)
        for flag in sorted(said, key=lambda flag: (flag.since, flag.kind))
    )


def _term(said: TermSaid, ruling: Ruling, rules: CredentialType, now: datetime) -> Term:
    return term_of(
        uuid7(),
        valid_from=said.valid_from,
        expires_on=said.expires_on,
        expiry=decide_expiry(None, said.expires_on, type_expires=rules.expires),
        time_zone=ruling.time_zone,
        recorded_at=now,
        announce_reached=ruling.announce_reached,
        source_key=said.key,
    )


def _rejected(row: SourceRow, detail: str) -> RowResult:
    error = RowError(row.term.key_column, row.term.key, detail)
    return RowResult(row.line, Outcome.REJECTED, (error,))
