"""Forgetting the enrolments of a holder."""

from datetime import datetime
from uuid import UUID

from licet_certifications.enrolments import store
from licet_chassis.database import Transaction
from licet_events import Topic
from licet_events.holders import HolderErased


async def forget_holder(tx: Transaction, holder_id: UUID, now: datetime) -> None:
    """Delete the enrolments of a holder and end their keys on the topic."""
    gone = await store.forget_holder(tx.conn, holder_id)
    await tx.publish(
        *(
            HolderErased(holder_id=holder_id, path=f"enrolment/{enrolment_id}", of=Topic.CERTIFICATIONS)
            for enrolment_id in gone
        ),
        now=now,
    )
