"""Booked shifts over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from licet_certifications.codes import Code, Target
from licet_certifications.facts.identity import external_key
from licet_certifications.periods import When, begin_of, end_of, period_of, zone_of
from licet_certifications.shifts import booking, model, store
from licet_certifications.shifts.model import Work
from licet_certifications.shifts.store import Listed, ShiftFilter
from licet_certifications.shifts.views import ShiftBody, ShiftView
from licet_chassis.database import Transaction
from licet_chassis.errors import NotFound
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import MaybeIfMatch, created_too, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events.eligibility import ANYWHERE
from licet_events.shifts import BookedLocation, ExternalId, Platform

router = APIRouter(prefix="/v1/shifts", tags=["shifts"])

BY_REQUEST = "api"
"""The platform of shifts that are booked by request and name none."""

InPath = Annotated[ExternalId, Path(description="The platform's id of the shift")]
OfPlatform = Annotated[Platform, Query(description="The scheduling platform that the id is of")]


@router.put("/{external_id}", response_model=ShiftView, responses=created_too(ShiftView))
async def put_shift(
    external_id: InPath,
    body: ShiftBody,
    request: Request,
    principal: Annotated[Principal, requires("certifications:write")],
    write: Write,
    expected_version: MaybeIfMatch,
    platform: OfPlatform = BY_REQUEST,
) -> Response:
    """Book a shift, or replace its booking; it is watched until it is over.

    The same booking again changes nothing. A shift whose holder is not eligible is booked all the same:
    the platform decides, and the answer says the verdict.
    """
    key = None if body.holder_external_id is None else external_key(body.holder_external_id)
    default_zone = serving(request).settings.default_time_zone

    async def command(tx: Transaction, now: datetime) -> tuple[Listed, bool]:
        zone = await zone_of(tx.conn, body.location, default_zone)
        start, end = period_of(body.start, body.end, zone, what="A shift", pointer="/end")
        work = Work(body.holder_id, key, body.target, body.location, start, end)
        return await booking.book(
            tx, platform, external_id, work,
            may_see=_sight(principal), expected_version=expected_version, now=now,
        )  # fmt: skip

    return await write(
        command,
        view=lambda booked: ShiftView.of(booked[0].shift),
        status=lambda booked: 201 if booked[1] else 200,
        location=lambda booked: f"/v1/shifts/{booked[0].shift.external_id}",
    )


@router.get("/{external_id}", response_model=ShiftView)
async def get_shift(
    external_id: InPath,
    request: Request,
    principal: Annotated[Principal, requires("certifications:read")],
    platform: OfPlatform = BY_REQUEST,
) -> Response:
    """Return one shift as it is now, also one that is cancelled or over."""
    async with serving(request).database.reading() as conn:
        found = await store.read_shift(conn, model.shift_id(platform, external_id))
    if found is None or not principal.may_see(team=found.team, location=found.location):
        raise NotFound(f"There is no shift {external_id} of {platform} here.")
    return resource(ShiftView.of(found.shift))


@router.delete("/{external_id}", status_code=204)
async def delete_shift(
    external_id: InPath,
    principal: Annotated[Principal, requires("certifications:write")],
    write: Write,
    expected_version: MaybeIfMatch,
    platform: OfPlatform = BY_REQUEST,
) -> Response:
    """Cancel a shift; it stays readable, and a later booking under the same id counts."""
    return await write(
        lambda tx, now: booking.cancel(
            tx, platform, external_id,
            may_see=_sight(principal), expected_version=expected_version, now=now,
        )
    )  # fmt: skip


@router.get("", response_model=Page[ShiftView], responses=CSV_TOO)
async def list_shifts(
    request: Request,
    page: PageQuery,
    principal: Annotated[Principal, requires("certifications:read")],
    at_risk: Annotated[
        bool | None, Query(description="Only those at risk that are not over; false: only the others")
    ] = None,
    platform: Annotated[Platform | None, Query(description="Of this scheduling platform")] = None,
    holder_id: Annotated[UUID | None, Query()] = None,
    target: Annotated[Target | None, Query()] = None,
    location: Annotated[BookedLocation | None, Query(description="Where the work is done")] = None,
    team: Annotated[Code | None, Query(description="That of the holder")] = None,
    start: Annotated[
        When | None,
        Query(alias="from", description="Only shifts that are not over before this instant or day"),
    ] = None,
    end: Annotated[
        When | None,
        Query(alias="to", description="Only shifts that begin before this instant, or on this day"),
    ] = None,
) -> Response:
    """List booked shifts in the order in which they begin; cancelled ones are left out."""
    running = serving(request)
    now = running.clock.now()
    async with running.database.reading() as conn:
        zone = await zone_of(conn, location or ANYWHERE, running.settings.default_time_zone)
    wanted = ShiftFilter(
        at_risk=at_risk,
        platform=platform,
        holder_id=holder_id,
        target=target,
        location=location,
        team=team,
        teams=principal.teams,
        locations=principal.locations,
        start=None if start is None else begin_of(start, zone),
        end=None if end is None else end_of(end, zone),
    )

    async def read(asked: PageRequest) -> Page[ShiftView]:
        async with running.database.listing() as conn:
            rows = await store.list_shifts(
                conn, wanted, after=asked.after(tuple[datetime, UUID]), limit=asked.limit + 1, now=now
            )
        return page_of(
            [row.shift for row in rows],
            asked.limit,
            lambda shift: (shift.work.starts_at if shift.work else None, shift.id),
            ShiftView.of,
        )

    return await listed(request, page, read, ShiftView)


def _sight(principal: Principal) -> booking.MaySee:
    return lambda team, location: principal.may_see(team=team, location=location)
