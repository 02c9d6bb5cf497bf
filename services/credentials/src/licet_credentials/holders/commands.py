"""Registering, updating, deactivating and reactivating holders."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.errors import ExternalIdTaken, Invalid, require_version
from licet_credentials.holders import store
from licet_credentials.holders.model import Attribute, Holder, changed_fields, checked, set_active, state_of
from licet_credentials.holders.store import HolderChange
from licet_events.holders import (
    HolderDeactivated,
    HolderEvent,
    HolderKind,
    HolderReactivated,
    HolderRegistered,
    HolderUpdated,
)
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class HolderFacts:
    """Everything that may be said about a holder."""

    kind: HolderKind
    name: str
    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    time_zone: str | None = None
    locale: str | None = None
    team: str | None = None
    location: str | None = None
    manager_id: UUID | None = None
    awaited_manager: str | None = None
    roles: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute] | None = None

    def as_changes(self) -> dict[str, Any]:
        """Return the facts by name."""
        return {name: getattr(self, name) for name in self.__slots__} | {"attributes": self.attributes or {}}


def new_holder(facts: HolderFacts, now: datetime) -> HolderChange:
    """Return a new holder with the event that registers it."""
    holder = Holder(id=uuid7(), version=1, active=True, created_at=now, updated_at=now, **facts.as_changes())
    return HolderChange(checked(holder), HolderRegistered(holder=state_of(holder)))


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


async def register_holder(tx: Transaction, facts: HolderFacts, *, now: datetime) -> Holder:
    """Enter a holder; raises `ExternalIdTaken` for one that another has."""
    if facts.external_id is not None:
        known = await store.lock_by_external_ids(tx.conn, [facts.external_id])
        _require_free(facts.external_id, known)
    await _require_manager(tx, facts.manager_id)
    change = new_holder(facts, now)
    await write(tx, [change], now)
    await link_reports(tx, [change.holder], now)
    return change.holder


async def put_holder(
    tx: Transaction, external_id: str, facts: HolderFacts, manager_external_id: str | None, *, now: datetime
) -> tuple[Holder, bool]:
    """Create or replace what another system knows by `external_id`; returns it and whether it is new.

    A field that is left out is cleared. The same again changes and publishes nothing. A manager who is
    not known yet is linked when they are entered.
    """
    known = await store.lock_by_external_ids(tx.conn, [external_id])
    if manager_external_id is not None:
        if manager_external_id == external_id:
            raise Invalid("A holder cannot be their own manager.", pointer="/manager_external_id")
        manager = (await store.ids_by_external_id(tx.conn, [manager_external_id])).get(manager_external_id)
        facts = replace(facts, manager_id=manager, awaited_manager=None if manager else manager_external_id)
    else:
        await _require_manager(tx, facts.manager_id)
    facts = replace(facts, external_id=external_id)
    holder = known.get(external_id)
    if holder is None:
        change = new_holder(facts, now)
        await write(tx, [change], now)
        await link_reports(tx, [change.holder], now)
        return change.holder, True
    update = updated_holder(holder, facts.as_changes(), now)
    if update is None:
        return holder, False
    await write(tx, [update], now)
    return update.holder, False


async def update_holder(
    tx: Transaction,
    holder_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None,
    now: datetime,
) -> Holder:
    """Change facts about a holder; the same facts again change and publish nothing.

    Attributes are merged: one that is null is taken away, null for all of them takes all away.
    """
    holder = await store.lock_holder(tx.conn, holder_id)
    require_version(expected_version, holder.version)
    if "manager_id" in changes:
        await _require_manager(tx, changes["manager_id"])
        changes = {**changes, "awaited_manager": None}
    if "attributes" in changes:
        given: Mapping[str, Attribute | None] | None = changes["attributes"]
        merged = {} if given is None else {**holder.attributes, **given}
        changes = {**changes, "attributes": {k: v for k, v in merged.items() if v is not None}}
    external_id = changes.get("external_id")
    if external_id is not None and external_id != holder.external_id:
        _require_free(external_id, await store.lock_by_external_ids(tx.conn, [external_id]))
    change = updated_holder(holder, changes, now)
    if change is None:
        return holder
    await write(tx, [change], now)
    if "external_id" in change.changed:
        await link_reports(tx, [change.holder], now)
    return change.holder


async def deactivate_holder(
    tx: Transaction, holder_id: UUID, reason: str, *, expected_version: int | None, now: datetime
) -> Holder:
    """Note that a holder has left: notices stop, facts go on."""
    return await _set_active(tx, holder_id, reason, expected_version, now, active=False)


async def reactivate_holder(
    tx: Transaction, holder_id: UUID, reason: str, *, expected_version: int | None, now: datetime
) -> Holder:
    """Note that a holder has come back."""
    return await _set_active(tx, holder_id, reason, expected_version, now, active=True)


async def _set_active(
    tx: Transaction,
    holder_id: UUID,
    reason: str,
    expected_version: int | None,
    now: datetime,
    *,
    active: bool,
) -> Holder:
    before = await store.lock_holder(tx.conn, holder_id)
    require_version(expected_version, before.version)
    holder = set_active(before, now, active=active)
    event: HolderEvent = (
        HolderReactivated(holder=state_of(holder), reason=reason)
        if active
        else HolderDeactivated(holder=state_of(holder), reason=reason)
    )
    await write(tx, [HolderChange(holder, event, ("active",), reason)], now)
    return holder


async def link_reports(tx: Transaction, managers: list[Holder], now: datetime) -> None:
    """Link the holders that named one of these as their manager before they were known."""
    by_external_id = {manager.external_id: manager.id for manager in managers if manager.external_id}
    if not by_external_id:
        return
    changes = [
        change
        for report in await store.lock_awaiting_manager(tx.conn, list(by_external_id))
        if (manager_id := by_external_id[report.awaited_manager or ""]) != report.id
        and (change := updated_holder(report, {"manager_id": manager_id, "awaited_manager": None}, now))
    ]
    if changes:
        await write(tx, changes, now)


async def write(tx: Transaction, changes: list[HolderChange], now: datetime) -> None:
    """Write holders and publish their events, in order."""
    await store.save_holders(tx.conn, changes, actor=tx.cause.actor)
    await tx.publish(*(change.event for change in changes), now=now)


async def _require_manager(tx: Transaction, manager_id: UUID | None) -> None:
    if manager_id is not None and not await store.holder_exists(tx.conn, manager_id):
        raise Invalid(f"There is no holder {manager_id}.", pointer="/manager_id")


def _require_free(external_id: str, known: Mapping[str, Holder]) -> None:
    other = known.get(external_id)
    if other is not None:
        raise ExternalIdTaken(external_id, other.id)
