"""Entering holders and changing what is said about them, by people and by other systems' feeds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, require_version
from licet_credentials.errors import ExternalIdTaken
from licet_credentials.holders import store
from licet_credentials.holders.commands.carrying import led_manager, linked_reports, updated_holder, write
from licet_credentials.holders.commands.leaving import reactivated
from licet_credentials.holders.model import Attribute, Holder, checked, require_not_merged, state_of
from licet_credentials.holders.store import HolderChange
from licet_events.holders import HolderKind, HolderRegistered
from licet_events.ids import uuid7

REHIRED = "rehired"
"""The reason code under which a feed brings back whom it had left out before."""


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
    holder = Holder(
        id=uuid7(),
        version=1,
        active=True,
        leaver=False,
        merged_into=None,
        created_at=now,
        updated_at=now,
        **facts.as_changes(),
    )
    return HolderChange(checked(holder), HolderRegistered(holder=state_of(holder)))


def fed_holder(
    holder: Holder, external_id: str, changes: Mapping[str, Any], now: datetime
) -> HolderChange | None:
    """Return the holder with what another system says under an external id; `None` where nothing differs.

    What it says under the id of a record that was merged changes nothing: two records of one person
    would take turns in overwriting each other. The holder's own external id rules.
    """
    if holder.external_id != external_id:
        return None
    return updated_holder(holder, changes, now)


async def register_holder(tx: Transaction, facts: HolderFacts, *, now: datetime) -> Holder:
    """Enter a holder; raises `ExternalIdTaken` for an external id that another has."""
    if facts.external_id is not None:
        known = await store.lock_by_external_ids(tx.conn, [facts.external_id])
        if facts.external_id in known:
            raise ExternalIdTaken(facts.external_id, known[facts.external_id].id)
    facts = replace(facts, manager_id=await led_manager(tx, facts.manager_id))
    return await _enter(tx, facts, now)


async def put_holder(
    tx: Transaction, external_id: str, facts: HolderFacts, manager_external_id: str | None, *, now: datetime
) -> tuple[Holder, bool]:
    """Create or replace what another system knows by `external_id`; returns it and whether it is new.

    A field that is left out is cleared. The same again changes and publishes nothing, but that the feed
    has named the holder is noted. A manager who is not known yet is linked when they are entered. Whoever
    was deactivated as a leaver is back; whoever was deactivated by a person stays so. The id of a merged
    record leads to the holder it was merged into, of whom it names but changes nothing.
    """
    if manager_external_id == external_id:
        raise Invalid("A holder cannot be their own manager.", pointer="/manager_external_id")
    naming = [] if manager_external_id is None else [manager_external_id]
    known = await store.lock_by_external_ids(tx.conn, [external_id], naming=naming)
    if manager_external_id is not None:
        manager = (await store.lead_external_ids(tx.conn, naming)).get(manager_external_id)
        facts = replace(facts, manager_id=manager, awaited_manager=None if manager else manager_external_id)
    else:
        facts = replace(facts, manager_id=await led_manager(tx, facts.manager_id))
    facts = replace(facts, external_id=external_id)
    holder = known.get(external_id)
    if holder is None:
        entered = await _enter(tx, facts, now)
        await store.note_named(tx.conn, entered.id, now)
        return entered, True
    update = fed_holder(holder, external_id, facts.as_changes(), now)
    if update is not None:
        await write(tx, [update], now)
        holder = update.holder
    if holder.leaver:
        back = reactivated(holder, REHIRED, now)
        await write(tx, [back], now)
        holder = back.holder
    await store.note_named(tx.conn, holder.id, now)
    return holder, False


async def _enter(tx: Transaction, facts: HolderFacts, now: datetime) -> Holder:
    change = new_holder(facts, now)
    await write(tx, [change, *await linked_reports(tx, [change.holder], now)], now)
    return change.holder


async def update_holder(
    tx: Transaction,
    holder_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None,
    now: datetime,
) -> Holder:
    """Change facts about a holder; the same facts again change and publish nothing.

    Attributes are merged: one that is null is taken away, null for all of them takes all away. With the
    external id of a record that was merged into it the holder changes ids: each leads to it as before,
    and the one that it has now rules.
    """
    external_id = changes.get("external_id")
    known = {} if external_id is None else await store.lock_by_external_ids(tx.conn, [external_id])
    holder = await store.lock_holder(tx.conn, holder_id)
    require_version(expected_version, holder.version)
    require_not_merged(holder)
    if "manager_id" in changes:
        manager = await led_manager(tx, changes["manager_id"])
        changes = {**changes, "manager_id": manager, "awaited_manager": None}
    if "attributes" in changes:
        given: Mapping[str, Attribute | None] | None = changes["attributes"]
        merged = {} if given is None else {**holder.attributes, **given}
        changes = {**changes, "attributes": {k: v for k, v in merged.items() if v is not None}}
    change = updated_holder(holder, changes, now)
    if change is None:
        return holder
    following: list[HolderChange] = []
    if "external_id" in change.changed and external_id is not None:
        following = await _with_external_id(tx, holder, external_id, known.get(external_id), now)
        following += await linked_reports(tx, [change.holder], now)
    await write(tx, [change, *following], now)
    return change.holder


async def _with_external_id(
    tx: Transaction, holder: Holder, external_id: str, led_to: Holder | None, now: datetime
) -> list[HolderChange]:
    if led_to is None:
        return []
    if led_to.id != holder.id:
        raise ExternalIdTaken(external_id, led_to.id)
    record = await store.lock_record(tx.conn, external_id)
    exchanged = updated_holder(record, {"external_id": holder.external_id}, now)
    return [] if exchanged is None else [exchanged]
