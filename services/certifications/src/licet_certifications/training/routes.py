"""Training sessions, prices and demand over HTTP."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Annotated, TypeVar
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from licet_certifications.codes import Code
from licet_certifications.gaps.store import GapQuery
from licet_certifications.training import commands, store
from licet_certifications.training.bodies import (
    CostView,
    DemandView,
    NeedView,
    PriceBody,
    PriceView,
    SessionBody,
    SessionView,
)
from licet_certifications.training.model import Cost, Line, Money, Need, Price, Session, latest_helpful
from licet_certifications.visibility import Visibility
from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import MaybeIfMatch, created_too, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events.event import Instant
from licet_events.shifts import ExternalId

router = APIRouter(prefix="/v1", tags=["training"])

LONGEST_WINDOW = 366
R = TypeVar("R")
V = TypeVar("V")

Reader = Annotated[Principal, requires("eligibility:read")]
InPath = Annotated[ExternalId, Path(description="The learning system's id of the session")]
OfProgramme = Annotated[Code | None, Query()]


async def _query(
    request: Request,
    principal: Reader,
    within: Annotated[int, Query(ge=1, le=LONGEST_WINDOW, description="The window, in days from now")] = 90,
    team: Annotated[Code | None, Query()] = None,
    location: Annotated[Code | None, Query(description="That of the holders")] = None,
) -> GapQuery:
    return GapQuery(serving(request).clock.now(), within, Visibility.of(principal), team, location)


AskedFor = Annotated[GapQuery, Depends(_query)]


@router.put(
    "/training-sessions/{external_id}",
    response_model=SessionView,
    responses=created_too(SessionView),
    dependencies=[requires("certifications:write", everyone=True)],
)
async def put_session(
    external_id: InPath, body: SessionBody, write: Write, expected_version: MaybeIfMatch
) -> Response:
    """Enter a training session, or replace what was said of it; the same again changes nothing."""

    async def command(tx: Transaction, now: datetime) -> tuple[Session, bool]:
        session = Session(
            external_id, 1, body.programme, body.component, body.location, body.start, body.seats,
            body.booked, body.money, now,
        )  # fmt: skip
        return await commands.put_session(tx, session, expected_version=expected_version)

    return await write(
        command,
        view=lambda done: SessionView.of(done[0]),
        status=lambda done: 201 if done[1] else 200,
        location=lambda done: f"/v1/training-sessions/{done[0].external_id}",
    )


@router.get(
    "/training-sessions/{external_id}",
    response_model=SessionView,
    dependencies=[requires("certifications:read")],
)
async def get_session(external_id: InPath, request: Request) -> Response:
    """Return one training session."""
    async with serving(request).database.reading() as conn:
        return resource(SessionView.of(await store.read_session(conn, external_id)))


@router.delete(
    "/training-sessions/{external_id}",
    status_code=204,
    dependencies=[requires("certifications:write", everyone=True)],
)
async def delete_session(external_id: InPath, write: Write, expected_version: MaybeIfMatch) -> Response:
    """Forget a training session that does not take place."""
    return await write(
        lambda tx, _now: commands.delete_session(tx, external_id, expected_version=expected_version)
    )


@router.get(
    "/training-sessions",
    response_model=Page[SessionView],
    responses=CSV_TOO,
    dependencies=[requires("certifications:read")],
)
async def list_sessions(
    request: Request,
    page: PageQuery,
    programme: OfProgramme = None,
    component: OfProgramme = None,
    location: OfProgramme = None,
    start: Annotated[
        Instant | None, Query(alias="from", description="Only sessions that begin then or later")
    ] = None,
) -> Response:
    """List training sessions in the order in which they begin."""

    async def read(asked: PageRequest) -> Page[SessionView]:
        async with serving(request).database.listing() as conn:
            rows = await store.list_sessions(
                conn,
                after=asked.after(tuple[datetime, str]),
                limit=asked.limit + 1,
                programme=programme,
                component=component,
                location=location,
                start=start,
            )
        return page_of(rows, asked.limit, lambda one: (one.starts_at, one.external_id), SessionView.of)

    return await listed(request, page, read, SessionView)


@router.put(
    "/training-prices/{programme}/{component}",
    response_model=PriceView,
    responses=created_too(PriceView),
    dependencies=[requires("certifications:write", everyone=True)],
)
async def put_price(
    programme: Annotated[Code, Path()],
    component: Annotated[Code, Path()],
    body: PriceBody,
    write: Write,
    expected_version: MaybeIfMatch,
) -> Response:
    """Say what a seat costs in a session that does not say."""
    money = Money(body.price, body.currency)

    async def command(tx: Transaction, now: datetime) -> tuple[Price, bool]:
        return await commands.put_price(
            tx, programme, component, money, expected_version=expected_version, now=now
        )

    return await write(
        command, view=lambda done: PriceView.of(done[0]), status=lambda done: 201 if done[1] else 200
    )


@router.get(
    "/training-prices",
    response_model=Page[PriceView],
    responses=CSV_TOO,
    dependencies=[requires("certifications:read")],
)
async def list_prices(request: Request, page: PageQuery) -> Response:
    """List prices, by programme and component."""

    async def read(asked: PageRequest) -> Page[PriceView]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_prices(conn, asked.after(tuple[str, str]), asked.limit + 1)
        return page_of(rows, asked.limit, lambda one: (one.programme, one.component), PriceView.of)

    return await listed(request, page, read, PriceView)


@router.get("/training-demand", response_model=Page[DemandView], responses=CSV_TOO)
async def list_demand(request: Request, query: AskedFor, page: PageQuery) -> Response:
    """Return the seats that are needed so that nobody lapses, by programme, component, location and week."""

    async def read(asked: PageRequest) -> Page[DemandView]:
        lines, _ = await _demand(request, query)
        return _numbered(lines, asked, DemandView.of)

    return await listed(request, page, read, DemandView)


@router.get("/training-demand/costs", response_model=Page[CostView], responses=CSV_TOO)
async def list_costs(request: Request, query: AskedFor, page: PageQuery) -> Response:
    """Return what the needed seats cost, by location, month and currency."""

    async def read(asked: PageRequest) -> Page[CostView]:
        _, costs = await _demand(request, query)
        return _numbered(costs, asked, CostView.of)

    return await listed(request, page, read, CostView)


@router.get("/training-demand/holders", response_model=Page[NeedView], responses=CSV_TOO)
async def list_needs(
    request: Request,
    query: AskedFor,
    page: PageQuery,
    programme: OfProgramme = None,
    component: OfProgramme = None,
) -> Response:
    """List who needs which seat by when, and the last session that still helps."""

    def wanted(need: Need) -> bool:
        return programme in {None, need.programme} and component in {None, need.component}

    async def read(asked: PageRequest) -> Page[NeedView]:
        after = asked.after(tuple[UUID, str, str])
        async with serving(request).database.reading() as conn:
            sessions = await store.read_sessions_within(conn, query.start, commands.end_of(query))
            rows = await commands.read_needs(conn, query, wanted, after, asked.limit + 1)
        return page_of(
            rows,
            asked.limit,
            lambda need: (need.holder_id, need.programme, need.component),
            lambda need: NeedView.of(need, latest_helpful(need, sessions)),
        )

    return await listed(request, page, read, NeedView)


async def _demand(request: Request, query: GapQuery) -> tuple[list[Line], list[Cost]]:
    running = serving(request)
    async with running.database.reading() as conn:
        demand = await commands.read_demand(conn, query, running.settings.default_time_zone)
    return demand.result()


def _numbered(rows: Sequence[R], asked: PageRequest, view: Callable[[R], V]) -> Page[V]:
    # There are as many rows as groups, and each page is computed anew; so the place in the list is the key.
    skipped = asked.after(int) or 0
    numbered = list(enumerate(rows, start=1))[skipped : skipped + asked.limit + 1]
    return page_of(numbered, asked.limit, lambda row: row[0], lambda row: view(row[1]))
