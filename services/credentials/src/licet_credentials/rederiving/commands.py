"""Use case of deriving instants again: a page of credentials in one transaction."""

from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.rederiving import Derived, Page
from licet_credentials.credentials.change import settle
from licet_credentials.credentials.commands.writing import write_credentials
from licet_credentials.credentials.store import PendingChange, move_terms
from licet_credentials.rederiving import store
from licet_credentials.rederiving.model import derive_again


async def derive_credentials(tx: Transaction, after: UUID | None, limit: int, now: datetime) -> Page:
    """Derive the instants of a page of credentials again; each that differs gets one correction."""
    page = await store.lock_page(tx.conn, after, limit)
    changes = []
    for loaded, expiring in page:
        change = derive_again(settle(loaded.credential, now), expiring, now)
        if change.events:
            changes.append(PendingChange(change, loaded.rules))
    await move_terms(tx.conn, [term for each in changes for term in each.change.credential.terms])
    await write_credentials(tx, changes, now)
    return Page(page[-1][0].credential.id if page else None, len(changes))


CREDENTIALS = Derived("credentials", derive_credentials, store.count_after)
