"""How holders are written: with their history and events, their managers, and never in a circle."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid
from licet_credentials.errors import ManagerCycle
from licet_credentials.holders import store
from licet_credentials.holders.copying import copy_new
from licet_credentials.holders.model import Holder, changed_fields, checked, state_of
from licet_credentials.holders.store import HolderChange
from licet_events.holders import HolderUpdated


async def write(tx: Transaction, changes: Sequence[HolderChange], now: datetime) -> None:
    """Write holders and publish their events, in order; each holder once.

    Raises `ManagerCycle` where somebody would report to themselves in the end. Whoever calls this holds
    no further rows of holders afterwards: it may wait for others who change managers.
    """
    await store.save_holders(tx.conn, changes, actor=tx.cause.actor)
    await _require_no_cycle(tx, changes)
    await tx.publish(*(change.event for change in changes), now=now)


async def write_new(tx: Transaction, changes: Sequence[HolderChange], now: datetime) -> None:
    """Write many holders of which none is there yet, and publish their events.

    None of them can close a circle before `link_reports`: nobody reports to them yet.
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
    # Whoever looks has written, and looks alone: of two who would close a circle together the second sees
    # what the first has committed.
    await store.hold_managers(tx.conn)
    circle = await store.manager_cycle(tx.conn, reporting)
    if circle:
        raise ManagerCycle(circle)


def updated_holder(holder: Holder, changes: Mapping[str, Any], now: datetime) -> HolderChange | None:
    """Return the holder with the changes; `None` where nothing would differ."""
    after = checked(replace(holder, **changes))
    changed = changed_fields(holder, after)
    if not changed:
        return None
    after = replace(after, version=holder.version + 1, updated_at=now)
    # What is awaited is no fact of the contract, so no subscriber hears its name.
    told = tuple(name for name in changed if name != "awaited_manager")
    return HolderChange(after, HolderUpdated(holder=state_of(after), changed=told), changed)


async def linked_reports(tx: Transaction, managers: Sequence[Holder], now: datetime) -> list[HolderChange]:
    """Return the changes of those who named one of these as their manager before they were known; held."""
    by_external_id = {manager.external_id: manager.id for manager in managers if manager.external_id}
    if not by_external_id:
        return []
    return [
        change
        for report in await store.lock_awaiting_manager(tx.conn, list(by_external_id))
        if (manager_id := by_external_id[report.awaited_manager or ""]) != report.id
        and (change := updated_holder(report, {"manager_id": manager_id, "awaited_manager": None}, now))
    ]


async def link_reports(tx: Transaction, managers: Sequence[Holder], now: datetime) -> list[Holder]:
    """Link the holders that named one of these as their manager before they were known; returns them."""
    changes = await linked_reports(tx, managers, now)
    if changes:
        await write(tx, changes, now)
    return [change.holder for change in changes]


async def led_manager(tx: Transaction, manager_id: UUID | None) -> UUID | None:
    """Return where the id of a manager leads; raises `Invalid` where there is no such holder."""
    if manager_id is None:
        return None
    leads_to = (await store.lead_ids(tx.conn, [manager_id])).get(manager_id)
    if leads_to is None:
        raise Invalid(f"There is no holder {manager_id}.", pointer="/manager_id")
    return leads_to
