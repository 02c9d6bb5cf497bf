"""Making one holder of two records of the same person or vendor."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid, NotFound, OutOfReach, require_version
from licet_credentials.credentials.commands import move_credential
from licet_credentials.errors import NamesOthers, NumberTaken
from licet_credentials.holders import store
from licet_credentials.holders.commands.carrying import updated_holder, write
from licet_credentials.holders.model import Holder, merged, require_not_merged, state_of
from licet_credentials.holders.store import HolderChange
from licet_credentials.places.commands import replace_supervisor
from licet_credentials.visibility.model import Sees
from licet_events.holders import HolderMerged

MOST = 200
"""Credentials, and holders around a duplicate, that one merge takes along: it is one transaction."""

_OUT_OF_REACH = (
    "This merge would also change what this token does not see: whom the duplicate manages, or a team or"
    " location that it supervises. It takes a token that sees everyone."
)


class _NumberInBoth(NamesOthers):
    """A credential would move to where another has its number."""

    def __init__(self, credential_id: UUID, other: UUID | None) -> None:
        super().__init__(
            f"Both have one number under one type: the duplicate's credential {credential_id} and credential"
            f" {other}. Void the one that is too many first."
        )
        self._credential_id = credential_id

    def unnamed(self) -> Conflict:
        """Return which of the duplicate's it is, and not the other."""
        return Conflict(
            f"The number of the duplicate's credential {self._credential_id} is taken already where it would"
            " move to. Void the one that is too many first."
        )


@dataclass(frozen=True, slots=True)
class Merged:
    """What came of a merge."""

    holder: Holder
    """The one that is left."""
    duplicate: Holder
    credentials: tuple[UUID, ...]
    """Those that moved."""
    reports: tuple[UUID, ...]
    """Those that the duplicate managed."""
    places: tuple[str, ...]
    """Those that it supervised, such as `team/red`."""


async def merge_holder(
    tx: Transaction,
    duplicate_id: UUID,
    into_id: UUID,
    reason: str,
    *,
    note: str | None,
    expected_version: int | None,
    sees: Sees,
    now: datetime,
) -> Merged:
    """Let a duplicate lead to the holder that it turned out to be, with all that hangs on it; for good.

    Its credentials move, but for voided ones; its reports and the places it supervises have the other
    instead; what was merged into it leads on. What the record says about the person is not taken over,
    but for its external id where the other has none. Raises `OutOfReach` where one of those would have
    to change who is not seen, or a place, which is everybody's. Raises `Conflict` where more than `MOST`
    would have to change, where the holder that is to be left is inactive or merged, and for a number
    that both have under one type.
    """
    if duplicate_id == into_id:
        raise Invalid("A holder can't be merged into itself.", pointer="/into")
    before = await store.read_holder(tx.conn, duplicate_id)
    if before.external_id is not None:
        await store.reserve_external_ids(tx.conn, [before.external_id])
    await _around(tx, duplicate_id, into_id, sees)
    # From here on whoever is about to record something for the duplicate, or to report to it, waits, and then
    # sees the merge. Those who did so before are looked up again.
    await store.fence(tx.conn, duplicate_id)
    around = await _around(tx, duplicate_id, into_id, sees)
    duplicate, into = _both(around, duplicate_id, into_id)
    require_version(expected_version, duplicate.version)
    if duplicate.external_id != before.external_id:
        raise Conflict("The duplicate's external_id changed at the same moment; try again.")
    credential_ids = await store.hold_credentials(tx.conn, duplicate_id, MOST + 1)
    if len(credential_ids) > MOST:
        raise Conflict(f"The duplicate has more than {MOST} credentials; move some of them first.")

    # Credentials first, so that subscribers rarely know them under somebody inactive in between.
    for credential_id in credential_ids:
        await _move(tx, credential_id, into_id, reason, note, now)
    changes = _changes(duplicate, into, around, reason, note, now)
    await write(tx, changes, now)
    await store.carry_naming(tx.conn, duplicate_id, into_id)
    places = await replace_supervisor(tx, duplicate_id, into_id, now=now)
    if places and not sees.everyone:
        raise OutOfReach(_OUT_OF_REACH)
    after = {change.holder.id: change.holder for change in changes}
    return Merged(
        holder=after.get(into_id, into),
        duplicate=after[duplicate_id],
        credentials=tuple(credential_ids),
        reports=tuple(
            holder.id
            for holder in around.values()
            if holder.manager_id == duplicate_id and holder.id != into_id and holder.merged_into is None
        ),
        places=places,
    )


async def _around(tx: Transaction, duplicate_id: UUID, into_id: UUID, sees: Sees) -> dict[UUID, Holder]:
    around = await store.lock_around(tx.conn, [duplicate_id, into_id], MOST + 3)
    if not all(sees.may_see(team=holder.team, location=holder.location) for holder in around.values()):
        raise OutOfReach(_OUT_OF_REACH)
    if len(around) > MOST + 2:
        raise Conflict(
            f"More than {MOST} holders report to the duplicate or were merged into it; give some of its"
            " reports another manager first."
        )
    return around


def _both(around: dict[UUID, Holder], duplicate_id: UUID, into_id: UUID) -> tuple[Holder, Holder]:
    if duplicate_id not in around:
        raise NotFound(f"There is no holder {duplicate_id}.")
    if into_id not in around:
        raise Invalid(f"There is no holder {into_id}.", pointer="/into")
    duplicate, into = require_not_merged(around[duplicate_id]), around[into_id]
    if into.merged_into is not None:
        raise Conflict(
            f"The holder {into_id} was itself merged into {into.merged_into}; merge into that one.",
            pointer="/into",
        )
    if not into.active:
        raise Conflict(
            f"The holder {into_id} is inactive and gets no credentials; reactivate it first, or merge it into"
            " the other.",
            pointer="/into",
        )
    return duplicate, into


def _changes(
    duplicate: Holder,
    into: Holder,
    around: dict[UUID, Holder],
    reason: str,
    note: str | None,
    now: datetime,
) -> list[HolderChange]:
    """Return all changes of holders: of the two, the duplicate's reports, and what was merged into it."""
    said: dict[str, Any] = {}
    taken_over = into.external_id is None and duplicate.external_id is not None
    if taken_over:
        said["external_id"] = duplicate.external_id
    if into.manager_id == duplicate.id:
        said["manager_id"] = duplicate.manager_id
    changes = [updated_holder(into, said, now)]
    for holder in around.values():
        if holder.id in {duplicate.id, into.id}:
            continue
        if holder.merged_into == duplicate.id:
            changes.append(_merged(holder, into.id, holder.external_id, reason, note, now))
        else:
            changes.append(updated_holder(holder, {"manager_id": into.id}, now))
    left = None if taken_over else duplicate.external_id
    changes.append(_merged(duplicate, into.id, left, reason, note, now))
    return [change for change in changes if change is not None]


def _merged(
    holder: Holder, into: UUID, external_id: str | None, reason: str, note: str | None, now: datetime
) -> HolderChange:
    after = merged(holder, into, external_id, now)
    changed = tuple(
        name
        for name in ("external_id", "active", "merged_into")
        if getattr(after, name) != getattr(holder, name)
    )
    return HolderChange(after, HolderMerged(holder=state_of(after), into=into), changed, reason, note)


async def _move(
    tx: Transaction, credential_id: UUID, into_id: UUID, reason: str, note: str | None, now: datetime
) -> None:
    try:
        await move_credential(tx, credential_id, into_id, reason, note=note, now=now)
    except NumberTaken as error:
        raise _NumberInBoth(credential_id, error.other) from error
