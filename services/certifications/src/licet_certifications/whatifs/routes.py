"""What-ifs over HTTP."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from licet_certifications.codes import Code, Target
from licet_certifications.visibility import Visibility
from licet_certifications.whatifs import commands, store
from licet_certifications.whatifs.bodies import WhatIfBody
from licet_certifications.whatifs.commands import Asker
from licet_certifications.whatifs.model import Counts, WhatIf
from licet_certifications.whatifs.views import WhatIfView, WorseHolderView, WorseShiftView
from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write

router = APIRouter(prefix="/v1/what-ifs", tags=["what-ifs"])

Reader = Annotated[Principal, requires("eligibility:read")]


@router.post("", status_code=202, response_model=WhatIfView)
async def post_what_if(body: WhatIfBody, request: Request, principal: Reader, write: Write) -> Response:
    """Ask what some changes would bring for the people whom the token sees; nothing is changed or published.

    The answer is computed in the background and kept for thirty days.
    """
    zone = serving(request).settings.default_time_zone
    asker = Asker(
        principal.actor,
        Visibility.of(principal),
        lambda team, location: principal.may_see(team=team, location=location),
    )

    async def command(tx: Transaction, now: datetime) -> WhatIf:
        return await commands.ask(tx, body.parsed(zone, now), body.given(), asker, default_zone=zone, now=now)

    return await write(
        command,
        view=lambda asked: WhatIfView.of(asked, Counts()),
        status=202,
        location=lambda asked: f"/v1/what-ifs/{asked.id}",
    )


@router.get("", response_model=Page[WhatIfView], responses=CSV_TOO)
async def list_what_ifs(request: Request, principal: Reader, page: PageQuery) -> Response:
    """List the what-ifs of the last thirty days, the latest first."""
    seen = Visibility.of(principal)

    async def read(asked: PageRequest) -> Page[WhatIfView]:
        async with serving(request).database.reading() as conn:
            found = await store.list_what_ifs(conn, seen, asked.after(UUID), asked.limit + 1)
            counts = {one.id: await store.read_counts(conn, one.id, seen) for one in found[: asked.limit]}
        return page_of(found, asked.limit, lambda one: one.id, lambda one: WhatIfView.of(one, counts[one.id]))

    return await listed(request, page, read, WhatIfView)


@router.get("/{what_if_id}", response_model=WhatIfView)
async def get_what_if(what_if_id: UUID, request: Request, principal: Reader) -> Response:
    """Return how far the answer has come, and what it comes to."""
    seen = Visibility.of(principal)
    async with serving(request).database.reading() as conn:
        found = await store.read_what_if(conn, what_if_id, seen)
        return resource(WhatIfView.of(found, await store.read_counts(conn, what_if_id, seen)))


@router.delete("/{what_if_id}", status_code=204)
async def delete_what_if(what_if_id: UUID, principal: Reader, write: Write) -> Response:
    """Forget a what-if and its answer, also while it is computed."""
    return await write(lambda tx, _now: commands.delete(tx, what_if_id, Visibility.of(principal)))


@router.get("/{what_if_id}/holders", response_model=Page[WorseHolderView], responses=CSV_TOO)
async def list_holders(
    what_if_id: UUID,
    request: Request,
    principal: Reader,
    page: PageQuery,
    turns: Annotated[
        Literal["ineligible", "warning"] | None,
        Query(description="Only those who could not work, or only those with a warning and nothing worse"),
    ] = None,
    target: Annotated[Target | None, Query()] = None,
    team: Annotated[Code | None, Query()] = None,
    location: Annotated[Code | None, Query(description="That of the holder")] = None,
) -> Response:
    """List who would be unable to do some work or get a warning, from when on and why."""
    seen = Visibility.of(principal)

    async def read(asked: PageRequest) -> Page[WorseHolderView]:
        async with serving(request).database.reading() as conn:
            await store.read_what_if(conn, what_if_id, seen)
            rows = await store.list_holders(
                conn,
                what_if_id,
                seen,
                after=asked.after(tuple[UUID, str]),
                limit=asked.limit + 1,
                ineligible=None if turns is None else turns == "ineligible",
                target=target,
                team=team,
                location=location,
            )
        return page_of(
            rows, asked.limit, lambda row: (row.line.holder_id, row.line.target), WorseHolderView.of
        )

    return await listed(request, page, read, WorseHolderView)


@router.get("/{what_if_id}/shifts", response_model=Page[WorseShiftView], responses=CSV_TOO)
async def list_shifts(
    what_if_id: UUID,
    request: Request,
    principal: Reader,
    page: PageQuery,
    target: Annotated[Target | None, Query()] = None,
    team: Annotated[Code | None, Query(description="That of the holder")] = None,
    location: Annotated[Code | Literal["*"] | None, Query(description="Where the work is done")] = None,
) -> Response:
    """List the booked shifts that would be at risk, in the order in which they begin."""
    seen = Visibility.of(principal)

    async def read(asked: PageRequest) -> Page[WorseShiftView]:
        async with serving(request).database.reading() as conn:
            await store.read_what_if(conn, what_if_id, seen)
            rows = await store.list_shifts(
                conn,
                what_if_id,
                seen,
                after=asked.after(tuple[datetime, UUID]),
                limit=asked.limit + 1,
                target=target,
                team=team,
                place=location,
            )
        return page_of(
            rows,
            asked.limit,
            lambda row: (row.line.shift.starts_at, row.line.shift.id),
            WorseShiftView.of,
        )

    return await listed(request, page, read, WorseShiftView)
