"""The managers that rows name by external id: who may be entered later or never, and no cycle of managers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.errors import ManagerCycle
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.model import Holder
from licet_credentials.imports import store
from licet_credentials.imports.rows import HolderInput, SourceRow

HolderRef = UUID | str
"""A holder in the graph of managers: by id, or by external id while nobody has it."""


@dataclass
class Managers:
    """The managers of a batch, and the part of the graph of managers that its rows could close a cycle in."""

    known: dict[str, UUID] = field(default_factory=dict)
    """Ids of the holders that external ids resolve to; merged records resolve to the survivor."""
    reports_to: dict[HolderRef, HolderRef | None] = field(default_factory=dict)
    labels: dict[HolderRef, str] = field(default_factory=dict)
    """How an error names each holder."""

    def facts_of(self, row: HolderInput) -> tuple[tuple[str, Any], ...]:
        """Return the manager of a row as facts of its holder; empty if the row names none."""
        if row.manager is None:
            return ()
        manager = self.known.get(row.manager)
        return ("manager_id", manager), ("awaited_manager", None if manager else row.manager)

    def resolve(self, external_id: str) -> HolderRef:
        """Return the holder that has the external id, or the external id itself if nobody has it."""
        return self.known.get(external_id, external_id)

    def assign(self, report: Holder | str, manager: str) -> str | None:
        """Record that `report` gets this manager, or return the error if that would close a cycle.

        A report that is not entered yet is given by external id.
        """
        start: HolderRef = report if isinstance(report, str) else report.id
        chain, above = [start], self.resolve(manager)
        at: HolderRef | None = above
        while at is not None and at not in chain:
            chain.append(at)
            at = self.reports_to.get(at)
        if at != start:
            self.reports_to[start] = above
            return None
        external_id = report if isinstance(report, str) else report.external_id
        self.labels[start] = external_id or str(start)
        return ManagerCycle([self.labels.get(each, str(each)) for each in chain]).detail


def names_of_managers(rows: Iterable[SourceRow]) -> list[str]:
    """Return the external ids of managers that rows name, each once, sorted."""
    return sorted({row.holder.manager for row in rows if row.holder.manager is not None})


async def read_managers(
    tx: Transaction,
    rows: Sequence[SourceRow],
    named: Sequence[str],
    recorded: Mapping[str, Holder],
    dry_run: UUID | None,
) -> Managers:
    """Return the managers that rows name; `recorded` are the holders of the rows by external id.

    If a row would change a manager, no other transaction changes managers until this one ends. A dry run,
    given by the id of its import, locks nothing; it sees the managers that its earlier batches would have
    assigned.
    """
    if not named:
        return Managers()
    managers = Managers(await holder_store.resolve_external_ids(tx.conn, named))
    if all(_is_recorded(recorded.get(row.holder.external_id), managers.facts_of(row.holder)) for row in rows):
        return managers
    if dry_run is None:
        await holder_store.lock_managers(tx.conn)
    await _read_chains(tx, managers, set(named), dry_run)
    return managers


async def _read_chains(tx: Transaction, managers: Managers, ahead: set[str], dry_run: UUID | None) -> None:
    """Read the chains of managers above these external ids; what a dry run assigned overrides the record."""
    seen: set[str] = set()
    while ahead:
        seen |= ahead
        known = [managers.known[each] for each in ahead if each in managers.known]
        for link in await holder_store.read_manager_chains(tx.conn, known):
            managers.reports_to.setdefault(link.holder_id, link.manager_id or link.awaited_manager)
            managers.labels[link.holder_id] = link.label
            ahead |= {link.label, link.awaited_manager or link.label}
        planned = (
            {} if dry_run is None else await store.read_planned_managers(tx.conn, dry_run, sorted(ahead))
        )
        names = sorted({*planned, *planned.values()})
        managers.known |= await holder_store.resolve_external_ids(tx.conn, names)
        for report, manager in planned.items():
            managers.reports_to[managers.resolve(report)] = managers.resolve(manager)
        ahead = set(planned.values()) - seen


def _is_recorded(holder: Holder | None, facts: Sequence[tuple[str, Any]]) -> bool:
    return not facts or (holder is not None and all(getattr(holder, name) == value for name, value in facts))
