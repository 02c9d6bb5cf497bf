"""What the service does on each event it reads: it settles what time has brought, and carries out awards."""

from datetime import datetime
from typing import Any

from licet_chassis.consuming import Consumer, Effect, MissingPrerequisite
from licet_chassis.database import Transaction
from licet_chassis.errors import NotFound
from licet_credentials.awards.commands import process_award, refuse_award
from licet_credentials.awards.model import CredentialUnknown, HolderUnknown, Reason
from licet_credentials.credentials.commands.settling import settle_credential
from licet_events import Event, Topic
from licet_events.enrolments import CertificationAwarded, EnrolmentSnapshot
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


def awards_consumer(default_zone: str) -> Consumer:
    """Return the consumer of awards: from their events, and from the states of enrolments in a backfill."""

    async def carry_out(
        tx: Transaction, event: Event[CertificationAwarded | EnrolmentSnapshot], now: datetime
    ) -> None:
        award = event.data.enrolment.award
        if award is None:
            return
        try:
            await process_award(tx, award, default_zone=default_zone, now=now)
        except HolderUnknown:
            raise MissingPrerequisite(f"holder:{award.holder_id}", Reason.HOLDER_UNKNOWN) from None
        except CredentialUnknown:
            needs = f"credential:{award.credential_id}"
            raise MissingPrerequisite(needs, Reason.CREDENTIAL_UNKNOWN) from None

    async def give_up(
        tx: Transaction, event: Event[CertificationAwarded | EnrolmentSnapshot], reason: str, now: datetime
    ) -> None:
        if event.data.enrolment.award is not None:
            await refuse_award(tx, event.data.enrolment.award, Reason(reason), now=now)

    return Consumer(
        name="awards",
        topics=(Topic.CERTIFICATIONS,),
        handlers=(
            Effect(types=(CertificationAwarded, EnrolmentSnapshot), handle=carry_out, give_up=give_up),
        ),
    )
