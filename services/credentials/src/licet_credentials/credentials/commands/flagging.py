"""Suspending, revoking, surrendering and reinstating a credential."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.credentials.change import Change, require_open
from licet_credentials.credentials.commands.writing import change_credential
from licet_credentials.credentials.dates import DateOrInstant, beginning, ending
from licet_credentials.credentials.flags import end_suspensions, set_flag
from licet_credentials.credentials.model import Credential, Flag
from licet_credentials.credentials.steps import with_flags
from licet_credentials.credentials.store import CredentialWithRules
from licet_events.credentials import FlagKind
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class FlagCredential:
    """A flag to set; a date means the whole day in the zone of the last term."""

    kind: FlagKind
    reason: str
    note: str | None = None
    effective_from: DateOrInstant | None = None
    until: DateOrInstant | None = None


async def flag_credential(
    tx: Transaction,
    credential_id: UUID,
    command: FlagCredential,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """Suspend, revoke or surrender a credential."""

    def flag(change: Change, _loaded: CredentialWithRules) -> Change:
        credential = change.credential
        require_open(credential)
        zone = credential.last_term.time_zone
        wanted = Flag(
            id=uuid7(),
            kind=command.kind,
            effective_from=now if command.effective_from is None else beginning(command.effective_from, zone),
            until=None if command.until is None else ending(command.until, zone),
            reason=command.reason,
            note=command.note,
        )
        return with_flags(change, set_flag(credential, wanted), command.reason, tx.cause.actor, now)

    return await change_credential(
        tx, credential_id, flag, expected_version=expected_version, now=now, note=command.note
    )


async def reinstate_credential(
    tx: Transaction,
    credential_id: UUID,
    reason: str,
    note: str | None,
    *,
    expected_version: int | None,
    now: datetime,
) -> Credential:
    """End a suspension, in force or to come."""

    def reinstate(change: Change, _loaded: CredentialWithRules) -> Change:
        require_open(change.credential)
        after = end_suspensions(change.credential, now)
        return with_flags(change, after, reason, tx.cause.actor, now)

    return await change_credential(
        tx, credential_id, reinstate, expected_version=expected_version, now=now, note=note
    )
