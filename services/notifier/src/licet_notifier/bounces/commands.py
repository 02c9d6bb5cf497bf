"""Taking note of bounces."""

from datetime import datetime
from uuid import UUID

import structlog

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, NotFound
from licet_events.ids import uuid7
from licet_notifier.bounces import store
from licet_notifier.bounces.model import Bounce, Report

_log = structlog.get_logger("licet.bounces")


async def record_report(tx: Transaction, report: Report, *, now: datetime) -> list[Bounce]:
    """Keep what a report says about each of its addresses that is somebody's here.

    An address that bounced hard is not used again until its holder gets another one; mails to it go to the
    fallback. Where servers rewrote the address on the way, the one that the notification went to counts.
    Raises `Invalid` for a report about nobody's address and none of our notifications.
    """
    named, recipients = await store.addresses_of(
        tx.conn, {failure.address for failure in report.failures}, report.notification_id
    )
    ours = report.notification_id is not None and await store.knows_notification(
        tx.conn, report.notification_id
    )
    notification_id = report.notification_id if ours else None
    bounces: list[Bounce] = []
    for failure in report.failures:
        addresses = {failure.address} & named or (recipients if len(report.failures) == 1 else set())
        if ours and not addresses:
            addresses = {failure.address}  # such as a fixed address of the policy
        for address in sorted(addresses):
            bounce = Bounce(
                uuid7(), address, failure.hard, failure.action, failure.status, failure.diagnostic,
                notification_id, now,
            )  # fmt: skip
            await store.insert_bounce(tx.conn, bounce)
            bounces.append(bounce)
            _log.info("bounces.recorded", hard=failure.hard, status=failure.status,
                      notification_id=None if notification_id is None else str(notification_id))  # fmt: skip
    if not bounces:
        raise Invalid(
            f"The report is about {report.failures[0].address}, which is nobody's address here, and about "
            "none of our notifications."
        )
    return bounces


async def forget_bounce(tx: Transaction, id: UUID) -> None:
    """Forget a bounce, so that its address is used again; raises `NotFound`."""
    if not await store.delete_bounce(tx.conn, id):
        raise NotFound(f"There is no bounce {id}.")
