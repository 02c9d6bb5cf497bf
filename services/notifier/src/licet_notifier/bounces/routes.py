"""Bounces over HTTP."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.http.auth import requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.problems import UnsupportedMediaType
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events.event import Instant
from licet_notifier.bounces import commands, store
from licet_notifier.bounces.model import Bounce
from licet_notifier.bounces.parsing import read_report

router = APIRouter(prefix="/v1/bounces", tags=["bounces"])

_MAIL = "message/rfc822"
# A report is about anybody's address.
_READ = requires("notifications:read", everyone=True)
_WRITE = requires("notifications:write", everyone=True)


class BounceOut(BaseModel):
    """What a delivery status notification said about an address."""

    id: UUID
    address: str
    hard: bool
    """The address takes no mail: it is not used again until its holder gets another one."""
    action: str
    status: str
    """The enhanced status code (RFC 3463), such as `5.1.1`."""
    diagnostic: str | None
    """The words of the server that refused the mail."""
    notification_id: UUID | None
    reported_at: datetime

    @classmethod
    def of(cls, bounce: Bounce) -> Self:
        """Show a bounce."""
        return cls(
            id=bounce.id,
            address=bounce.address,
            hard=bounce.hard,
            action=bounce.action,
            status=bounce.status,
            diagnostic=bounce.diagnostic,
            notification_id=bounce.notification_id,
            reported_at=bounce.reported_at,
        )


class ReportOut(BaseModel):
    """The bounces that a report was about."""

    bounces: list[BounceOut]


@router.post(
    "",
    response_model=ReportOut,
    dependencies=[_WRITE],
    openapi_extra={"requestBody": {"required": True, "content": {_MAIL: {"schema": {"type": "string"}}}}},
)
async def post_bounce(request: Request, write: Write) -> Response:
    """Take a delivery status notification (RFC 3464) as the mail that it came in; it may come twice."""
    sent = request.headers.get("content-type", "none").partition(";")[0].strip().lower()
    if sent != _MAIL:
        raise UnsupportedMediaType(f"The report must be sent as {_MAIL}; this one has {sent}.")
    report = read_report(await request.body())

    async def command(tx: Transaction, now: datetime) -> list[Bounce]:
        return await commands.record_report(tx, report, now=now)

    return await write(command, view=lambda found: ReportOut(bounces=[BounceOut.of(each) for each in found]))


@router.get("", response_model=Page[BounceOut], responses=CSV_TOO, dependencies=[_READ])
async def list_bounces(
    request: Request,
    page: PageQuery,
    hard: Annotated[bool | None, Query()] = None,
    notification_id: Annotated[UUID | None, Query()] = None,
) -> Response:
    """List bounces, the newest first."""

    async def read(asked: PageRequest) -> Page[BounceOut]:
        async with serving(request).database.listing() as conn:
            rows = await store.list_bounces(
                conn,
                hard=hard,
                notification_id=notification_id,
                after=asked.after(tuple[Instant, UUID]),
                limit=asked.limit + 1,
            )
        return page_of(rows, asked.limit, lambda row: (row.reported_at, row.id), BounceOut.of)

    return await listed(request, page, read, BounceOut)


@router.delete("/{bounce_id}", status_code=204, dependencies=[_WRITE])
async def delete_bounce(bounce_id: UUID, write: Write) -> Response:
    """Forget a bounce: the address is used again, such as when its mailbox was mended."""

    async def command(tx: Transaction, _now: datetime) -> None:
        await commands.forget_bounce(tx, bounce_id)

    return await write(command)
