"""A merge as pure functions: what it returns, and the changes of all holders that it touches."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.errors import Conflict, Invalid, NotFound
from licet_credentials.holders.changes import HolderChange, update_holder
from licet_credentials.holders.model import Holder, require_not_merged, state_of
from licet_events.holders import HolderMerged


@dataclass(frozen=True, slots=True)
class MergeResult:
    """The two records after a merge, and what moved from the duplicate to the survivor."""

    survivor: Holder
    duplicate: Holder
    credentials: tuple[UUID, ...]
    reports: tuple[UUID, ...]
    """Holders whose manager was the duplicate."""
    places: tuple[str, ...]
    """Teams and locations that the duplicate supervised, such as `team/red`."""


def require_mergeable(
    holders: Mapping[UUID, Holder], duplicate_id: UUID, survivor_id: UUID
) -> tuple[Holder, Holder]:
    """Return the duplicate and the survivor; raises `NotFound`, `Invalid` or `Conflict`.

    `holders` are the locked ones; the survivor must be active and not itself merged.
    """
    if duplicate_id not in holders:
        raise NotFound(f"There is no holder {duplicate_id}.")
    if survivor_id not in holders:
        raise Invalid(f"There is no holder {survivor_id}.", pointer="/into")
    duplicate, survivor = require_not_merged(holders[duplicate_id]), holders[survivor_id]
    if survivor.merged_into is not None:
        raise Conflict(
            f"The holder {survivor_id} was itself merged into {survivor.merged_into}; merge into that one.",
            pointer="/into",
        )
    if not survivor.active:
        raise Conflict(
            f"The holder {survivor_id} is inactive and gets no credentials; reactivate it first, or merge it"
            " into the other.",
            pointer="/into",
        )
    return duplicate, survivor


def merge_records(
    duplicate: Holder,
    survivor: Holder,
    affected: Mapping[UUID, Holder],
    reason: str,
    note: str | None,
    now: datetime,
) -> list[HolderChange]:
    """Return the changes of both records, of the duplicate's reports, and of what was merged into it before.

    The survivor takes over the external id if it has none, and the duplicate's manager if the duplicate
    itself was its manager. Everything else that the duplicate says about the person is dropped.
    """
    facts: dict[str, Any] = {}
    takes_external_id = survivor.external_id is None and duplicate.external_id is not None
    if takes_external_id:
        facts["external_id"] = duplicate.external_id
    if survivor.manager_id == duplicate.id:
        facts["manager_id"] = duplicate.manager_id
    changes = [update_holder(survivor, facts, now)]
    for holder in affected.values():
        if holder.id in {duplicate.id, survivor.id}:
            continue
        if holder.merged_into == duplicate.id:
            changes.append(_merge_into(holder, survivor.id, holder.external_id, reason, note, now))
        else:
            changes.append(update_holder(holder, {"manager_id": survivor.id}, now))
    left = None if takes_external_id else duplicate.external_id
    changes.append(_merge_into(duplicate, survivor.id, left, reason, note, now))
    return [change for change in changes if change is not None]


def _merge_into(
    holder: Holder, survivor_id: UUID, external_id: str | None, reason: str, note: str | None, now: datetime
) -> HolderChange:
    after = replace(
        holder,
        external_id=external_id,
        awaited_manager=None,
        active=False,
        leaver=False,
        merged_into=survivor_id,
        version=holder.version + 1,
        updated_at=now,
    )
    changed = tuple(
        name
        for name in ("external_id", "active", "merged_into")
        if getattr(after, name) != getattr(holder, name)
    )
    event = HolderMerged(holder=state_of(after), into=survivor_id)
    return HolderChange(after, event, changed, reason, note)
