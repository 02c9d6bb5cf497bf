"""Who reports to whom by what rows say: a manager may be entered later or never, and nobody is their own."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.errors import ManagerCycle
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.model import Holder
from licet_credentials.imports import store
from licet_credentials.imports.model import HolderSaid, SourceRow

Place = UUID | str
"""Somebody in the order of who reports to whom: a holder, or an external id that nobody has yet."""


@dataclass
class Managers:
    """Whom the rows of a batch name as managers, and who reports to whom as far as that matters to them."""

    known: dict[str, UUID] = field(default_factory=dict)
    """Where the external ids lead that are known."""
    reports_to: dict[Place, Place | None] = field(default_factory=dict)
    called: dict[Place, str] = field(default_factory=dict)

    def facts_of(self, said: HolderSaid) -> tuple[tuple[str, Any], ...]:
        """Return what a row says of the manager, as facts of its holder; nothing where it says nothing."""
        if said.manager is None:
            return ()
        manager = self.known.get(said.manager)
        return ("manager_id", manager), ("awaited_manager", None if manager else said.manager)

    def place(self, external_id: str) -> Place:
        """Return where an external id leads: to a holder, or nowhere yet."""
        return self.known.get(external_id, external_id)

    def take(self, report: Holder | str, manager: str) -> str | None:
        """Let somebody report to the manager whom a row names; returns why that can't be, where it can't.

        A report who is not known yet is given by external id.
        """
        place: Place = report if isinstance(report, str) else report.id
        circle, above = [place], self.place(manager)
        at: Place | None = above
        while at is not None and at not in circle:
            circle.append(at)
            at = self.reports_to.get(at)
        if at != place:
            self.reports_to[place] = above
            return None
        external_id = report if isinstance(report, str) else report.external_id
        self.called[place] = external_id or str(place)
        return ManagerCycle([self.called.get(each, str(each)) for each in circle]).detail


def named_managers(rows: Iterable[SourceRow]) -> list[str]:
    """Return whom the rows name as managers, each once."""
    return sorted({row.holder.manager for row in rows if row.holder.manager is not None})


async def managers_of(
    tx: Transaction,
    rows: Sequence[SourceRow],
    named: Sequence[str],
    recorded: Mapping[str, Holder],
    dry_run: UUID | None,
) -> Managers:
    """Return what is known of the managers that rows name; `recorded` are the holders of the rows.

    Where one of the rows would change who manages whom, nobody else does until the transaction ends; a
    `dry_run`, given by the id of its import, only goes by what its batches before would have changed.
    """
    if not named:
        return Managers()
    managers = Managers(await holder_store.resolve_external_ids(tx.conn, named))
    if all(_as_recorded(recorded.get(row.holder.external_id), managers.facts_of(row.holder)) for row in rows):
        return managers
    if dry_run is None:
        await holder_store.lock_managers(tx.conn)
    await _look_up(tx, managers, set(named), dry_run)
    return managers


async def _look_up(tx: Transaction, managers: Managers, ahead: set[str], dry_run: UUID | None) -> None:
    """Find out the ways up from those ahead; what a dry run would have changed goes before the record."""
    seen: set[str] = set()
    while ahead:
        seen |= ahead
        known = [managers.known[each] for each in ahead if each in managers.known]
        for step in await holder_store.read_manager_chains(tx.conn, known):
            managers.reports_to.setdefault(step.holder_id, step.manager_id or step.awaited_manager)
            managers.called[step.holder_id] = step.called
            ahead |= {step.called, step.awaited_manager or step.called}
        links = {} if dry_run is None else await store.managers_kept(tx.conn, dry_run, sorted(ahead))
        managers.known |= await holder_store.resolve_external_ids(tx.conn, sorted({*links, *links.values()}))
        for report, manager in links.items():
            managers.reports_to[managers.place(report)] = managers.place(manager)
        ahead = set(links.values()) - seen


def _as_recorded(holder: Holder | None, facts: Sequence[tuple[str, Any]]) -> bool:
    return not facts or (holder is not None and all(getattr(holder, name) == value for name, value in facts))
