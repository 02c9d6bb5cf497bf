"""Entering holders and changing their facts, on behalf of people and of other systems' feeds."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, require_version
from licet_credentials.errors import ExternalIdTaken, IdentityInDoubt
from licet_credentials.holders import changes as changing
from licet_credentials.holders import store
from licet_credentials.holders.changes import (
    HolderChange,
    HolderFacts,
    apply_feed,
    deactivate,
    new_holder,
    reactivate,
)
from licet_credentials.holders.commands.writing import (
    changes_to_link_reports,
    resolve_manager,
    write_holders,
)
from licet_credentials.holders.identity import Identity, in_doubt
from licet_credentials.holders.model import Attribute, Holder, require_born, require_not_merged

EXTERNAL_ID_REUSED = "external_id_reused"
"""Reason code for a holder whose external id a feed gives to somebody else."""
REHIRED = "rehired"
"""Reason code for a leaver that a feed names again."""


async def register_holder(tx: Transaction, facts: HolderFacts, *, now: datetime) -> Holder:
    """Enter a holder; raises `ExternalIdTaken` if another holder has its external id."""
    require_born(facts.birth_date, now)
    if facts.external_id is not None:
        known = await store.lock_by_external_ids(tx.conn, [facts.external_id])
        if facts.external_id in known:
            raise ExternalIdTaken(facts.external_id, known[facts.external_id].id)
    facts = replace(facts, manager_id=await resolve_manager(tx, facts.manager_id))
    return await _enter(tx, facts, now)


async def put_holder(
    tx: Transaction,
    external_id: str,
    facts: HolderFacts,
    manager_external_id: str | None,
    *,
    identity: Identity | None = None,
    now: datetime,
) -> tuple[Holder, bool]:
    """Create or replace the holder that has the external id; returns it and whether it is new.

    Facts that are left out are cleared. Repeating the call changes and publishes nothing, but the date on
    which the feed last named the holder is always updated. An unknown manager is linked once they are
    entered. A leaver is reactivated; a holder that a person deactivated stays inactive. The external id of
    a merged record updates only the survivor's date, none of its facts. Raises `IdentityInDoubt` if the facts
    look like somebody else's, unless `identity` says whose they are.
    """
    if manager_external_id == external_id:
        raise Invalid("A holder cannot be their own manager.", pointer="/manager_external_id")
    require_born(facts.birth_date, now)
    naming = [] if manager_external_id is None else [manager_external_id]
    known = await store.lock_by_external_ids(tx.conn, [external_id], naming=naming)
    if manager_external_id is not None:
        manager = (await store.resolve_external_ids(tx.conn, naming)).get(manager_external_id)
        facts = replace(facts, manager_id=manager, awaited_manager=None if manager else manager_external_id)
    else:
        facts = replace(facts, manager_id=await resolve_manager(tx, facts.manager_id))
    facts = replace(facts, external_id=external_id)
    holder = known.get(external_id)
    if holder is not None and holder.external_id == external_id and in_doubt(holder, facts):
        if identity is None:
            raise IdentityInDoubt(external_id, holder.id)
        if identity is Identity.NEW:
            await _part_with_external_id(tx, holder, now)
            holder = None
    if holder is None:
        entered = await _enter(tx, facts, now)
        await store.note_feed_date(tx.conn, entered.id, now)
        return entered, True
    update = apply_feed(holder, external_id, facts.as_changes(), now)
    if update is not None:
        await write_holders(tx, [update], now)
        holder = update.holder
    if holder.leaver:
        rehire = reactivate(holder, REHIRED, now)
        await write_holders(tx, [rehire], now)
        holder = rehire.holder
    await store.note_feed_date(tx.conn, holder.id, now)
    return holder, False


async def _part_with_external_id(tx: Transaction, holder: Holder, now: datetime) -> None:
    """Leave the record to whom it was about, without the external id; the feed names them no longer."""
    parted = changing.update_holder(holder, {"external_id": None}, now)
    await write_holders(tx, [] if parted is None else [parted], now)
    if holder.active and parted is not None:
        left = deactivate(parted.holder, EXTERNAL_ID_REUSED, now, note=None)
        await write_holders(tx, [left], now)


async def _enter(tx: Transaction, facts: HolderFacts, now: datetime) -> Holder:
    change = new_holder(facts, now)
    await write_holders(tx, [change, *await changes_to_link_reports(tx, [change.holder], now)], now)
    return change.holder


async def update_holder(
    tx: Transaction,
    holder_id: UUID,
    changes: Mapping[str, Any],
    *,
    expected_version: int | None,
    now: datetime,
) -> Holder:
    """Change facts about a holder; repeating the same facts changes and publishes nothing.

    Attributes are a merge patch (RFC 7396): null removes one, or all of them. If the new external id is
    that of a record merged into this holder, the two records swap ids: both still lead to the holder, and
    its feed now uses the new one.
    """
    require_born(changes.get("birth_date"), now)
    external_id = changes.get("external_id")
    known = {} if external_id is None else await store.lock_by_external_ids(tx.conn, [external_id])
    holder = await store.lock_holder(tx.conn, holder_id)
    require_version(expected_version, holder.version)
    require_not_merged(holder)
    if "manager_id" in changes:
        manager = await resolve_manager(tx, changes["manager_id"])
        changes = {**changes, "manager_id": manager, "awaited_manager": None}
    if "attributes" in changes:
        given: Mapping[str, Attribute | None] | None = changes["attributes"]
        merged = {} if given is None else {**holder.attributes, **given}
        changes = {**changes, "attributes": {k: v for k, v in merged.items() if v is not None}}
    change = changing.update_holder(holder, changes, now)
    if change is None:
        return holder
    following: list[HolderChange] = []
    if "external_id" in change.changed and external_id is not None:
        following = await _swap_external_id(tx, holder, external_id, known.get(external_id), now)
        following += await changes_to_link_reports(tx, [change.holder], now)
    await write_holders(tx, [change, *following], now)
    return change.holder


async def _swap_external_id(
    tx: Transaction, holder: Holder, external_id: str, owner: Holder | None, now: datetime
) -> list[HolderChange]:
    if owner is None:
        return []
    if owner.id != holder.id:
        raise ExternalIdTaken(external_id, owner.id)
    record = await store.lock_record(tx.conn, external_id)
    swapped = changing.update_holder(record, {"external_id": holder.external_id}, now)
    return [] if swapped is None else [swapped]
