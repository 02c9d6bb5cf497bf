"""Merging a duplicate record into the holder that it turned out to be."""

from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid, OutOfReach, require_version
from licet_credentials.credentials.commands.correcting import move_credential
from licet_credentials.errors import NamesOthers, NumberTaken
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.commands.writing import write_holders
from licet_credentials.holders.model import Holder
from licet_credentials.merging import store
from licet_credentials.merging.model import MergeResult, merge_records, require_mergeable
from licet_credentials.places.commands import replace_supervisor
from licet_credentials.visibility.model import Sees

MOST = 200
"""Most credentials, and most other holders, that one merge changes: it is one transaction."""

_OUT_OF_REACH = (
    "This merge would also change holders or places that this token does not see: reports of the duplicate,"
    " or a team or location that it supervises. It takes a token that sees everyone."
)


class _NumberInBoth(NamesOthers):
    """Both records have a credential of one type with the same number."""

    def __init__(self, credential_id: UUID, other: UUID | None) -> None:
        super().__init__(
            f"Both holders have the same number under one type: credential {credential_id} of the duplicate"
            f" and credential {other}. Void the superfluous one first."
        )
        self._credential_id = credential_id

    def unnamed(self) -> Conflict:
        """Return the conflict without the id of the other credential."""
        return Conflict(
            f"The number of the duplicate's credential {self._credential_id} is already taken where it would"
            " move to. Void the superfluous one first."
        )


async def merge_holder(
    tx: Transaction,
    duplicate_id: UUID,
    survivor_id: UUID,
    reason: str,
    *,
    note: str | None,
    expected_version: int | None,
    sees: Sees,
    now: datetime,
) -> MergeResult:
    """Merge the duplicate into the survivor, for good.

    Its credentials move, except voided ones; its reports and the places it supervises are reassigned;
    records that were merged into it before lead on to the survivor. `merge_records` says which facts are
    taken over. Raises `OutOfReach` if the token does not see every holder that would change, or if a place
    would change and the token does not see everyone. Raises `Conflict` if more than `MOST` would change, if
    the survivor is inactive or merged, and if both have the same number under one type.
    """
    if duplicate_id == survivor_id:
        raise Invalid("A holder can't be merged into itself.", pointer="/into")
    before = await holder_store.read_holder(tx.conn, duplicate_id)
    if before.external_id is not None:
        await holder_store.reserve_external_ids(tx.conn, [before.external_id])
    await _lock_affected(tx, duplicate_id, survivor_id, sees)
    # From here on, transactions that want to refer to the duplicate wait and then see the merge. References
    # that were committed before the fence are found by locking again.
    await holder_store.fence(tx.conn, duplicate_id)
    affected = await _lock_affected(tx, duplicate_id, survivor_id, sees)
    duplicate, survivor = require_mergeable(affected, duplicate_id, survivor_id)
    require_version(expected_version, duplicate.version)
    if duplicate.external_id != before.external_id:
        raise Conflict("The duplicate's external_id changed at the same moment; try again.")
    credential_ids = await store.lock_credentials(tx.conn, duplicate_id, MOST + 1)
    if len(credential_ids) > MOST:
        raise Conflict(f"The duplicate has more than {MOST} credentials; move some of them first.")

    # Credentials first, so that subscribers rarely see them under an inactive holder in between.
    for credential_id in credential_ids:
        await _move(tx, credential_id, survivor_id, reason, note, now)
    changes = merge_records(duplicate, survivor, affected, reason, note, now)
    await write_holders(tx, changes, now)
    await store.take_over_feed_date(tx.conn, duplicate_id, survivor_id)
    places = await replace_supervisor(tx, duplicate_id, survivor_id, now=now)
    if places and not sees.everyone:
        raise OutOfReach(_OUT_OF_REACH)
    after = {change.holder.id: change.holder for change in changes}
    return MergeResult(
        survivor=after.get(survivor_id, survivor),
        duplicate=after[duplicate_id],
        credentials=tuple(credential_ids),
        reports=tuple(
            holder.id
            for holder in affected.values()
            if holder.manager_id == duplicate_id and holder.id != survivor_id and holder.merged_into is None
        ),
        places=places,
    )


async def _lock_affected(
    tx: Transaction, duplicate_id: UUID, survivor_id: UUID, sees: Sees
) -> dict[UUID, Holder]:
    affected = await holder_store.lock_affected(tx.conn, [duplicate_id, survivor_id], MOST + 3)
    if not all(sees.may_see(team=holder.team, location=holder.location) for holder in affected.values()):
        raise OutOfReach(_OUT_OF_REACH)
    if len(affected) > MOST + 2:
        raise Conflict(
            f"More than {MOST} holders report to the duplicate or were merged into it; give some of its"
            " reports another manager first."
        )
    return affected


async def _move(
    tx: Transaction, credential_id: UUID, survivor_id: UUID, reason: str, note: str | None, now: datetime
) -> None:
    try:
        await move_credential(tx, credential_id, survivor_id, reason, note=note, now=now)
    except NumberTaken as error:
        raise _NumberInBoth(credential_id, error.other) from error
