"""Importing a batch of rows: plan all holders and credentials, then write them with their events."""

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
from licet_credentials.credentials.store import PendingChange, number_key, number_scope
from licet_credentials.holders.changes import HolderChange
from licet_credentials.holders.commands.writing import link_reports, write_holders, write_new_holders
from licet_credentials.holders.model import Holder
from licet_credentials.imports import store
from licet_credentials.imports.deciding.matching import MatchingRules
from licet_credentials.imports.deciding.planning import CredentialPlan, plan_credential
from licet_credentials.imports.file.mapping import Mapping as FileMapping
from licet_credentials.imports.formats.cells import CellFormats
from licet_credentials.imports.holders import HolderPlan, plan_holders
from licet_credentials.imports.model import ReportEntry, RowError, RowOutcome, RowResult, UndoEntry, UndoStep
from licet_credentials.imports.rows import SourceRow, newest
from licet_credentials.imports.store import NumberKey
from licet_credentials.imports.types import find_types
from licet_credentials.types import commands as type_commands
from licet_credentials.types.model import CredentialType
from licet_events.catalogue import NumberComparison


@dataclass(frozen=True, slots=True)
class ImportContext:
    """The import that rows belong to, and the defaults for what they leave out."""

    import_id: UUID
    mapping: FileMapping
    formats: CellFormats
    default_zone: str
    dry_run: bool


@dataclass
class Batch:
    """The results of a batch of rows."""

    counts: Counter[str] = field(default_factory=Counter)
    types_created: set[str] = field(default_factory=set)
    report: list[ReportEntry] = field(default_factory=list)
    effects: list[UndoEntry] = field(default_factory=list)
    linked: list[Holder] = field(default_factory=list)
    """Holders that got a manager whom this batch entered; they may be of an earlier batch, or of none."""

    def report_rows(self, results: Iterable[RowResult], credential_id: UUID | None, holder_key: str) -> None:
        """Add rows to the report and count their outcomes."""
        for result in results:
            self.report.append(ReportEntry(result, credential_id, holder_key))
            self.counts[result.outcome.value] += 1


@dataclass(slots=True)
class _PlannedCredential:
    """A credential of the batch and its plan."""

    holder_plan: HolderPlan
    plan: CredentialPlan
    rules: CredentialType
    existing_id: UUID | None

    @property
    def credential_id(self) -> UUID | None:
        return self.existing_id or (self.plan.change.credential.id if self.plan.change else None)

    @property
    def number_key(self) -> NumberKey | None:
        """The type, scope and compared number that no other may have; `None` if it need not be unique."""
        if self.plan.change is None:
            return None
        credential = self.plan.change.credential
        scope = number_scope(credential, self.rules)
        if scope is None or credential.number is None:
            return None
        return credential.type, scope, number_key(self.rules, credential.number)


async def import_rows(
    tx: Transaction, rows: Sequence[SourceRow], context: ImportContext, *, now: datetime
) -> Batch:
    """Import rows, or report what a dry run would do.

    All rows of a holder must be in one batch. The number of round trips does not grow with the batch.
    """
    batch = Batch()
    holder_plans = await plan_holders(
        tx, rows, context.mapping, context.import_id if context.dry_run else None, now
    )
    types, batch.types_created = await find_types(tx, rows, context.mapping, now)
    planned = await _plan(tx, holder_plans, types, context, now)
    kept = await _reject_taken_numbers(tx, planned, context)
    _report(batch, holder_plans, kept)
    await _write(tx, holder_plans, kept, types, batch, context, now)
    return batch


