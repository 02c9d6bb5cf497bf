"""Waivers and overrides over HTTP."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from licet_certifications.codes import Target
from licet_certifications.periods import zone_of
from licet_certifications.settings import Settings
from licet_certifications.visibility import Visibility
from licet_certifications.waivers import commands, store
from licet_certifications.waivers.bodies import ApprovalBody, OverrideBody, WaiverBody, WaiverReasonBody
from licet_certifications.waivers.model import DEFAULT_DAYS, Limits, Waiver
from licet_certifications.waivers.store import WaiverFilter
from licet_certifications.waivers.views import WaiverView
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.errors import NotFound
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events.eligibility import ANYWHERE
from licet_events.waivers import WaiverReason, WaiverStatus

router = APIRouter(prefix="/v1/waivers", tags=["waivers"])
overrides_router = APIRouter(prefix="/v1/overrides", tags=["waivers"])

Reader = Annotated[Principal, requires("certifications:read")]
Approver = Annotated[Principal, requires(commands.APPROVE)]


@router.post("", status_code=201, response_model=WaiverView)
async def post_waiver(
    body: WaiverBody,
    request: Request,
    write: Write,
    principal: Annotated[Principal, requires("certifications:write")],
) -> Response:
    """Ask for a waiver; it releases from nothing until somebody else approves it."""
    settings: Settings = serving(request).settings  # type: ignore[assignment]  # this service has no others
    limits = Limits({**DEFAULT_DAYS, **settings.waiver_days})

    async def command(tx: Transaction, now: datetime) -> Waiver:
        home = await _require_seen(tx.conn, principal, body.holder_id)
        where = body.locations[0] if body.locations else home or ANYWHERE
        zone = await zone_of(tx.conn, where, settings.default_time_zone)
        return await commands.ask_for_waiver(tx, body.request(), limits=limits, time_zone=zone, now=now)

    return await write(command, view=WaiverView.of, status=201, location=_location)


@router.get("", response_model=Page[WaiverView], responses=CSV_TOO)
async def list_waivers(
    request: Request,
    principal: Reader,
    page: PageQuery,
    holder_id: Annotated[UUID | None, Query()] = None,
    requirement_id: Annotated[UUID | None, Query()] = None,
    target: Annotated[Target | None, Query()] = None,
    status: Annotated[list[WaiverStatus] | None, Query()] = None,
    reason: Annotated[list[WaiverReason] | None, Query()] = None,
    override: Annotated[bool | None, Query()] = None,
    ending_within_days: Annotated[
        int | None, Query(ge=1, le=3650, description="Only granted ones that end within so many days")
    ] = None,
) -> Response:
    """List the register of waivers, newest first: all that were ever asked for."""
    running = serving(request)
    now = running.clock.now()
    asked = WaiverFilter(
        holder_id=holder_id,
        requirement_id=requirement_id,
        target=target,
        statuses=None if status is None else tuple(status),
        reasons=None if reason is None else tuple(reason),
        override=override,
        ends_by=None if ending_within_days is None else now + timedelta(days=ending_within_days),
    )
    seen = Visibility.of(principal).parameters()

    async def read(part: PageRequest) -> Page[WaiverView]:
        async with running.database.listing() as conn:
            rows = await store.list_waivers(
                conn, asked, seen, now=now, after=part.after(UUID), limit=part.limit + 1
            )
        return page_of(rows, part.limit, lambda row: row.waiver.state.id, WaiverView.of_listed)

    return await listed(request, page, read, WaiverView)


@router.get("/{waiver_id}", response_model=WaiverView)
async def get_waiver(waiver_id: UUID, request: Request, principal: Reader) -> Response:
    """Return one waiver."""
    async with serving(request).database.reading() as conn:
        found = await store.read_listed(conn, waiver_id)
    if found is None or not principal.may_see(team=found.team, location=found.location):
        raise NotFound(f"There is no waiver {waiver_id}.")
    return resource(WaiverView.of_listed(found))


@router.post("/{waiver_id}/approve", response_model=WaiverView)
async def approve_waiver(
    waiver_id: UUID, write: Write, principal: Approver, body: ApprovalBody | None = None
) -> Response:
    """Grant a waiver that somebody else has asked for."""
    note = None if body is None else body.reason
    return await _decide(
        write, principal, waiver_id, lambda tx, now: commands.approve(tx, waiver_id, note=note, now=now)
    )


@router.post("/{waiver_id}/refuse", response_model=WaiverView)
async def refuse_waiver(
    waiver_id: UUID, write: Write, principal: Approver, body: WaiverReasonBody
) -> Response:
    """Refuse a waiver that was asked for."""
    return await _decide(
        write, principal, waiver_id, lambda tx, now: commands.refuse(tx, waiver_id, note=body.reason, now=now)
    )


@router.post("/{waiver_id}/revoke", response_model=WaiverView)
async def revoke_waiver(
    waiver_id: UUID, write: Write, principal: Approver, body: WaiverReasonBody
) -> Response:
    """Take a granted waiver back from now on."""
    return await _decide(
        write, principal, waiver_id, lambda tx, now: commands.revoke(tx, waiver_id, note=body.reason, now=now)
    )


@overrides_router.post("", status_code=201, response_model=WaiverView)
async def post_override(
    body: OverrideBody,
    request: Request,
    write: Write,
    principal: Annotated[Principal, requires("waivers:override")],
) -> Response:
    """Release a holder for one shift; somebody else looks at it afterwards."""
    default_zone = serving(request).settings.default_time_zone

    async def command(tx: Transaction, now: datetime) -> Waiver:
        await _require_seen(tx.conn, principal, body.holder_id)
        zone = await zone_of(tx.conn, body.location or ANYWHERE, default_zone)
        return await commands.grant_override(tx, body.request(zone), now=now)

    return await write(command, view=WaiverView.of, status=201, location=_location)


async def _decide(
    write: Write,
    principal: Principal,
    id: UUID,
    decide: Callable[[Transaction, datetime], Awaitable[Waiver]],
) -> Response:
    async def command(tx: Transaction, now: datetime) -> Waiver:
        found = await store.read_listed(tx.conn, id)
        if found is None or not principal.may_see(team=found.team, location=found.location):
            raise NotFound(f"There is no waiver {id}.")
        return await decide(tx, now)

    return await write(command, view=WaiverView.of)


async def _require_seen(conn: Connection, principal: Principal, holder_id: UUID) -> str | None:
    """Return where a holder is; one whom the token may not see is answered for as one who does not exist."""
    team, location = await store.read_whereabouts(conn, holder_id)
    if not principal.may_see(team=team, location=location):
        raise NotFound(f"There is no holder {holder_id} here.", pointer="/holder_id")
    return location


def _location(waiver: Waiver) -> str:
    return f"/v1/waivers/{waiver.state.id}"
