"""Audit schedules over HTTP."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from licet_certifications.audit_schedules import commands, store
from licet_certifications.audit_schedules.bodies import AuditScheduleBody, AuditScheduleView
from licet_certifications.audit_schedules.store import StoredSchedule
from licet_certifications.requirements.model import today_in
from licet_chassis.database import Transaction
from licet_chassis.http.auth import requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import MaybeIfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write

router = APIRouter(prefix="/v1/audit-schedules", tags=["audits"])


@router.post(
    "",
    status_code=201,
    response_model=AuditScheduleView,
    dependencies=[requires("certifications:write", everyone=True)],
)
async def post_schedule(body: AuditScheduleBody, request: Request, write: Write) -> Response:
    """Make a schedule: each time its rule fires an audit of what is in scope then is opened."""
    time_zone = body.time_zone or serving(request).settings.default_time_zone

    async def command(tx: Transaction, now: datetime) -> StoredSchedule:
        return await commands.make_schedule(tx, body.plan(time_zone, today_in(time_zone, now)), now=now)

    return await write(
        command,
        view=AuditScheduleView.of,
        status=201,
        location=lambda stored: f"/v1/audit-schedules/{stored.state.id}",
    )


@router.get(
    "",
    response_model=Page[AuditScheduleView],
    dependencies=[requires("certifications:read")],
    responses=CSV_TOO,
)
async def list_schedules(request: Request, page: PageQuery) -> Response:
    """List audit schedules, oldest first."""

    async def read(asked: PageRequest) -> Page[AuditScheduleView]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_schedules(conn, after=asked.after(UUID), limit=asked.limit + 1)
        return page_of(rows, asked.limit, lambda row: row.state.id, AuditScheduleView.of)

    return await listed(request, page, read, AuditScheduleView)


@router.get(
    "/{schedule_id}", response_model=AuditScheduleView, dependencies=[requires("certifications:read")]
)
async def get_schedule(schedule_id: UUID, request: Request) -> Response:
    """Return one audit schedule."""
    async with serving(request).database.reading() as conn:
        return resource(AuditScheduleView.of(await store.read_schedule(conn, schedule_id)))


@router.post(
    "/{schedule_id}/end",
    response_model=AuditScheduleView,
    dependencies=[requires("certifications:write", everyone=True)],
)
async def end_schedule(schedule_id: UUID, expected_version: MaybeIfMatch, write: Write) -> Response:
    """Let a schedule open no more audits; those that are open stay."""
    return await write(
        lambda tx, now: commands.end_schedule(tx, schedule_id, expected_version=expected_version, now=now),
        view=AuditScheduleView.of,
    )