async def _plan(
    tx: Transaction,
    holder_plans: Sequence[HolderPlan],
    types: Mapping[str, CredentialType],
    context: ImportContext,
    now: datetime,
) -> list[_PlannedCredential]:
    groups: dict[tuple[str, str, str | None], list[SourceRow]] = {}
    for holder_plan in holder_plans:
        for row in holder_plan.rows:
            code = row.credential.type_code
            if code in types:
                number = row.credential.number
                compared = None if number is None else number_key(types[code], number)
                key = (holder_plan.external_id, types[code].code, compared)
                groups.setdefault(key, []).append(row)
            else:
                error = RowError(
                    context.mapping.places.type, code, "is not a credential type of the catalogue"
                )
                holder_plan.rejected.append(RowResult(row.line, RowOutcome.REJECTED, (error,)))
    by_id = {holder_plan.external_id: holder_plan for holder_plan in holder_plans}
    known = [holder_plan.holder.id for holder_plan in holder_plans if not holder_plan.new]
    wanted = [
        (by_id[external_id].holder.id, code, number)
        for external_id, code, number in groups
        if not by_id[external_id].new
    ]
    exact = {entry.code for entry in types.values() if entry.number_comparison is NumberComparison.EXACT}
    scopes = ["=" if code in exact else "" for _, code, _ in wanted]
    ids = await store.find_credentials(tx.conn, wanted, scopes) if known else {}
    existing = await credential_store.lock_credentials(tx.conn, sorted(ids.values()))
    zones = await store.read_location_zones(
        tx.conn,
        sorted({holder_plan.holder.location for holder_plan in holder_plans if holder_plan.holder.location}),
    )
    ruling = _matching_rules(context.mapping, context.formats, tx.cause.actor)
    planned = []
    for (external_id, code, number), rows in groups.items():
        holder_plan = by_id[external_id]
        holder = (holder_plan.change or holder_plan).holder
        found = ids.get((holder.id, code, number))
        loaded = existing.get(found) if found else None
        rules = types[rows[0].credential.type_code]
        plan = plan_credential(
            rows,
            loaded.credential if loaded else None,
            rules,
            CredentialFacts(holder_id=holder.id, number=newest(rows).credential.number),
            zones.get(holder.location or "", context.default_zone),
            ruling,
            now,
        )
        planned.append(_PlannedCredential(holder_plan, plan, rules, loaded.credential.id if loaded else None))
    return planned


def _matching_rules(mapping: FileMapping, formats: CellFormats, actor: str) -> MatchingRules:
    return MatchingRules(
        on_change=mapping.credential.on_change,
        on_term_change=mapping.term.on_change,
        announce_reached=mapping.term.announce_reached,
        columns=mapping.places,
        formats=formats,
        actor=actor,
        unusual=mapping.term.unusual,
        on_flag_change=(mapping.flag and mapping.flag.on_change) or mapping.term.on_change,
    )


async def _reject_taken_numbers(
    tx: Transaction, planned: Sequence[_PlannedCredential], context: ImportContext
) -> list[_PlannedCredential]:
    """Return the credentials whose numbers are free; reject the rows of the others."""
    keys = [key for each in planned if (key := each.number_key) is not None]
    taken = await store.find_taken_numbers(tx.conn, context.import_id, keys)
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
        detail = f"must be unique; credential {other} has this number"
        number = each.plan.accepted[0].credential.number or "" if each.plan.accepted else key[2]
        error = RowError(context.mapping.places.number, number, detail)
        each.holder_plan.rejected += [
            RowResult(row.line, RowOutcome.REJECTED, (error,)) for row in each.plan.accepted
        ]
        each.holder_plan.rejected += [r for r in each.plan.results if r.outcome is RowOutcome.REJECTED]
    if context.dry_run:
        await store.save_planned_numbers(tx.conn, context.import_id, claimed)
    return free


def _report(batch: Batch, holder_plans: Sequence[HolderPlan], planned: Sequence[_PlannedCredential]) -> None:
    for each in planned:
        results = [
            RowResult(result.line, RowOutcome.UPDATED)
            if result.line == each.holder_plan.facts_of and result.outcome is RowOutcome.UNCHANGED
            else result
            for result in each.plan.results
        ]
        batch.report_rows(results, each.credential_id, each.holder_plan.external_id)
        batch.counts["terms_created"] += len(each.plan.added)
        batch.counts["credentials_created"] += each.existing_id is None and each.plan.change is not None
    for holder_plan in holder_plans:
        batch.report_rows(holder_plan.rejected, None, holder_plan.external_id)


