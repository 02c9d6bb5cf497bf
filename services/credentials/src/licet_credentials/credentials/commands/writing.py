"""The course of every command on one credential: lock, settle, apply one step, write, publish."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from licet_chassis.copying import Copying
from licet_chassis.database import Transaction
from licet_chassis.errors import require_version
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change, settle
from licet_credentials.credentials.copying import copy_new
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.store import CredentialWithRules, PendingChange


async def write_credentials(tx: Transaction, changes: Sequence[PendingChange], now: datetime) -> None:
    """Write changes and publish their events, credential by credential."""
    if not changes:
        return
    await store.save(tx.conn, changes, actor=tx.cause.actor)
    await tx.publish(
        *(event for each in changes for event in (*each.change.events, *each.change.left)), now=now
    )


async def write_new_credentials(tx: Transaction, changes: Sequence[PendingChange], now: datetime) -> None:
    """Write many new credentials by COPY and publish their events."""
    async with Copying(tx.conn) as copying:
        await copy_new(copying, changes, actor=tx.cause.actor)
        # Built while PostgreSQL writes the last rows.
        records = tx.records_of([(event, None, now) for each in changes for event in each.change.events])
    await tx.append(records)


Step = Callable[[Change, CredentialWithRules], Change]


async def change_credential(
    tx: Transaction,
    credential_id: UUID,
    step: Step,
    *,
    expected_version: int | None,
    now: datetime,
    note: str | None = None,
) -> Credential:
    """Lock the credential and apply the step; raises `NotFound` and `StaleVersion`."""
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)
    return await apply_step(tx, loaded, step, now=now, note=note)


async def apply_step(
    tx: Transaction, loaded: CredentialWithRules, step: Step, *, now: datetime, note: str | None = None
) -> Credential:
    """Settle, apply the step, and write the change if it has events."""
    change = step(settle(loaded.credential, now), loaded)
    if change.events:
        await write_credentials(tx, [PendingChange(change, loaded.rules, note)], now)
    return change.credential
