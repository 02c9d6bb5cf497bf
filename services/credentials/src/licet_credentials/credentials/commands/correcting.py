"""Putting right what was entered wrong, and voiding what should not be there."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change
from licet_credentials.credentials.commands.carrying import carry_out, change_credential
from licet_credentials.credentials.corrections import Correction, correct
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.store import Loaded
from licet_credentials.errors import Conflict, Invalid, NotFound, require_version
from licet_credentials.holders import store as holder_store
from licet_events.credentials import CredentialVoided


async def correct_credential(
    tx: Transaction,
    credential_id: UUID,
    correction: Correction,
    *,
    note: str | None = None,
    expected_version: int | None = None,
    now: datetime,
) -> Credential:
    """Put right what was entered wrong; what was believed before stays readable.

    Locks are taken in this order: holders, credentials. So whoever deactivates, merges or erases the
    right holder meanwhile has done so before, or waits until it has the credential.
    """
    if correction.holder_id is not None:
        await _hold_receiver(tx, correction.holder_id)
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)

    def put_right(change: Change, _loaded: Loaded) -> Change:
        return correct(change, correction, now, actor=tx.cause.actor)

    if correction.holder_id is not None:
        moved = replace(loaded.credential, holder_id=correction.holder_id)
        await store.require_number_free(tx.conn, moved, loaded.rules)
    return await carry_out(tx, loaded, put_right, now=now, note=note)


async def move_credential(
    tx: Transaction,
    credential_id: UUID,
    to_holder_id: UUID,
    reason: str,
    *,
    note: str | None = None,
    expected_version: int | None = None,
    now: datetime,
) -> Credential:
    """Give a credential to the holder it belongs to: it was entered under another by mistake.

    Whoever moves many holds the holders first, in order of id, and then calls this for one after the
    other in order of id. A voided credential stays where it is.
    """
    correction = Correction(reason, holder_id=to_holder_id)
    return await correct_credential(
        tx, credential_id, correction, note=note, expected_version=expected_version, now=now
    )


async def _hold_receiver(tx: Transaction, holder_id: UUID) -> None:
    try:
        holder = await holder_store.lock_holder(tx.conn, holder_id)
    except NotFound:
        raise Invalid(f"There is no holder {holder_id}.", pointer="/holder_id") from None
    if not holder.active:
        raise Conflict(f"The holder {holder_id} is inactive and gets no credentials.", pointer="/holder_id")


async def void_credential(
    tx: Transaction,
    credential_id: UUID,
    reason: str,
    note: str | None,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Mark a credential as entered in error: it leaves lists and eligibility, and stays in history."""

    def void(change: Change, _loaded: Loaded) -> Change:
        if change.credential.voided:
            raise Conflict("The credential is voided already.")
        return change.tell(
            replace(change.credential, voided=True),
            now,
            lambda state: CredentialVoided(credential=state, reason=reason),
        )

    return await change_credential(
        tx, credential_id, void, expected_version=expected_version, now=now, note=note
    )
