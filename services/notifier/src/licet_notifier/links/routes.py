"""Links in mails over HTTP: GET asks, POST acts; and the list of what was said."""

from collections.abc import Awaitable, Callable
from datetime import date, datetime
from functools import partial
from typing import Annotated, Any, Self, TypeVar
from urllib.parse import parse_qs
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response
from pydantic import BaseModel

from licet_chassis.cause import Cause
from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Gone, NotFound
from licet_chassis.http.auth import LINKS_UNDER, Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.serving import serving
from licet_events.civil import local_date
from licet_events.notifications import RecipientRole
from licet_notifier.links import commands, pages, store
from licet_notifier.links.model import Asked, Kind, NotSaid, booked, snoozed
from licet_notifier.notifications.delivery import Post
from licet_notifier.notifications.links import Expired, Forged

router = APIRouter()

T = TypeVar("T")
_ACTOR = "link"
_LARGEST_FORM = 2_000


@router.get(f"{LINKS_UNDER}acknowledge/{{token}}", include_in_schema=False)
async def ask_whether_booked(request: Request, token: str) -> Response:
    """Ask for when a renewal is booked. Mail scanners follow links, so this changes nothing."""
    return await _ask(request, token, Kind.ACKNOWLEDGED)


@router.post(f"{LINKS_UNDER}acknowledge/{{token}}", include_in_schema=False)
async def acknowledge(request: Request, token: str) -> Response:
    """Note that a renewal is booked: reminders rest until that day is over."""
    day = await _field(request, "booked_on")
    return await _say(request, token, Kind.ACKNOWLEDGED, lambda asked, now: booked(asked, day, now))


@router.get(f"{LINKS_UNDER}snooze/{{token}}", include_in_schema=False)
async def ask_until_when(request: Request, token: str) -> Response:
    """Ask for how long somebody wants no reminder; changes nothing."""
    return await _ask(request, token, Kind.SNOOZED)


@router.post(f"{LINKS_UNDER}snooze/{{token}}", include_in_schema=False)
async def snooze(request: Request, token: str) -> Response:
    """Note that the recipient wants to be reminded later."""
    days = await _field(request, "days")
    return await _say(request, token, Kind.SNOOZED, lambda asked, now: snoozed(asked, days, now))


async def _field(request: Request, name: str) -> str:
    text = (await request.body())[:_LARGEST_FORM].decode("utf-8", "replace")
    return parse_qs(text).get(name, [""])[0]


async def _ask(request: Request, token: str, kind: Kind, wrong: str | None = None) -> Response:
    async def show(tx: Transaction, notification_id: UUID) -> Response:
        asked = await commands.look(tx, notification_id, kind)
        return pages.question(kind, asked, _today(request, asked), wrong=wrong)

    return await _with_link(request, token, show)


async def _say(request: Request, token: str, kind: Kind, make: Callable[[Asked, datetime], Any]) -> Response:
    async def say(tx: Transaction, notification_id: UUID) -> Response:
        now = serving(request).clock.now()
        return pages.done(await commands.say(tx, notification_id, kind, make, now=now))

    try:
        return await _with_link(request, token, say)
    except NotSaid as wrong:
        return await _ask(request, token, kind, wrong=str(wrong))


async def _with_link(
    request: Request, token: str, work: Callable[[Transaction, UUID], Awaitable[Response]]
) -> Response:
    """Do something with the mail of a link; a page says why where the link is not good."""
    post: Post = request.app.state.post
    deployment = post.deployment
    if deployment.links is None:
        return pages.refusal("This link is not valid.", 404)
    try:
        notification_id = deployment.links.read(token, machine_now())
        return await serving(request).database.run(
            Cause.new(_ACTOR), partial(_swapped, work, notification_id)
        )
    except (Forged, NotFound) as refused:
        status, text = (
            (410, refused.detail) if isinstance(refused, Gone) else (404, "This link is not valid.")
        )
        return pages.refusal(text, status)
    except Expired:
        return pages.refusal("This link has expired. The next mail has another.", 410)
    except Conflict as refused:
        return pages.refusal(refused.detail, 409)


async def _swapped(
    work: Callable[[Transaction, UUID], Awaitable[Response]], notification_id: UUID, tx: Transaction
) -> Response:
    return await work(tx, notification_id)


def _today(request: Request, asked: Asked) -> date:
    return local_date(serving(request).clock.now(), asked.time_zone)


class AcknowledgementOut(BaseModel):
    """What somebody has said by a link in a mail."""

    id: UUID
    kind: Kind
    credential_id: UUID
    term_id: UUID | None
    holder_id: UUID
    notification_id: UUID
    """The mail that the link was in."""
    by_id: UUID | None
    """The recipient of that mail, where it is a person."""
    by_role: RecipientRole
    booked_on: date | None
    """Of `acknowledged`: the day of the renewal."""
    until: datetime
    """When reminders go on; of `snoozed` only those to this recipient rest."""
    created_at: datetime

    @classmethod
    def of(cls, row: Any) -> Self:
        """Show a row."""
        return cls(**{name: row[name] for name in cls.model_fields})


@router.get(
    "/v1/acknowledgements",
    response_model=Page[AcknowledgementOut],
    responses=CSV_TOO,
    tags=["notifications"],
)
async def list_acknowledgements(
    request: Request,
    principal: Annotated[Principal, requires("notifications:read")],
    page: PageQuery,
    credential_id: Annotated[UUID | None, Query(description="About which credential")] = None,
) -> Response:
    """List what recipients have said by the links in their mails, newest first."""

    async def read(asked: PageRequest) -> Page[AcknowledgementOut]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_acknowledgements(
                conn,
                credential_id=credential_id,
                teams=None if principal.teams is None else sorted(principal.teams),
                locations=None if principal.locations is None else sorted(principal.locations),
                before=asked.after(tuple[datetime, UUID]),
                limit=asked.limit + 1,
            )
        return page_of(rows, asked.limit, lambda row: (row["created_at"], row["id"]), AcknowledgementOut.of)

    return await listed(request, page, read, AcknowledgementOut)
