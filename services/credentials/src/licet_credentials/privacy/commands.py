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
from licet_credentials.privacy.model import SHORTEST_IN_ANSWERS, Erasure, identifying_texts
from licet_credentials.privacy.store import CredentialRef
from licet_events import Topic
from licet_events.holders import HolderErased

RESTORED = "restored"
"""Reason of an erasure that is repeated after an older state was restored."""
_MOST_AROUND = 100_000
"""Most reports of one holder that a transaction locks."""


async def erase_holder(
    tx: Transaction, holder_id: UUID, reason: str, *, dry_run: bool = False, now: datetime
) -> Erasure:
    """Erase a holder for good, with the records that were merged into it; a repetition changes nothing.

    `dry_run` only counts what would be deleted. Objects of images are collected after the commit, unless
    another image has the same content. Reports and places of the holder lose their manager or supervisor.
    Raises `NotFound`, and `Conflict` for a merged record and while an import is reading the holder.
    """
    if not dry_run:
        # Before any other lock: consumers hold this one while they lock the rows that we lock below.
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
        persons = await _lock_and_unlink(tx, holder_id, now)
        credentials = await store.lock_credentials_of(tx.conn, _ids(persons))
    credential_ids = [credential.id for credential in credentials]
    counts = await store.count_records(tx.conn, _ids(persons), credential_ids)
    if dry_run:
        return Erasure(holder_id, None, tx.cause.actor, reason, counts)
    await _remove_from_jobs(tx, persons, credentials)
    await store.store_remains(tx.conn, _ids(persons), credential_ids)
    keys = {person.id: await store.keys_of_holder(tx.conn, person.id) for person in persons}
    await image_store.remove_images_of(tx.conn, credential_ids, machine_now())
    await store.delete_all(tx.conn, _ids(persons), credential_ids)
    for person in persons:
        await store.insert_erasure(tx.conn, person.id, now, tx.cause.actor, reason, counts)
        named = identifying_texts([person.name, person.email, person.phone], SHORTEST_IN_ANSWERS)
        await _end(tx, person.id, keys[person.id], now, named)
    return Erasure(holder_id, now, tx.cause.actor, reason, counts)


async def erase_again(tx: Transaction, holder_id: UUID, *, now: datetime) -> bool:
    """Repeat an erasure after an older state was restored; returns whether the holder was there.

    If it was not, the erasure is stored and its tombstones are published all the same.
    """
    await lock_for_erasure(tx.conn)
    try:
        await holder_store.read_holder(tx.conn, holder_id)
    except NotFound:
        await store.insert_erasure(tx.conn, holder_id, now, tx.cause.actor, RESTORED, {})
        await _end(tx, holder_id, await store.keys_of_holder(tx.conn, holder_id), now)
        return False
    await erase_holder(tx, holder_id, RESTORED, now=now)
    return True


async def _persons(tx: Transaction, holder_id: UUID) -> list[Holder]:
    """Return the holder and the records merged into it; raises `Conflict` if it was merged itself."""
    holder = await holder_store.read_holder(tx.conn, holder_id)
    if holder.merged_into is not None:
        raise Conflict(
            f"The holder {holder_id} was merged into {holder.merged_into}; erase that one, and both are gone."
        )
    duplicates = await holder_store.ids_merged_into(tx.conn, holder_id)
    return [holder, *[await holder_store.read_holder(tx.conn, each) for each in duplicates]]


async def _lock_and_unlink(tx: Transaction, holder_id: UUID, now: datetime) -> list[Holder]:
    """Lock the holder and its duplicates, and remove them as managers and supervisors."""
    await import_store.lock_open_imports(tx.conn)
    await holder_store.lock_affected(tx.conn, [holder_id], _MOST_AROUND)
    # Again under the lock on managers: another holder may have been made a report in the meantime.
    await holder_store.lock_managers(tx.conn)
    around = await holder_store.lock_affected(tx.conn, [holder_id], _MOST_AROUND)
    # From here on, concurrent writes for the holder wait, and then find that it does not exist.
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


async def _remove_from_jobs(
    tx: Transaction, persons: Sequence[Holder], credentials: Sequence[CredentialRef]
) -> None:
    external_ids = [person.external_id for person in persons if person.external_id is not None]
    texts = identifying_texts(
        [
            *(text for each in persons for text in (each.name, each.email, each.phone, each.external_id)),
            *(credential.number for credential in credentials),
        ]
    )
    unread = await import_store.forget_holders(tx.conn, external_ids, texts)
    ids = [*_ids(persons), *(credential.id for credential in credentials)]
    unread += await store.remove_from_imports(tx.conn, external_ids, texts, ids)
    await store.remove_from_bulks(tx.conn, [credential.id for credential in credentials], texts)
    if unread:
        raise Conflict(
            f"The import {unread[0]} is just being read and may name the holder; try again in a moment."
        )


async def _end(
    tx: Transaction,
    holder_id: UUID,
    paths: Sequence[str],
    now: datetime,
    named: Sequence[str] = (),
) -> None:
    """Store the erasure, delete pending work about the holder, and publish tombstones for all its keys.

    Stored answers are found by an id in them, or by one of the texts `named`: somebody may have put the
    person's name into the name of a file.
    """

    async def publish(tx: Transaction, holder_id: UUID, now: datetime) -> None:
        await tx.publish(
            *(HolderErased(holder_id=holder_id, path=path, of=Topic.CREDENTIALS) for path in paths),
            HolderErased(holder_id=holder_id),
            now=now,
        )

    await erase_from_service(tx, holder_id, publish, now=now, mentions=[*paths, *named])


def _ids(persons: Sequence[Holder]) -> list[UUID]:
    return [person.id for person in persons]
