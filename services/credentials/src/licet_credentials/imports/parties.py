"""What rows say about their holders: who is entered, what is changed, which rows can't be taken."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.changes import HolderChange, HolderFacts, apply_feed, new_holder, reactivate
from licet_credentials.holders.model import Holder
from licet_credentials.imports import store
from licet_credentials.imports.managers import Managers, managers_of, named_managers
from licet_credentials.imports.mapping import Mapping as Declared
from licet_credentials.imports.model import (
    OnChange,
    Outcome,
    Rank,
    RowError,
    RowResult,
    SourceRow,
    facts_that_differ,
    newest,
)
from licet_credentials.imports.sorting import IMPORTED


@dataclass
class Party:
    """A holder of the batch with the rows that are about it."""

    external_id: str
    rows: list[SourceRow]
    holder: Holder
    change: HolderChange | None = None
    new: bool = False
    rejected: list[RowResult] = field(default_factory=list)
    manager: str | None = None
    """The external id of the manager whom they get."""
    facts_of: int | None = None
    """The line whose facts about the holder are taken over."""
    back: HolderChange | None = None
    """They were entered by an import that was undone, and are active again; `change` comes after it."""


async def parties_of(
    tx: Transaction, rows: Sequence[SourceRow], declared: Declared, dry_run: UUID | None, now: datetime
) -> list[Party]:
    """Return the holders of the rows, each with what the newest row says of it.

    `dry_run` is the id of the import where it only tries.
    """
    by_key: dict[str, list[SourceRow]] = {}
    for row in rows:
        by_key.setdefault(row.holder.external_id, []).append(row)
    named = named_managers(rows)
    known = await holder_store.lock_by_external_ids(tx.conn, list(by_key), naming=named)
    managers = await managers_of(tx, rows, named, known, dry_run)
    newest_terms = await store.newest_terms(tx.conn, [holder.id for holder in known.values()])
    inactive = [holder.id for holder in known.values() if not holder.active]
    undone = await store.holders_undone(tx.conn, inactive)
    parties = []
    for external_id in sorted(by_key):
        holder = known.get(external_id)
        if holder is None:
            parties.append(_entered(external_id, by_key[external_id], managers, declared, now))
        else:
            back = reactivate(holder, IMPORTED, now) if holder.id in undone else None
            party = Party(external_id, by_key[external_id], back.holder if back else holder, back=back)
            _decide_facts(party, newest_terms.get(holder.id), managers, declared, now)
            parties.append(party)
    return parties


def _entered(
    external_id: str, rows: list[SourceRow], managers: Managers, declared: Declared, now: datetime
) -> Party:
    """Return a holder who is new, as the newest row says; rows that would close a circle go."""
    rejected: list[RowResult] = []
    while True:
        said = newest(rows).holder
        facts = dict(said.facts) | {"attributes": dict(said.attributes)}
        circle = None if said.manager is None else managers.take(external_id, said.manager)
        if circle is None:
            facts |= dict(managers.facts_of(said))
            change = new_holder(HolderFacts(external_id=external_id, **facts), now)
            return Party(
                external_id, rows, change.holder, change, new=True, rejected=rejected, manager=said.manager
            )
        rejected.append(_reject_newest(rows, declared.places.manager, said.manager or "", circle))
        if not rows:
            nobody = new_holder(HolderFacts(external_id=external_id, **facts), now).holder
            return Party(external_id, rows, nobody, new=True, rejected=rejected)


def _reject_newest(rows: list[SourceRow], column: str, value: str, detail: str) -> RowResult:
    top = newest(rows)
    rows.remove(top)
    return RowResult(top.line, Outcome.REJECTED, (RowError(column, value, detail),))


def _decide_facts(
    party: Party, recorded: Rank | None, managers: Managers, declared: Declared, now: datetime
) -> None:
    """Find out what the rows change about a known holder; rows that the mapping wants rejected go.

    So do those that would close a circle of managers.
    """
    on_change = declared.holder.on_change
    while party.rows:
        top = newest(party.rows)
        if recorded is not None and top.rank < recorded and top.term.key != recorded[2]:
            return  # what is recorded came with a newer term
        facts = (*top.holder.facts, *managers.facts_of(top.holder))
        if top.holder.attributes:
            facts += (("attributes", {**party.holder.attributes, **dict(top.holder.attributes)}),)
        said = facts_that_differ(facts, party.holder)
        change = apply_feed(party.holder, party.external_id, said, now) if said else None
        if change is None:
            return
        if on_change is not OnChange.REJECT:
            if on_change is OnChange.KEEP:
                return
            manager = top.holder.manager if _MANAGER & said.keys() else None
            circle = None if manager is None else managers.take(party.holder, manager)
            if circle is None:
                party.change, party.facts_of, party.manager = change, top.line, manager
                return
            party.rejected.append(_reject_newest(party.rows, declared.places.manager, manager or "", circle))
            continue
        told = ", ".join(f"{name} {getattr(party.holder, name)!r}" for name in sorted(said))
        detail = f"the holder is recorded with {told}; the mapping has holder.on_change reject"
        party.rejected.append(_reject_newest(party.rows, declared.places.holder, party.external_id, detail))


_MANAGER = {"manager_id", "awaited_manager"}
