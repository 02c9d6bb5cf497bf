"""Recording that a renewal was submitted to its issuer, and that it ended without a new term."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid
from licet_credentials.credentials.change import Change, require_not_voided, require_open
from licet_credentials.credentials.commands.writing import change_credential
from licet_credentials.credentials.dates import DateOrInstant, ending
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.store import CredentialWithRules
from licet_events.credentials import CredentialSubmitted, CredentialUpdated


async def submit_renewal(
    tx: Transaction,
    credential_id: UUID,
    quiet_until: DateOrInstant,
    note: str | None,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Record that a renewal was submitted to its issuer: reminders are quiet until then; no date changes.

    Submitting again moves the end of the quiet period. A renewal or `end_submission` ends it early.
    """

    def submit(change: Change, _loaded: CredentialWithRules) -> Change:
        credential = change.credential
        require_open(credential)
        until = ending(quiet_until, credential.last_term.time_zone)
        if until <= now:
            raise Invalid("quiet_until must be in the future.", pointer="/quiet_until")
        submitted = replace(credential, submitted_at=credential.submitted_at or now, quiet_until=until)
        return change.emit(submitted, now, lambda state: CredentialSubmitted(credential=state))

    return await change_credential(
        tx, credential_id, submit, expected_version=expected_version, now=now, note=note
    )


async def end_submission(
    tx: Transaction,
    credential_id: UUID,
    reason: str,
    note: str | None,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Record that the issuer returned the renewal, or that it was withdrawn: reminders resume at once."""

    def end(change: Change, _loaded: CredentialWithRules) -> Change:
        credential = change.credential
        require_not_voided(credential)
        if credential.submitted_at is None:
            raise Conflict("No renewal of the credential is pending at its issuer.")
        return change.emit(
            replace(credential, submitted_at=None, quiet_until=None),
            now,
            lambda state: CredentialUpdated(credential=state, changed=("quiet_until",), reason=reason),
        )

    return await change_credential(
        tx, credential_id, end, expected_version=expected_version, now=now, note=note
    )
