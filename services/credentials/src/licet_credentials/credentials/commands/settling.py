"""What time and changed rules bring to a credential."""

from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_credentials.credentials import store
from licet_credentials.credentials.change import Change, settle
from licet_credentials.credentials.commands.writing import change_credential, write_credentials
from licet_credentials.credentials.model import Credential
from licet_credentials.credentials.steps import carry_rules
from licet_credentials.credentials.store import Loaded, Saved


async def settle_credential(tx: Transaction, credential_id: UUID, *, now: datetime) -> Credential:
    """Announce what time has brought to a credential until `now`; raises `NotFound`."""

    def nothing_else(change: Change, _loaded: Loaded) -> Change:
        return change

    return await change_credential(tx, credential_id, nothing_else, expected_version=None, now=now)


async def replan_credentials(
    tx: Transaction, type_code: str, version: int, *, now: datetime, limit: int
) -> int:
    """Give a bounded number of credentials their type's present rules; returns how many."""
    loaded = await store.hold_behind_type(tx.conn, type_code, version, limit)
    saved = [
        Saved(carry_rules(settle(each.credential, now), each.rules, now), each.rules)
        for each in loaded.values()
    ]
    await write_credentials(tx, saved, now)
    return len(saved)
