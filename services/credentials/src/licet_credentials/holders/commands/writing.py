"""Writing holders with history and events; linking reports to their managers without cycles."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid
from licet_credentials.errors import ManagerCycle
from licet_credentials.holders import store
from licet_credentials.holders.changes import HolderChange, update_holder
from licet_credentials.holders.copying import copy_new
from licet_credentials.holders.model import Holder


async def write_holders(tx: Transaction, changes: Sequence[HolderChange], now: datetime) -> None:
    """Write holders and publish their events, in order; each holder at most once.

    Raises `ManagerCycle` if a chain of managers would become a cycle. Lock no more rows of holders after
    this call: it may wait for transactions that change managers.
    """
    await store.save_holders(tx.conn, changes, actor=tx.cause.actor)
    await _require_no_cycle(tx, changes)
    await tx.publish(*(change.event for change in changes), now=now)


async def write_new_holders(tx: Transaction, changes: Sequence[HolderChange], now: datetime) -> None:
    """Write many new holders by COPY, and publish their events.

    New holders can't close a cycle of managers: nobody reports to them before `link_reports`.
    """
    await copy_new(tx.conn, changes, actor=tx.cause.actor)
    await tx.publish(*(change.event for change in changes), now=now)


async def _require_no_cycle(tx: Transaction, changes: Sequence[HolderChange]) -> None:
    reporting = [
        change.holder.id
        for change in changes
        if change.holder.manager_id is not None
        and (change.holder.version == 1 or "manager_id" in change.changed)
    ]
    if not reporting:
        return
    # The lock comes after the write and lasts until commit: of two transactions that would close a cycle
    # together, the second sees what the first committed.
    await store.lock_managers(tx.conn)
    cycle = await store.manager_cycle(tx.conn, reporting)
    if cycle:
        raise ManagerCycle(cycle)


async def changes_to_link_reports(
    tx: Transaction, managers: Sequence[Holder], now: datetime
) -> list[HolderChange]:
    """Lock the holders that await one of these managers by external id, and return their changes."""
    by_external_id = {manager.external_id: manager.id for manager in managers if manager.external_id}
    if not by_external_id:
        return []
    return [
        change
        for report in await store.lock_awaiting_manager(tx.conn, list(by_external_id))
        if (manager_id := by_external_id[report.awaited_manager or ""]) != report.id
        and (change := update_holder(report, {"manager_id": manager_id, "awaited_manager": None}, now))
    ]


async def link_reports(tx: Transaction, managers: Sequence[Holder], now: datetime) -> list[Holder]:
    """Give these managers to the holders that awaited them by external id; returns those holders."""
    changes = await changes_to_link_reports(tx, managers, now)
    if changes:
        await write_holders(tx, changes, now)
    return [change.holder for change in changes]


async def resolve_manager(tx: Transaction, manager_id: UUID | None) -> UUID | None:
    """Return the id, or the survivor's if it was merged; raises `Invalid` for an unknown holder."""
    if manager_id is None:
        return None
    resolved = (await store.resolve_ids(tx.conn, [manager_id])).get(manager_id)
    if resolved is None:
        raise Invalid(f"There is no holder {manager_id}.", pointer="/manager_id")
    return resolved
