"""Changes of a credential by the passing of time and by changed rules of its type."""

from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change, settle
from licet_credentials.credentials.commands.writing import change_credential, write_credentials
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.steps import apply_rules
from licet_credentials.credentials.store import CredentialWithRules, PendingChange


async def settle_credential(tx: Transaction, credential_id: UUID, *, now: datetime) -> Credential:
    """Announce the changes of validity until `now`; raises `NotFound`."""

    def no_step(change: Change, _loaded: CredentialWithRules) -> Change:
        return change

    return await change_credential(tx, credential_id, no_step, expected_version=None, now=now)


async def replan_credentials(
    tx: Transaction, type_code: str, version: int, *, now: datetime, limit: int
) -> int:
    """Apply the type's present rules to a bounded number of credentials; returns how many."""
    loaded = await store.lock_outdated(tx.conn, type_code, version, limit)
    saved = [
        PendingChange(apply_rules(settle(each.credential, now), each.rules, now), each.rules)
        for each in loaded.values()
    ]
    moved = [each.change.credential for each in saved if each.change.events]
    await store.move_terms(tx.conn, [term for credential in moved for term in credential.terms])
    await write_credentials(tx, saved, now)
    return len(saved)
