"""Forecasts over HTTP: which mails will go to whom on which day."""

from datetime import date, datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.requests import request_cause
from licet_chassis.http.serving import serving
from licet_events.civil import local_date
from licet_notifier.forecast.commands import forecast
from licet_notifier.forecast.model import Foreseen
from licet_notifier.forecast.views import By, ForecastDay, ForecastItem, count_days
from licet_notifier.notifications.delivery import Post

router = APIRouter(prefix="/v1/forecast", tags=["forecast"])

_DAYS = timedelta(days=30)
_EARLIEST, _LATEST = date(2000, 1, 1), date(9000, 1, 1)
"""Days outside are typing errors; and a month can be added to the last of them."""


async def _foresee(
    request: Request,
    principal: Annotated[Principal, requires("notifications:read")],
    begin: Annotated[
        date | None,
        Query(alias="from", ge=_EARLIEST, le=_LATEST, description="The first day; today if left out"),
    ] = None,
    to: Annotated[
        date | None,
        Query(ge=_EARLIEST, le=_LATEST, description="The last day; 30 days after the first if left out"),
    ] = None,
    team: Annotated[str | None, Query(description="Only about holders of this team")] = None,
    credential_id: Annotated[UUID | None, Query(description="Only about this credential")] = None,
    recipient: Annotated[
        str | None, Query(description="Only to this address, or to this holder's id")
    ] = None,
) -> list[Foreseen]:
    running = serving(request)
    post: Post = request.app.state.post
    now = running.clock.now()
    first = begin or local_date(now, post.deployment.time_zone)
    mails = await forecast(
        running.database,
        request_cause(request),
        begin=first,
        end=to or first + _DAYS,
        principal=principal,
        deployment=post.deployment,
        now=now,
        credential_id=credential_id,
    )
    return [
        mail
        for mail in mails
        if (team is None or (mail.facts.holder.team or "").casefold() == team.casefold())
        and (recipient is None or _is_to(mail, recipient))
    ]


Mails = Annotated[list[Foreseen], Depends(_foresee)]


@router.get("", response_model=Page[ForecastItem], responses=CSV_TOO)
async def show_forecast(request: Request, page: PageQuery, mails: Mails) -> Response:
    """Foresee each line of each reminder about a credential that will be sent, if nothing changes.

    By the rules that decide when the time has come: ladders, the policy, quiet hours, days without mails,
    digests and caps. What a stop in force holds is left out.
    """

    async def read(asked: PageRequest) -> Page[ForecastItem]:
        after = asked.after(tuple[datetime, UUID])
        rows = [each for each in mails if after is None or (each.at, each.id) > after]
        return page_of(rows[: asked.limit + 1], asked.limit, lambda each: (each.at, each.id), ForecastItem.of)

    return await listed(request, page, read, ForecastItem)


@router.get("/days", response_model=Page[ForecastDay], responses=CSV_TOO)
async def show_days(
    request: Request,
    page: PageQuery,
    mails: Mails,
    by: Annotated[By | None, Query(description="Part the counts of a day")] = None,
) -> Response:
    """Foresee how many mails leave on each day, also by recipient or team."""
    days = list(enumerate(count_days(mails, by)))

    async def read(asked: PageRequest) -> Page[ForecastDay]:
        after = asked.after(int)
        rows = days if after is None else days[after + 1 :]
        return page_of(rows[: asked.limit + 1], asked.limit, lambda each: each[0], lambda each: each[1])

    return await listed(request, page, read, ForecastDay)


def _is_to(mail: Foreseen, recipient: str) -> bool:
    decision = mail.decision
    return recipient.casefold() in {(decision.address or "").casefold(), str(decision.recipient_id)}