async def _write(
    tx: Transaction,
    holder_plans: Sequence[HolderPlan],
    planned: Sequence[_PlannedCredential],
    types: Mapping[str, CredentialType],
    batch: Batch,
    context: ImportContext,
    now: datetime,
) -> None:
    """Write the changes that at least one accepted row asks for."""
    accepted = {line for each in planned for line in (row.line for row in each.plan.accepted)}
    alive = {each.holder_plan.external_id for each in planned if each.plan.accepted}
    changed = [
        holder_plan
        for holder_plan in holder_plans
        if holder_plan.change is not None
        and (holder_plan.external_id in alive if holder_plan.new else holder_plan.facts_of in accepted)
    ]
    batch.counts["holders_created"] += sum(holder_plan.new for holder_plan in changed)
    batch.counts["holders_updated"] += sum(not holder_plan.new for holder_plan in changed)
    used = {each.rules.code for each in planned if each.plan.accepted}
    batch.types_created &= used
    if context.dry_run:
        links = {
            holder_plan.external_id: holder_plan.manager
            for holder_plan in changed
            if holder_plan.manager is not None
        }
        await store.save_planned_managers(tx.conn, context.import_id, links)
        return
    for code in sorted(batch.types_created):
        await type_commands.define_type(tx, types[code], now=now)
    reactivations = {
        plan.external_id: plan.reactivation
        for plan in holder_plans
        if plan.reactivation is not None and plan.external_id in alive
    }
    await write_holders(tx, list(reactivations.values()), now)
    changes = [holder_plan.change for holder_plan in changed if holder_plan.change is not None]
    if changes:
        new = [
            holder_plan.change
            for holder_plan in changed
            if holder_plan.change is not None and holder_plan.new
        ]
        await write_new_holders(tx, new, now)
        await write_holders(tx, [change for change in changes if change.holder.version > 1], now)
        batch.linked += await link_reports(tx, [change.holder for change in new], now)
    saved = [
        (each, PendingChange(each.plan.change, each.rules))
        for each in planned
        if each.plan.change is not None
    ]
    await write_new_credentials(tx, [one for each, one in saved if each.existing_id is None], now)
    await write_credentials(tx, [one for each, one in saved if each.existing_id is not None], now)
    last = reactivations | {
        holder_plan.external_id: holder_plan.change
        for holder_plan in changed
        if holder_plan.change is not None
    }
    batch.effects += [
        _undo_entry_of_holder(holder_plan, last[holder_plan.external_id])
        for holder_plan in holder_plans
        if holder_plan.external_id in last
    ]
    for each, one in saved:
        credential = one.change.credential
        effect = UndoEntry(UndoStep.CREDENTIALS, credential.id, credential.version, each.existing_id is None)
        if each.existing_id is not None:
            effect = replace(effect, terms=each.plan.added, more=each.plan.more)
        batch.effects.append(effect)


def _undo_entry_of_holder(holder_plan: HolderPlan, change: HolderChange) -> UndoEntry:
    """Return the entry of a holder; a reactivated one counts as created, as by the import that was undone."""
    created = holder_plan.new or holder_plan.reactivation is not None
    line = None if created else holder_plan.facts_of
    return UndoEntry(UndoStep.HOLDERS, change.holder.id, change.holder.version, created, line=line)


def reject_lines(row_lines: Iterable[int], error: RowError) -> list[RowResult]:
    """Reject all these lines with one error."""
    return [RowResult(line, RowOutcome.REJECTED, (error,)) for line in row_lines]


def describe_error(error: Exception) -> str:
    """Return the detail for the report; of an unexpected error only its type, as its text may be personal."""
    detail: Any = getattr(error, "detail", None)
    return str(detail) if detail else f"can't be imported: unexpected {type(error).__name__}, see the log"
