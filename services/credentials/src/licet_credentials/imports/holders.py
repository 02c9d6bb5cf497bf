"""Planning the holders of a batch: new ones, changed facts, and rows to reject."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.changes import (
    HolderChange,
    HolderFacts,
    apply_feed,
    new_holder,
    reactivate,
)
from licet_credentials.holders.identity import Identity, in_doubt
from licet_credentials.holders.model import Holder, require_born
from licet_credentials.imports import store
from licet_credentials.imports.file.mapping import Mapping as FileMapping
from licet_credentials.imports.managers import Managers, names_of_managers, read_managers
from licet_credentials.imports.model import IMPORTED, RowError, RowOutcome, RowResult
from licet_credentials.imports.rows import OnChange, Rank, SourceRow, facts_that_differ, newest
from licet_events.holders import HolderKind

_MANAGER_FACTS = {"manager_id", "awaited_manager"}


@dataclass
class HolderPlan:
    """A holder of the batch, its rows, and what the import changes about it."""

    external_id: str
    rows: list[SourceRow]
    holder: Holder
    change: HolderChange | None = None
    new: bool = False
    rejected: list[RowResult] = field(default_factory=list)
    manager: str | None = None
    """External id of the manager that it gets."""
    facts_of: int | None = None
    """Line of the row whose facts it takes over."""
    reactivation: HolderChange | None = None
    """Set for a holder that an undone import had entered; `change` applies after it."""


async def plan_holders(
    tx: Transaction, rows: Sequence[SourceRow], mapping: FileMapping, dry_run: UUID | None, now: datetime
) -> list[HolderPlan]:
    """Lock the holders of the rows and plan their changes, by the newest row of each.

    `dry_run` is the id of the import if it is a dry run.
    """
    by_external_id: dict[str, list[SourceRow]] = {}
    for row in rows:
        by_external_id.setdefault(row.holder.external_id, []).append(row)
    named = names_of_managers(rows)
    known = await holder_store.lock_by_external_ids(tx.conn, list(by_external_id), naming=named)
    managers = await read_managers(tx, rows, named, known, dry_run)
    newest_terms = await store.read_newest_terms(tx.conn, [holder.id for holder in known.values()])
    inactive = [holder.id for holder in known.values() if not holder.active]
    undone = await store.find_undone_holders(tx.conn, inactive)
    plans = []
    for external_id in sorted(by_external_id):
        holder, of_holder = known.get(external_id), by_external_id[external_id]
        unborn = _reject_unborn(of_holder, mapping, now)
        if holder is not None and holder.external_id == external_id:
            unborn += _reject_in_doubt(holder, of_holder, mapping)
        if holder is None:
            plan = _plan_new_holder(external_id, of_holder, managers, mapping, now)
        else:
            reactivation = reactivate(holder, IMPORTED, now) if holder.id in undone else None
            present = reactivation.holder if reactivation else holder
            plan = HolderPlan(external_id, of_holder, present, reactivation=reactivation)
            _plan_changes(plan, newest_terms.get(holder.id), managers, mapping, now)
        plan.rejected += unborn
        plans.append(plan)
    return plans


def _reject_unborn(rows: list[SourceRow], mapping: FileMapping, now: datetime) -> list[RowResult]:
    """Take rows with a date of birth in the future out of `rows`, and return their results."""
    source = mapping.holder.birth_date
    if source is None:
        return []
    rejected = []
    for row in tuple(rows):
        try:
            require_born(dict(row.holder.facts).get("birth_date"), now)
        except Invalid as error:
            rows.remove(row)
            wrong = RowError(source.place, "", error.detail)
            rejected.append(RowResult(row.line, RowOutcome.REJECTED, (wrong,)))
    return rejected


def _reject_in_doubt(holder: Holder, rows: list[SourceRow], mapping: FileMapping) -> list[RowResult]:
    """Take rows about somebody else out of `rows`, unless the mapping says that it is the same person."""
    if mapping.holder.identity is Identity.SAME:
        return []
    rejected = []
    for row in tuple(rows):
        facts = dict(row.holder.facts)
        about = HolderFacts(
            holder.kind, facts.get("name", holder.name), email=facts.get("email"),
            birth_date=facts.get("birth_date"),
        )  # fmt: skip
        if in_doubt(holder, about):
            rows.remove(row)
            detail = (
                "identity_in_doubt: the holder is recorded with another name and address; say holder.identity"
                ' "same" in the mapping, or give the new person a record by PUT with "identity": "new"'
            )
            wrong = RowError(mapping.places.holder, row.holder.external_id, detail)
            rejected.append(RowResult(row.line, RowOutcome.REJECTED, (wrong,)))
    return rejected


def _plan_new_holder(
    external_id: str, rows: list[SourceRow], managers: Managers, mapping: FileMapping, now: datetime
) -> HolderPlan:
    """Return a new holder with the facts of its newest row; rows that would close a cycle are rejected."""
    rejected: list[RowResult] = []
    facts: dict[str, Any] = {"kind": HolderKind.CONTACT, "name": external_id}
    while rows:
        row = newest(rows).holder
        facts = dict(row.facts) | {"attributes": dict(row.attributes)}
        cycle = None if row.manager is None else managers.assign(external_id, row.manager)
        if cycle is None:
            facts |= dict(managers.facts_of(row))
            change = new_holder(HolderFacts(external_id=external_id, **facts), now)
            return HolderPlan(
                external_id, rows, change.holder, change, new=True, rejected=rejected, manager=row.manager
            )
        rejected.append(_reject_newest(rows, mapping.places.manager, row.manager or "", cycle))
    nobody = new_holder(HolderFacts(external_id=external_id, **facts), now).holder
    return HolderPlan(external_id, rows, nobody, new=True, rejected=rejected)


def _reject_newest(rows: list[SourceRow], column: str, value: str, detail: str) -> RowResult:
    top = newest(rows)
    rows.remove(top)
    return RowResult(top.line, RowOutcome.REJECTED, (RowError(column, value, detail),))


def _plan_changes(
    plan: HolderPlan, recorded: Rank | None, managers: Managers, mapping: FileMapping, now: datetime
) -> None:
    """Plan what the newest accepted row changes about an existing holder.

    Rows are rejected if `holder.on_change` says so, or if they would close a cycle of managers. `recorded`
    is the rank of the newest imported term: older rows change nothing.
    """
    on_change = mapping.holder.on_change
    while plan.rows:
        top = newest(plan.rows)
        if recorded is not None and top.rank < recorded and top.term.key != recorded[2]:
            return
        facts = (*top.holder.facts, *managers.facts_of(top.holder))
        if top.holder.attributes:
            facts += (("attributes", {**plan.holder.attributes, **dict(top.holder.attributes)}),)
        differing = facts_that_differ(facts, plan.holder)
        change = apply_feed(plan.holder, plan.external_id, differing, now) if differing else None
        if change is None:
            return
        if on_change is not OnChange.REJECT:
            if on_change is OnChange.KEEP:
                return
            manager = top.holder.manager if _MANAGER_FACTS & differing.keys() else None
            cycle = None if manager is None else managers.assign(plan.holder, manager)
            if cycle is None:
                plan.change, plan.facts_of, plan.manager = change, top.line, manager
                return
            plan.rejected.append(_reject_newest(plan.rows, mapping.places.manager, manager or "", cycle))
            continue
        present = ", ".join(_recorded(plan.holder, name) for name in sorted(differing))
        detail = f"the holder is recorded with {present}; the mapping has holder.on_change reject"
        plan.rejected.append(_reject_newest(plan.rows, mapping.places.holder, plan.external_id, detail))


def _recorded(holder: Holder, name: str) -> str:
    """Return a fact as an error shows it; nobody learns a date of birth from one."""
    return "another birth_date" if name == "birth_date" else f"{name} {getattr(holder, name)!r}"
