"""Carrying out a batch of rows through the model, the stores and the outbox that every command uses."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.credentials import store as credential_store
from licet_credentials.credentials.commands.writing import write_credentials, write_new_credentials
from licet_credentials.credentials.model import CredentialFacts
from licet_credentials.credentials.store import Saved, number_scope
from licet_credentials.holders.changes import HolderChange
from licet_credentials.holders.commands.writing import link_reports, write_holders, write_new_holders
from licet_credentials.holders.model import Holder
from licet_credentials.imports import store
from licet_credentials.imports.defining import types_of
from licet_credentials.imports.mapping import Mapping as Declared
from licet_credentials.imports.model import Outcome, RowError, RowResult, SourceRow
from licet_credentials.imports.parties import Party, parties_of
from licet_credentials.imports.planning import Plan, plan_credential
from licet_credentials.imports.sorting import Ruling
from licet_credentials.imports.store import CREDENTIALS, HOLDERS, Effect, NumberKey, Reported
from licet_credentials.types import commands as type_commands
from licet_credentials.types.model import CredentialType


@dataclass(frozen=True, slots=True)
class Terms:
    """Under what conditions rows are carried out."""

    import_id: UUID
    declared: Declared
    default_zone: str
    dry_run: bool


@dataclass
class Batch:
    """What one batch of rows comes to."""

    counts: Counter[str] = field(default_factory=Counter)
    types_created: set[str] = field(default_factory=set)
    report: list[Reported] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    linked: list[Holder] = field(default_factory=list)
    """Those whose managers were entered; they may be of an earlier batch, or of none."""

    def note(self, results: Iterable[RowResult], credential_id: UUID | None, holder_key: str) -> None:
        """Take rows into the report."""
        for result in results:
            self.report.append(Reported(result, credential_id, holder_key))
            self.counts[result.outcome.value] += 1


@dataclass(slots=True)
class _Planned:
    """What is to be done with one credential of a party."""

    party: Party
    plan: Plan
    rules: CredentialType
    existing_id: UUID | None

    @property
    def credential_id(self) -> UUID | None:
        return self.existing_id or (self.plan.change.credential.id if self.plan.change else None)

    @property
    def number_key(self) -> NumberKey | None:
        """The type, scope and number that nobody else may have."""
        if self.plan.change is None:
            return None
        credential = self.plan.change.credential
        scope = number_scope(credential, self.rules.number_unique)
        return (
            None
            if scope is None or credential.number is None
            else (credential.type, scope, credential.number)
        )


async def carry_out(tx: Transaction, rows: Sequence[SourceRow], terms: Terms, *, now: datetime) -> Batch:
    """Carry out rows, or in a dry run only tell what they would come to.

    All rows of a holder must be in one batch; rows of several holders are worked off together, with a
    number of round trips that does not grow with the batch.
    """
    batch = Batch()
    parties = await parties_of(tx, rows, terms.declared, terms.import_id if terms.dry_run else None, now)
    types, batch.types_created = await types_of(tx, rows, terms.declared, now)
    planned = await _plan(tx, parties, types, terms, now)
    kept = await _with_free_numbers(tx, planned, terms)
    _report(batch, parties, kept)
    await _write(tx, parties, kept, types, batch, terms, now)
    return batch


async def _plan(
    tx: Transaction,
    parties: Sequence[Party],
    types: Mapping[str, CredentialType],
    terms: Terms,
    now: datetime,
) -> list[_Planned]:
    groups: dict[tuple[str, str, str | None], list[SourceRow]] = {}
    for party in parties:
        for row in party.rows:
            code = row.credential.type_code
            if code in types:
                key = (party.external_id, types[code].code, row.credential.number)
                groups.setdefault(key, []).append(row)
            else:
                error = RowError(terms.declared.places.type, code, "is no credential type of the catalogue")
                party.rejected.append(RowResult(row.line, Outcome.REJECTED, (error,)))
    by_id = {party.external_id: party for party in parties}
    known = [party.holder.id for party in parties if not party.new]
    wanted = [
        (by_id[external_id].holder.id, code, number)
        for external_id, code, number in groups
        if not by_id[external_id].new
    ]
    ids = await store.credentials_of(tx.conn, wanted) if known else {}
    existing = await credential_store.lock_credentials(tx.conn, sorted(ids.values()))
    zones = await store.location_zones(
        tx.conn, sorted({party.holder.location for party in parties if party.holder.location})
    )
    ruling = _ruling(terms.declared, tx.cause.actor)
    planned = []
    for (external_id, code, number), rows in groups.items():
        party = by_id[external_id]
        holder = (party.change or party).holder
        found = ids.get((holder.id, code, number))
        loaded = existing.get(found) if found else None
        rules = types[rows[0].credential.type_code]
        plan = plan_credential(
            rows,
            loaded.credential if loaded else None,
            rules,
            CredentialFacts(holder_id=holder.id, number=number),
            zones.get(holder.location or "", terms.default_zone),
            ruling,
            now,
        )
        planned.append(_Planned(party, plan, rules, loaded.credential.id if loaded else None))
    return planned


def _ruling(declared: Declared, actor: str) -> Ruling:
    return Ruling(
        on_change=declared.credential.on_change,
        on_term_change=declared.term.on_change,
        announce_reached=declared.term.announce_reached,
        columns=declared.places,
        actor=actor,
        on_flag_change=(declared.flag and declared.flag.on_change) or declared.term.on_change,
    )


async def _with_free_numbers(tx: Transaction, planned: Sequence[_Planned], terms: Terms) -> list[_Planned]:
    """Return those whose numbers are free; the rows of the others are rejected, naming who has it."""
    keys = [key for each in planned if (key := each.number_key) is not None]
    taken = await store.taken_numbers(tx.conn, terms.import_id, keys)
    claimed: dict[NumberKey, UUID] = {}
    free = []
    for each in planned:
        key = each.number_key
        other = None if key is None else taken.get(key)
        if key is None or other is None or other == each.credential_id:
            if key is not None and each.credential_id is not None:
                taken[key] = claimed[key] = each.credential_id
            free.append(each)
            continue
        detail = f"must be one that nobody has; it is that of credential {other}"
        error = RowError(terms.declared.places.number, key[2], detail)
        each.party.rejected += [RowResult(row.line, Outcome.REJECTED, (error,)) for row in each.plan.accepted]
        each.party.rejected += [r for r in each.plan.results if r.outcome is Outcome.REJECTED]
    if terms.dry_run:
        await store.keep_numbers(tx.conn, terms.import_id, claimed)
    return free


def _report(batch: Batch, parties: Sequence[Party], planned: Sequence[_Planned]) -> None:
    for each in planned:
        results = [
            RowResult(result.line, Outcome.UPDATED)
            if result.line == each.party.facts_of and result.outcome is Outcome.UNCHANGED
            else result
            for result in each.plan.results
        ]
        batch.note(results, each.credential_id, each.party.external_id)
        batch.counts["terms_created"] += len(each.plan.added)
        batch.counts["credentials_created"] += each.existing_id is None and each.plan.change is not None
    for party in parties:
        batch.note(party.rejected, None, party.external_id)


async def _write(
    tx: Transaction,
    parties: Sequence[Party],
    planned: Sequence[_Planned],
    types: Mapping[str, CredentialType],
    batch: Batch,
    terms: Terms,
    now: datetime,
) -> None:
    """Write what at least one row that was not rejected asks for."""
    good = {line for each in planned for line in (row.line for row in each.plan.accepted)}
    alive = {each.party.external_id for each in planned if each.plan.accepted}
    changed = [
        party
        for party in parties
        if party.change is not None and (party.external_id in alive if party.new else party.facts_of in good)
    ]
    batch.counts["holders_created"] += sum(party.new for party in changed)
    batch.counts["holders_updated"] += sum(not party.new for party in changed)
    used = {each.rules.code for each in planned if each.plan.accepted}
    batch.types_created &= used
    if terms.dry_run:
        links = {party.external_id: party.manager for party in changed if party.manager is not None}
        await store.keep_managers(tx.conn, terms.import_id, links)
        return
    for code in sorted(batch.types_created):
        await type_commands.define_type(tx, types[code], now=now)
    back = {p.external_id: p.back for p in parties if p.back is not None and p.external_id in alive}
    await write_holders(tx, list(back.values()), now)
    changes = [party.change for party in changed if party.change is not None]
    if changes:
        new = [party.change for party in changed if party.change is not None and party.new]
        await write_new_holders(tx, new, now)
        await write_holders(tx, [change for change in changes if change.holder.version > 1], now)
        batch.linked += await link_reports(tx, [change.holder for change in new], now)
    saved = [(each, Saved(each.plan.change, each.rules)) for each in planned if each.plan.change is not None]
    await write_new_credentials(tx, [one for each, one in saved if each.existing_id is None], now)
    await write_credentials(tx, [one for each, one in saved if each.existing_id is not None], now)
    last = back | {party.external_id: party.change for party in changed if party.change is not None}
    batch.effects += [
        _on_holder(party, last[party.external_id]) for party in parties if party.external_id in last
    ]
    for each, one in saved:
        credential = one.change.credential
        effect = Effect(CREDENTIALS, credential.id, credential.version, each.existing_id is None)
        if each.existing_id is not None:
            effect = replace(effect, terms=each.plan.added, more=each.plan.more)
        batch.effects.append(effect)


def _on_holder(party: Party, change: HolderChange) -> Effect:
    """Return what was done to a holder; whoever is back was entered by this import, as by the undone one."""
    entered = party.new or party.back is not None
    line = None if entered else party.facts_of
    return Effect(HOLDERS, change.holder.id, change.holder.version, entered, line=line)


def rejected(row_lines: Iterable[int], error: RowError) -> list[RowResult]:
    """Return that all these rows are rejected for one reason."""
    return [RowResult(line, Outcome.REJECTED, (error,)) for line in row_lines]


def explained(error: Exception) -> str:
    """Return what a row's report says of an error that nobody foresaw."""
    detail: Any = getattr(error, "detail", None)
    return str(detail) if detail else f"can't be carried out: unexpected {type(error).__name__}, see the log"
