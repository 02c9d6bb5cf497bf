"""Use cases: have one failed mail sent again, or all that a filter finds."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, NotFound
from licet_events.notifications import NotificationReason
from licet_notifier.notifications.model import State
from licet_notifier.notifications.store import Notification, read_notification
from licet_notifier.resending import store

MOST_AT_ONCE = 5_000


@dataclass(frozen=True, slots=True)
class Failures:
    """Which failed mails are meant, and what the caller may see."""

    since: datetime
    until: datetime | None
    smtp_status: int | None
    reason: NotificationReason | None
    teams: Sequence[str] | None
    locations: Sequence[str] | None


@dataclass(frozen=True, slots=True)
class Resent:
    """What was, or would be, sent again."""

    causes: Counter[tuple[NotificationReason, int | None]]
    more: bool


async def resend_failures(tx: Transaction, failures: Failures, *, dry_run: bool, now: datetime) -> Resent:
    """Have failed mails sent again, at most `MOST_AT_ONCE`, oldest first; a dry run changes nothing.

    Each has all its attempts before it. Whether it still says something is looked at when it is begun.
    """
    failed = await store.lock_failed(
        tx.conn, since=failures.since, until=failures.until, smtp_status=failures.smtp_status,
        reason=failures.reason, teams=failures.teams, locations=failures.locations, limit=MOST_AT_ONCE + 1,
    )  # fmt: skip
    taken = failed[:MOST_AT_ONCE]
    if not dry_run:
        await store.resend(tx.conn, [each.id for each in taken], now=now, next_try=machine_now())
    return Resent(Counter((each.reason, each.smtp_status) for each in taken), len(failed) > MOST_AT_ONCE)


async def resend_notification(
    tx: Transaction,
    notification_id: UUID,
    *,
    teams: Sequence[str] | None,
    locations: Sequence[str] | None,
    now: datetime,
) -> Notification:
    """Have one failed mail sent again; raises `NotFound`, and `Conflict` for one that did not fail."""
    failed = await store.lock_failed(
        tx.conn, notification_id=notification_id, teams=teams, locations=locations, limit=1
    )
    await store.resend(tx.conn, [each.id for each in failed], now=now, next_try=machine_now())
    found = await read_notification(tx.conn, notification_id, teams=teams, locations=locations)
    if found is None:
        raise NotFound(f"There is no notification {notification_id}, or none that this token may see.")
    if not failed:
        raise Conflict(_why_not(found.state))
    return found


def _why_not(state: State) -> str:
    match state:
        case State.PENDING | State.SENDING | State.HELD:
            return "The mail is on its way already."
        case State.SENT:
            return "The mail was sent; only one that failed is sent again."
        case State.UNKNOWN:
            return "The mail may have arrived; only one that surely was not sent is sent again."
        case _:
            return "It was decided not to send this mail, for its reason. Only what failed is sent again."
