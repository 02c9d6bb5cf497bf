"""HTTP for locations and teams."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import Body, MaybeIfMatch, created_too, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write, Writer
from licet_credentials.access import CATALOGUE, SHARED_WRITE
from licet_credentials.inputs import Country, Email, Line, Subdivision, Zone, within_country
from licet_credentials.places import commands, store
from licet_credentials.places.model import LOCATION, TEAM, Kind, PlaceT, StateT
from licet_events.catalogue import LocationState, TeamState

router = APIRouter(prefix="/v1", tags=["places"])

PlaceCode = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


class TeamIn(Body):
    """A whole team; fields that are left out are cleared."""

    name: Line
    supervisor_ids: Annotated[tuple[UUID, ...], Field(max_length=50)] = ()
    fallback_email: Email | None = None
    """A functional address, not that of a person."""


class LocationIn(TeamIn):
    """A whole location; fields that are left out are cleared."""

    time_zone: Zone | None = None
    country: Country | None = None
    subdivision: Subdivision | None = None


@router.put(
    "/locations/{code}",
    response_model=LocationState,
    dependencies=[SHARED_WRITE],
    responses=created_too(LocationState),
)
async def put_location(code: PlaceCode, body: LocationIn, expected: MaybeIfMatch, write: Write) -> Response:
    """Create or replace a location; repeating it changes nothing."""
    within_country(body.country, body.subdivision)
    return await _put(LOCATION, code, body, expected, write)


@router.put(
    "/teams/{code}",
    response_model=TeamState,
    dependencies=[SHARED_WRITE],
    responses=created_too(TeamState),
)
async def put_team(code: PlaceCode, body: TeamIn, expected: MaybeIfMatch, write: Write) -> Response:
    """Create or replace a team; repeating it changes nothing."""
    return await _put(TEAM, code, body, expected, write)


@router.get("/locations/{code}", response_model=LocationState, dependencies=[CATALOGUE])
async def show_location(request: Request, code: PlaceCode) -> Response:
    """Show a location."""
    return await _show(LOCATION, request, code)


@router.get("/teams/{code}", response_model=TeamState, dependencies=[CATALOGUE])
async def show_team(request: Request, code: PlaceCode) -> Response:
    """Show a team."""
    return await _show(TEAM, request, code)


@router.get("/locations", response_model=Page[LocationState], dependencies=[CATALOGUE], responses=CSV_TOO)
async def list_locations(request: Request, page: PageQuery) -> Response:
    """List locations by code."""
    return await _list(LOCATION, LocationState, request, page)


@router.get("/teams", response_model=Page[TeamState], dependencies=[CATALOGUE], responses=CSV_TOO)
async def list_teams(request: Request, page: PageQuery) -> Response:
    """List teams by code."""
    return await _list(TEAM, TeamState, request, page)


async def _put(
    kind: Kind[PlaceT, StateT], code: str, body: TeamIn, expected: int | None, write: Writer
) -> Response:
    facts = body.model_dump()
    return await write(
        lambda tx, now: commands.put_place(tx, kind, code, facts, expected_version=expected, now=now),
        view=lambda put: kind.state_of(put[0]),
        status=lambda put: 201 if put[1] else 200,
        location=lambda put: f"/v1/{kind.name}s/{put[0].code}",
    )


async def _show(kind: Kind[PlaceT, StateT], request: Request, code: str) -> Response:
    async with serving(request).database.reading() as conn:
        return resource(kind.state_of(await store.read_place(conn, kind, code)))


async def _list(
    kind: Kind[PlaceT, StateT], item: type[StateT], request: Request, page: PageRequest
) -> Response:
    async def read(asked: PageRequest) -> Page[StateT]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_places(conn, kind, asked.after(str), asked.limit + 1)
        return page_of(rows, asked.limit, lambda place: place.code, kind.state_of)

    return await listed(request, page, read, item)
