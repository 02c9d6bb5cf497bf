"""Use cases of links: look at what one asks, and say it."""

from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Gone, NotFound
from licet_notifier.links import store
from licet_notifier.links.model import Asked, Kind, Said

_USED = "This link has been used. The next mail has another."
_UNKNOWN = "This link is not valid."


async def look(tx: Transaction, notification_id: UUID, kind: Kind) -> Asked:
    """Return what a link is about; changes nothing. Raises `NotFound` and `Gone`."""
    asked = await store.read_asked(tx.conn, notification_id)
    if asked is None:
        raise NotFound(_UNKNOWN)
    if await store.is_used(tx.conn, notification_id, kind):
        raise Gone(_USED)
    return asked


async def say(
    tx: Transaction,
    notification_id: UUID,
    kind: Kind,
    make: Callable[[Asked, datetime], Said],
    *,
    now: datetime,
) -> Said:
    """Note what somebody says by a link, once: no reminder that it lets rest is begun after the commit.

    Raises `NotFound`, `Gone` for a link that was used, `Conflict` where the credential has been renewed or
    corrected since, and what `make` raises.
    """
    asked = await look(tx, notification_id, kind)
    said = make(asked, now)
    if not await store.lock_term(tx.conn, asked):
        raise Conflict("There is nothing more to do: this credential has been renewed or corrected since.")
    if not await store.insert_acknowledgement(tx.conn, said, now):
        raise Gone(_USED)
    return said
