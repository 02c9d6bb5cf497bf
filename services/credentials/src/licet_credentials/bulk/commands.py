"""Submitting a bulk action, and applying it to one credential."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid, NotFound, Refused
from licet_credentials.bulk import store
from licet_credentials.bulk.model import (
    MOST,
    Action,
    BulkJob,
    BulkOutcome,
    BulkResult,
    Reassign,
    Renew,
    Suspend,
)
from licet_credentials.bulk.store import ClaimedRow
from licet_credentials.credentials.commands.correcting import move_credential, void_credential
from licet_credentials.credentials.commands.flagging import FlagCredential, flag_credential
from licet_credentials.credentials.commands.renewing import RenewCredential, renew_credential
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.validity import validity
from licet_credentials.errors import NamesOthers
from licet_credentials.register.model import CredentialFilter
from licet_credentials.register.store import find_credentials
from licet_credentials.visibility.model import Sees
from licet_credentials.visibility.store import find_seen
from licet_events.credentials import FlagKind
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class SubmitBulk:
    """A bulk action on ids, or on the credentials that a filter matches now."""

    action: Action
    wanted: CredentialFilter | Sequence[UUID]
    dry_run: bool
    sees: Sees


async def submit_bulk(tx: Transaction, command: SubmitBulk, *, now: datetime) -> BulkJob:
    """Store a job with its action and credentials; raises `Invalid` if the filter matches too many.

    The filter is evaluated once, here: credentials that match it later are not part of the job.
    """
    wanted = command.wanted
    if isinstance(wanted, CredentialFilter):
        found = await find_credentials(tx.conn, wanted, now=now, limit=MOST + 1, sees=command.sees)
        ids = [position.id for position in found]
        if len(ids) > MOST:
            raise Invalid(
                f"The filter finds more than {MOST:,} credentials, which is the most at once; narrow it.",
                pointer="/filter",
            )
    else:
        ids = sorted(set(wanted))
    bulk_id = uuid7()
    await store.insert_bulk(
        tx.conn,
        bulk_id,
        command.action,
        ids,
        dry_run=command.dry_run,
        actor=tx.cause.actor,
        sees=command.sees,
        now=now,
    )
    if not ids:
        await store.finish_bulk(tx.conn, bulk_id, now)
    return await store.read_bulk(tx.conn, bulk_id, command.sees)


async def cancel_bulk(tx: Transaction, bulk_id: UUID, sees: Sees, *, now: datetime) -> BulkJob:
    """Cancel a job after the credential it is working on; raises `Conflict` if it has ended."""
    job = await store.read_bulk(tx.conn, bulk_id, sees)
    if not await store.cancel_bulk(tx.conn, bulk_id, now):
        raise Conflict(f"The bulk action has ended already; it is {job.state}.")
    return await store.read_bulk(tx.conn, bulk_id, sees)


class _DryRunRollback(Exception):
    """Rolls a dry run back to the savepoint."""


async def act_on_one(
    tx: Transaction, bulk_id: UUID, row: ClaimedRow, action: Action, now: datetime
) -> BulkResult:
    """Apply the action to one credential with the command that a single request uses.

    A refusal or a dry run rolls back to a savepoint, events included; the transaction goes on. A dry run
    remembers the numbers that earlier credentials would take: nothing else of one can block another.
    """
    result = BulkResult(BulkOutcome.FAILED)
    try:
        async with tx.conn.transaction():
            try:
                result = await _apply(tx, action, row.credential_id, row.sees, now)
                if row.dry_run and isinstance(action, Reassign):
                    takes = await store.take_number(tx.conn, bulk_id, row.credential_id)
                    result = replace(result, takes=takes)
            except NamesOthers as error:
                raise (error if row.sees.everyone else error.unnamed()) from None
            if row.dry_run:
                raise _DryRunRollback
    except _DryRunRollback:
        return result
    except Refused as error:
        return BulkResult(BulkOutcome.REFUSED, error.detail)
    return result


async def _apply(
    tx: Transaction, action: Action, credential_id: UUID, sees: Sees, now: datetime
) -> BulkResult:
    await _require_seen(tx, sees, credential_id, action)
    changes: dict[str, Any] = {}
    if isinstance(action, Renew):
        credential, dates = await renew_credential(
            tx, credential_id, RenewCredential(action.request, notes=action.notes),
            expected_version=None, now=now,
        )  # fmt: skip
        changes = {
            "valid_from": dates.valid_from,
            "expires_on_rule": dates.expires_on_rule,
            "late_renewal": dates.late_renewal,
        }
    elif isinstance(action, Suspend):
        flag = FlagCredential(
            FlagKind.SUSPENDED, action.reason, action.note, action.effective_from, action.until
        )
        credential = await flag_credential(tx, credential_id, flag, expected_version=None, now=now)
    elif isinstance(action, Reassign):
        credential = await move_credential(
            tx, credential_id, action.holder_id, action.reason, note=action.note, now=now
        )
    else:
        credential = await void_credential(
            tx, credential_id, action.reason, action.note, expected_version=None, now=now
        )
    return BulkResult(BulkOutcome.DONE, changes=changes | _shown(credential, now))


def _shown(credential: Credential, now: datetime) -> dict[str, Any]:
    return {
        "version": credential.version,
        "holder_id": credential.holder_id,
        "validity": validity(credential.runs, credential.flags, now),
        "expires_on": credential.last_term.expires_on,
        "expires_on_month": credential.last_term.expires_on_month,
        "expires_at": credential.last_term.expires_at,
        "voided": credential.voided,
    }


async def _require_seen(tx: Transaction, sees: Sees, credential_id: UUID, action: Action) -> None:
    """Raise as for an unknown id if the caller may no longer see a holder that the action touches.

    The holders are locked, so that they stay visible until the transaction ends.
    """
    if sees.everyone:
        return
    into = {action.holder_id} if isinstance(action, Reassign) else set()
    seen = await find_seen(tx.conn, sees, into, {credential_id}, (), hold=True)
    if not seen.get(credential_id):
        raise NotFound(f"There is no credential {credential_id}.")
    for holder_id in into:
        if not seen.get(holder_id):
            raise Invalid(f"There is no holder {holder_id}.", pointer="/reassign/holder_id")
