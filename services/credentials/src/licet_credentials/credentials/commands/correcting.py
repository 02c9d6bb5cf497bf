"""Correcting what was entered wrong, moving credentials, and voiding them."""

from dataclasses import dataclass, replace
from datetime import date, datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid, NotFound, require_version
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change, announce, settle
from licet_credentials.credentials.commands.writing import change_credential, write_credentials
from licet_credentials.credentials.corrections import Correction, correct, with_missing_term
from licet_credentials.credentials.dates import decide_expiry, require_order, require_usual
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.store import CredentialWithRules, PendingChange
from licet_credentials.credentials.terms import term_of
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.model import require_not_merged
from licet_credentials.types import store as type_store
from licet_credentials.types.model import CredentialType
from licet_events.civil import local_date
from licet_events.credentials import CredentialVoided, Expiry
from licet_events.ids import uuid7


async def correct_credential(
    tx: Transaction,
    credential_id: UUID,
    correction: Correction,
    *,
    note: str | None = None,
    expected_version: int | None = None,
    now: datetime,
) -> Credential:
    """Correct what was entered wrong; the revisions from before stay in the history.

    Locks the right holder, then the type, then the credential. So a transaction that deactivates, merges or
    erases that holder has either committed before, or waits and finds the credential.
    """
    if correction.holder_id is not None:
        await _lock_right_holder(tx, correction.holder_id)
    named = None if correction.type is None else await _hold_type(tx, correction.type)
    loaded = await store.lock_credential(tx.conn, credential_id)
    require_version(expected_version, loaded.credential.version)
    was, rules = loaded.rules, named or loaded.rules
    change = settle(loaded.credential, now)
    change = correct(change, correction, now, was=was, rules=rules, actor=tx.cause.actor)
    after = change.credential
    if (after.holder_id, after.type) != (loaded.credential.holder_id, loaded.credential.type):
        await store.require_number_free(tx.conn, after, rules)
    await write_credentials(tx, [PendingChange(change, rules, note)], now)
    return after


@dataclass(frozen=True, slots=True)
class RecordTerm:
    """A missing term, and why it is recorded only now."""

    reason: str
    valid_from: date | None = None
    expires_on: date | None = None
    month_only: bool = False
    """Whether the document prints only the month of `expires_on`."""
    unusual: bool = False
    """Whether an expiry more than three validities ahead is what the document says."""
    expiry: Expiry | None = None
    time_zone: str | None = None
    """By default that of the last term."""
    completed_on: date | None = None
    notes: str | None = None


async def record_missing_term(
    tx: Transaction,
    credential_id: UUID,
    command: RecordTerm,
    *,
    note: str | None = None,
    expected_version: int | None = None,
    now: datetime,
) -> Credential:
    """Record a missing term, before or between the recorded ones.

    It announces no renewal, and of the reminders whose day has passed only the latest of an unexpired run.
    """

    def record(change: Change, loaded: CredentialWithRules) -> Change:
        term = term_of(
            uuid7(),
            valid_from=command.valid_from,
            expires_on=command.expires_on,
            month_only=command.month_only,
            ending=loaded.rules.ending,
            expiry=decide_expiry(command.expiry, command.expires_on, type_expires=loaded.rules.expires),
            time_zone=command.time_zone or change.credential.last_term.time_zone,
            recorded_at=now,
            completed_on=command.completed_on,
            notes=command.notes,
        )
        require_order(term.valid_from, term.expires_on, term.ending)
        today = local_date(now, term.time_zone)
        require_usual(term.expires_on, loaded.rules.longest_validity, today, unusual=command.unusual)
        change = with_missing_term(change, term, command.reason, now)
        return announce(change, now, reason="corrected", actor=tx.cause.actor)

    return await change_credential(
        tx, credential_id, record, expected_version=expected_version, now=now, note=note
    )


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
    """Move a credential that was entered under the wrong holder; raises `Conflict` for a voided one.

    To move several, lock the holders in order of id first, then call this in order of credential id.
    """
    correction = Correction(reason, holder_id=to_holder_id)
    return await correct_credential(
        tx, credential_id, correction, note=note, expected_version=expected_version, now=now
    )


async def _lock_right_holder(tx: Transaction, holder_id: UUID) -> None:
    try:
        holder = await holder_store.lock_holder(tx.conn, holder_id)
    except NotFound as error:
        raise Invalid(error.detail, pointer="/holder_id") from None
    require_not_merged(holder)
    if not holder.active:
        raise Conflict(f"The holder {holder_id} is inactive and can't get credentials.", pointer="/holder_id")


async def _hold_type(tx: Transaction, name: str) -> CredentialType:
    try:
        return await type_store.hold_type(tx.conn, name)
    except NotFound as error:
        raise Invalid(error.detail, pointer="/type") from None


async def void_credential(
    tx: Transaction,
    credential_id: UUID,
    reason: str,
    note: str | None,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Void a credential that was entered in error: it leaves lists and eligibility, but not the history."""

    def void(change: Change, _loaded: CredentialWithRules) -> Change:
        if change.credential.voided:
            raise Conflict("The credential is already voided.")
        return change.emit(
            replace(change.credential, voided=True),
            now,
            lambda state: CredentialVoided(credential=state, reason=reason),
        )

    return await change_credential(
        tx, credential_id, void, expected_version=expected_version, now=now, note=note
    )
