"""What the service does on each event it reads: it settles, so that what time has brought is announced."""

from datetime import datetime
from typing import Any

from licet_chassis.consuming import Consumer, Effect, MissingPrerequisite
from licet_chassis.database import Transaction
from licet_chassis.errors import NotFound
from licet_credentials.credentials.commands import settle_credential
from licet_events import Event, Topic
from licet_events.schedule import (
    CredentialEffective,
    CredentialExpired,
    CredentialExpiring,
    CredentialOverdue,
    DeadlineReached,
)


async def settle_on_time(tx: Transaction, event: Event[Any], now: datetime) -> None:
    """Settle the credential that a scheduler's event is about, at the later of now and its instant."""
    try:
        await settle_credential(tx, event.data.credential_id, now=max(now, event.data.at))
    except NotFound:
        needs = f"credential:{event.data.credential_id}"
        raise MissingPrerequisite(needs=needs, reason="credential_unknown") from None


SCHEDULE = Consumer(
    name="schedule",
    topics=(Topic.SCHEDULE,),
    handlers=(
        Effect(
            types=(
                CredentialExpiring,
                CredentialExpired,
                CredentialEffective,
                CredentialOverdue,
                DeadlineReached,
            ),
            handle=settle_on_time,
        ),
    ),
)
