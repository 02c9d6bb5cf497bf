"""Schedules over HTTP."""

from datetime import date, datetime
from typing import Annotated, Self

from fastapi import APIRouter, Path, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from starlette.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.http.auth import requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import Body, MaybeIfMatch
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events import civil
from licet_scheduler.periods import commands, store
from licet_scheduler.periods.model import Kind, Schedule

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])

Name = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Rule = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class ScheduleBody(Body):
    """A rule by which periods begin."""

    kind: Kind
    """`digest` announces `licet.digest.due.v1`, `audit` announces `licet.audit.due.v1`."""
    rule: Rule = Field(examples=["FREQ=WEEKLY;BYDAY=MO;BYHOUR=8"])
    """A recurrence rule of RFC 5545 in civil time; midnight where it names no time."""
    time_zone: str | None = None
    """The deployment's, where it is left out."""
    starts_on: date | None = None
    """The first day, from which an interval counts; today if left out."""


class ScheduleView(BaseModel):
    """A schedule."""

    model_config = ConfigDict(from_attributes=True)

    name: str
    kind: Kind
    rule: str
    time_zone: str
    starts_on: date
    next_at: AwareDatetime | None
    """When the next period begins; null where the rule has ended."""
    last_at: AwareDatetime | None
    """When the last announced period began."""
    version: int
    updated_at: AwareDatetime | None

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        """Show a schedule."""
        return cls.model_validate(schedule)


@router.get(
    "", response_model=Page[ScheduleView], responses=CSV_TOO, dependencies=[requires("scheduler:read")]
)
async def list_schedules(request: Request, page: PageQuery) -> Response:
    """List schedules by name."""

    async def read(asked: PageRequest) -> Page[ScheduleView]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_schedules(conn, after=asked.after(str), limit=asked.limit + 1)
        return page_of(rows, asked.limit, lambda row: row.name, ScheduleView.of)

    return await listed(request, page, read, ScheduleView)


@router.put(
    "/{name}",
    response_model=ScheduleView,
    responses={201: {"model": ScheduleView, "description": "It was not there and is created"}},
    dependencies=[requires("scheduler:write", everyone=True)],
)
async def put_schedule(
    name: Name, body: ScheduleBody, request: Request, expected_version: MaybeIfMatch, write: Write
) -> Response:
    """Make a schedule, or give it another rule."""
    time_zone = body.time_zone or serving(request).settings.default_time_zone

    async def command(tx: Transaction, now: datetime) -> Schedule:
        return await commands.put_schedule(
            tx,
            name,
            kind=body.kind,
            rule=body.rule,
            time_zone=time_zone,
            starts_on=body.starts_on or _today(time_zone, now),
            expected_version=expected_version,
            now=now,
        )

    return await write(
        command, view=ScheduleView.of, status=lambda schedule: 201 if schedule.version == 1 else 200
    )


@router.delete("/{name}", status_code=204, dependencies=[requires("scheduler:write", everyone=True)])
async def delete_schedule(name: Name, write: Write) -> Response:
    """Delete a schedule: it announces nothing more."""
    return await write(lambda tx, _now: commands.delete_schedule(tx, name))


def _today(time_zone: str, now: datetime) -> date:
    try:
        return civil.local_date(now, time_zone)
    except civil.UnknownZone:
        return now.date()  # the command refuses the zone
