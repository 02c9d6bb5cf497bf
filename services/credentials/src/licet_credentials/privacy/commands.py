"""Erasing a holder: delete its data, publish tombstones for its keys, and keep only its bare id."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_chassis.erasure import erase_from_service, lock_for_erasure
from licet_chassis.errors import Conflict, NotFound
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.changes import update_holder
from licet_credentials.holders.commands.writing import write_holders
from licet_credentials.holders.model import Holder
from licet_credentials.images import store as image_store
from licet_credentials.imports import store as import_store
from licet_credentials.places.commands import end_supervision
from licet_credentials.privacy import store
from licet_credentials.privacy.model import SHORTEST_IN_ANSWERS, Erasure, telling_texts
from licet_credentials.privacy.store import CredentialRef
from licet_events import Topic
from licet_events.holders import HolderErased

RESTORED = "restored"
"""The reason of an erasure that is carried out again after an older state was restored."""
_MOST_AROUND = 100_000
"""Holders that report to one; more are not held at once."""


async def erase_holder(
    tx: Transaction, holder_id: UUID, reason: str, *, dry_run: bool = False, now: datetime
) -> Erasure:
    """Erase a holder with the records that turned out to be it, for good; done again it changes nothing.

    With `dry_run` it only tells what would go. Objects of images are collected after the commit, unless
    another image has the same content. Whoever had the holder as manager or supervisor has nobody instead.
    Raises `NotFound`, and `Conflict` for a record that was merged and while an import is at the holder.
    """
    if not dry_run:
        # Before any lock: whoever reads events holds this off, and then locks what we lock.
        await lock_for_erasure(tx.conn)
    try:
        persons = await _persons(tx, holder_id)
    except NotFound:
        known = await store.read_erasure(tx.conn, holder_id)
        if known is None:
            raise
        return known
    if dry_run:
        credentials = await store.read_credentials(tx.conn, _ids(persons))
    else:
        persons = await _let_go(tx, holder_id, now)
        credentials = await store.hold_credentials(tx.conn, _ids(persons))
    credential_ids = [credential.id for credential in credentials]
    counts = await store.count_kept(tx.conn, _ids(persons), credential_ids)
    if dry_run:
        return Erasure(holder_id, None, tx.cause.actor, reason, counts)
    await _forget_in_jobs(tx, persons, credentials)
    await store.keep_what_stays(tx.conn, _ids(persons), credential_ids)
    keys = {person.id: await store.keys_of_holder(tx.conn, person.id) for person in persons}
    await image_store.remove_images_of(tx.conn, credential_ids, machine_now())
    await store.delete_all(tx.conn, _ids(persons), credential_ids)
    for person in persons:
        await store.keep_erasure(tx.conn, person.id, now, tx.cause.actor, reason, counts)
        named = telling_texts([person.name, person.email, person.phone], SHORTEST_IN_ANSWERS)
        await _end(tx, person.id, keys[person.id], now, named)
    return Erasure(holder_id, now, tx.cause.actor, reason, counts)


async def erase_again(tx: Transaction, holder_id: UUID, *, now: datetime) -> bool:
    """Erase a holder who was erased before an older state was restored; returns whether it was there.

    One who is not there is put on the list all the same, and everybody is told again.
    """
    await lock_for_erasure(tx.conn)
    try:
        await holder_store.read_holder(tx.conn, holder_id)
    except NotFound:
        await store.keep_erasure(tx.conn, holder_id, now, tx.cause.actor, RESTORED, {})
        await _end(tx, holder_id, await store.keys_of_holder(tx.conn, holder_id), now)
        return False
    await erase_holder(tx, holder_id, RESTORED, now=now)
    return True


async def _persons(tx: Transaction, holder_id: UUID) -> list[Holder]:
    """Return the holder and the records that turned out to be it; raises `Conflict` for one of those."""
    holder = await holder_store.read_holder(tx.conn, holder_id)
    if holder.merged_into is not None:
        raise Conflict(
            f"The holder {holder_id} was merged into {holder.merged_into}; erase that one, and both are gone."
        )
    duplicates = await holder_store.ids_merged_into(tx.conn, holder_id)
    return [holder, *[await holder_store.read_holder(tx.conn, each) for each in duplicates]]


async def _let_go(tx: Transaction, holder_id: UUID, now: datetime) -> list[Holder]:
    """Hold the holder and its duplicates, and free everybody who names one of them."""
    await import_store.lock_open_imports(tx.conn)
    await holder_store.lock_affected(tx.conn, [holder_id], _MOST_AROUND)
    # Again, now that nobody else changes who reports to whom: whoever came to report to it meanwhile.
    await holder_store.lock_managers(tx.conn)
    around = await holder_store.lock_affected(tx.conn, [holder_id], _MOST_AROUND)
    # From here on whoever is about to record something for the holder waits, and then finds nobody.
    await holder_store.fence(tx.conn, holder_id)
    persons = await _persons(tx, holder_id)
    gone = set(_ids(persons))
    reports = [
        change
        for holder in around.values()
        if holder.manager_id in gone
        and holder.id not in gone
        and (change := update_holder(holder, {"manager_id": None}, now))
    ]
    if reports:
        await write_holders(tx, reports, now)
    for person in persons:
        await end_supervision(tx, person.id, now=now)
    return persons


async def _forget_in_jobs(
    tx: Transaction, persons: Sequence[Holder], credentials: Sequence[CredentialRef]
) -> None:
    external_ids = [person.external_id for person in persons if person.external_id is not None]
    texts = telling_texts(
        [
            *(text for each in persons for text in (each.name, each.email, each.phone, each.external_id)),
            *(credential.number for credential in credentials),
        ]
    )
    unread = await import_store.forget_holders(tx.conn, external_ids, texts)
    ids = [*_ids(persons), *(credential.id for credential in credentials)]
    unread += await store.forget_in_imports(tx.conn, external_ids, texts, ids)
    await store.forget_in_bulks(tx.conn, [credential.id for credential in credentials], texts)
    if unread:
        raise Conflict(
            f"The import {unread[0]} is just being read and may name the holder; try again in a moment."
        )


async def _end(
    tx: Transaction,
    holder_id: UUID,
    credential_ids: Sequence[UUID],
    now: datetime,
    named: Sequence[str] = (),
) -> None:
    """Put the holder on the list, forget what is on its way, and end every key it ever had.

    An answer that was kept is found by an id in it, or where somebody put the person's name, such as into
    the name of a file, by what it is `named`.
    """

    async def publish(tx: Transaction, holder_id: UUID, now: datetime) -> None:
        await tx.publish(
            *(
                HolderErased(holder_id=holder_id, path=str(each), of=Topic.CREDENTIALS)
                for each in credential_ids
            ),
            HolderErased(holder_id=holder_id),
            now=now,
        )

    await erase_from_service(tx, holder_id, publish, now=now, mentions=[*map(str, credential_ids), *named])


def _ids(persons: Sequence[Holder]) -> list[UUID]:
    return [person.id for person in persons]
