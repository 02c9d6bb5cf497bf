"""Every decision with its reason: why did she (not) get a mail?"""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.problems import NotFound
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving_of
from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.notifications import store
from licet_notifier.notifications.model import Detour, State
from licet_notifier.notifications.store import Notification

router = APIRouter(prefix="/v1", tags=["notifications"])

Reader = Annotated[Principal, requires("notifications:read")]


class NotificationOut(BaseModel):
    """A decision about one (event, recipient, channel)."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    event_id: UUID
    """The event that caused it."""
    event_name: str
    """Its type."""
    credential_id: UUID | None
    """What it is about; absent where it is about an enrolment."""
    enrolment_id: UUID | None
    holder_id: UUID
    """Whose credential or enrolment it is."""
    told: RecipientRole
    """The role for which somebody is told: the holder, or the manager; of an application a supervisor."""
    role: RecipientRole
    """Who gets the mail in the end."""
    recipient_id: UUID | None
    """The holder that was, or would have been, told."""
    channel: str
    outcome: State
    reason: NotificationReason
    detour: Detour | None
    """Why it went to a fallback address."""
    circle: str
    """The circle of the policy for which somebody is told, such as `manager` or `role:safety`."""
    after_days: int
    """0: told at once; else an escalation, so many days after the step."""
    rule: str | None
    """The rule of the policy that told somebody: `rule 2`, or `default`."""
    policy_version: int | None
    not_before: datetime | None
    """Business time from which the mail may leave."""
    stop_id: UUID | None
    """The stop that holds it."""
    digest_id: UUID | None
    """The digest in which it is told; absent where it leaves alone."""
    attempts: int
    """Those that count: the mail server's own trouble uses none."""
    unknown_attempts: int
    """How many attempts ended without it being known whether the server has the mail."""
    smtp_status: int | None
    smtp_answer: str | None
    """What the mail server said to the last attempt, and at which step."""
    resent: int
    """How often it was sent again on request after it had failed."""
    message_id: str | None
    template: str | None
    template_version: str | None
    """The version of the template and its variant, such as `3/de.holder`."""
    version: int
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, notification: Notification) -> Self:
        """Show a decision."""
        fields: dict[str, Any] = {name: getattr(notification, name) for name in notification.__slots__}
        return cls(outcome=fields.pop("state"), **fields)


@router.get("/notifications", response_model=Page[NotificationOut], responses=CSV_TOO)
async def list_notifications(
    request: Request,
    principal: Reader,
    page: PageQuery,
    holder_id: Annotated[UUID | None, Query(description="Whose credentials and enrolments")] = None,
    credential_id: Annotated[UUID | None, Query(description="Which credential")] = None,
    enrolment_id: Annotated[UUID | None, Query(description="Which enrolment")] = None,
    outcome: Annotated[State | None, Query(description="What became of it")] = None,
) -> Response:
    """List decisions to send or not, newest first, each with its reason."""

    async def read(asked: PageRequest) -> Page[NotificationOut]:
        async with serving_of(request.scope).database.reading() as conn:
            rows = await store.list_notifications(
                conn,
                holder_id=holder_id,
                credential_id=credential_id,
                enrolment_id=enrolment_id,
                state=outcome,
                teams=codes(principal.teams),
                locations=codes(principal.locations),
                before=asked.after(tuple[datetime, UUID]),
                limit=asked.limit + 1,
            )
        return page_of(rows, asked.limit, lambda row: (row.created_at, row.id), NotificationOut.of)

    return await listed(request, page, read, NotificationOut)


@router.get("/notifications/{notification_id}", response_model=NotificationOut)
async def show_notification(request: Request, principal: Reader, notification_id: UUID) -> Response:
    """Show one decision with its reason."""
    async with serving_of(request.scope).database.reading() as conn:
        notification = await store.read_notification(
            conn, notification_id, teams=codes(principal.teams), locations=codes(principal.locations)
        )
    if notification is None:
        raise NotFound(f"There is no notification {notification_id}, or none that this token may see.")
    return resource(NotificationOut.of(notification))


def codes(claim: frozenset[str] | None) -> list[str] | None:
    """Return the teams or locations of a token as queries take them; `None`: all."""
    return None if claim is None else sorted(claim)
