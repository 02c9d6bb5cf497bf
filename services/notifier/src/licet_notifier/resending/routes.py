"""Routes that have failed mails sent again."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, Field

from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.resources import Body
from licet_chassis.http.writes import Write
from licet_events.event import Instant
from licet_events.notifications import NotificationReason
from licet_notifier.notifications.routes import NotificationOut, codes
from licet_notifier.notifications.store import Notification
from licet_notifier.resending import commands
from licet_notifier.resending.commands import Failures, Resent

router = APIRouter(prefix="/v1", tags=["notifications"])

Sender = Annotated[Principal, requires("notifications:write")]


class ResendIn(Body):
    """Which failed mails to send again."""

    failed_since: Instant
    """Business time from which on they failed."""
    failed_until: Instant | None = None
    """Business time before which they failed."""
    smtp_status: Annotated[int, Field(ge=100, le=599)] | None = None
    """Only those with this answer of the mail server."""
    reason: NotificationReason | None = None
    """Only those that failed for this reason."""
    dry_run: bool = False
    """Answer what would be sent again, and change nothing."""


class ResendCause(BaseModel):
    """Failed mails with the same cause."""

    reason: NotificationReason
    smtp_status: int | None
    count: int


class ResendOut(BaseModel):
    """What was, or would be, sent again."""

    dry_run: bool
    count: int
    causes: list[ResendCause]
    more: bool
    """Whether there are more than one request takes; send it again, with another key."""


@router.post("/notifications/resend", response_model=ResendOut)
async def resend_failures(principal: Sender, write: Write, asked: ResendIn) -> Response:
    """Send again what failed, at most 5,000 mails, oldest first.

    A mail whose occasion has passed is skipped instead, with its reason. Asked twice, it
    sends once: a mail that is on its way again has not failed.
    """
    failures = Failures(
        asked.failed_since, asked.failed_until, asked.smtp_status, asked.reason,
        codes(principal.teams), codes(principal.locations),
    )  # fmt: skip

    async def command(tx: Transaction, now: datetime) -> Resent:
        return await commands.resend_failures(tx, failures, dry_run=asked.dry_run, now=now)

    def view(resent: Resent) -> ResendOut:
        causes = [
            ResendCause(reason=reason, smtp_status=status, count=count)
            for (reason, status), count in resent.causes.most_common()
        ]
        return ResendOut(dry_run=asked.dry_run, count=resent.causes.total(), causes=causes, more=resent.more)

    return await write(command, view=view)


@router.post("/notifications/{notification_id}/resend", response_model=NotificationOut)
async def resend_notification(principal: Sender, write: Write, notification_id: UUID) -> Response:
    """Send one mail again that failed; 409 for one that did not fail."""

    async def command(tx: Transaction, now: datetime) -> Notification:
        return await commands.resend_notification(
            tx, notification_id, teams=codes(principal.teams), locations=codes(principal.locations), now=now
        )

    return await write(command, view=NotificationOut.of)
