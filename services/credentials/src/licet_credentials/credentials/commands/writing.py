"""How every command on one credential is carried out: lock, settle, one step, write, publish."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from licet_chassis.copying import Copying
from licet_chassis.database import Transaction
from licet_chassis.errors import require_version
from licet_chassis.outbox.append import append
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change, settle
from licet_credentials.credentials.copying import copy_new
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.store import Loaded, Saved


async def write_credentials(tx: Transaction, saved: Sequence[Saved], now: datetime) -> None:
    """Write changes and publish their events, credential by credential in order."""
    if not saved:
        return
    await store.save(tx.conn, saved, actor=tx.cause.actor)
    await tx.publish(
        *(event for each in saved for event in (*each.change.events, *each.change.left)), now=now
    )


async def write_new_credentials(tx: Transaction, saved: Sequence[Saved], now: datetime) -> None:
    """Write many credentials of which none is there yet, and publish their events; as `write` does."""
    async with Copying(tx.conn) as copying:
        await copy_new(copying, saved, actor=tx.cause.actor)
        # While the last rows are written.
        records = tx.records_of([(event, None, now) for each in saved for event in each.change.events])
    await append(tx.conn, records)


Step = Callable[[Change, Loaded], Change]


async def change_credential(
    tx: Transaction,
    credential_id: UUID,
    step: Step,
    *,
    expected_version: int | None,
    now: datetime,
    note: str | None = None,
) -> Credential:
    """Lock the credential and carry the step out on it; raises `NotFound` and `StaleVersion`."""
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)
    return await apply_step(tx, loaded, step, now=now, note=note)


async def apply_step(
    tx: Transaction, loaded: Loaded, step: Step, *, now: datetime, note: str | None = None
) -> Credential:
    """Settle, do the step, and write what came of it; nothing where nothing did."""
    change = step(settle(loaded.credential, now), loaded)
    if change.events:
        await write_credentials(tx, [Saved(change, loaded.rules, note)], now)
    return change.credential
