"""Rosters over HTTP: candidates for a shift, and what everybody may do on a day."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from licet_certifications.codes import Code, Target
from licet_certifications.eligibility.store import Shift
from licet_certifications.eligibility.verdicts import Judgement, judge
from licet_certifications.periods import Day, When, begin_of, end_of, period_of, zone_of
from licet_certifications.roster import store
from licet_certifications.roster.store import Among, Member
from licet_chassis.connection import Connection
from licet_chassis.errors import Invalid
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, Cell, Table, listed
from licet_chassis.http.paging import MOST, Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import Body
from licet_chassis.http.serving import serving
from licet_events import civil
from licet_events.eligibility import ANYWHERE, Reason, Verdict
from licet_events.event import Instant
from licet_events.shifts import BookedLocation

router = APIRouter(prefix="/v1/eligibility", tags=["eligibility"])

TARGETS_AT_ONCE = 20


class CandidatesBody(Body):
    """A shift for which somebody is sought."""

    target: Target
    location: BookedLocation = ANYWHERE
    start: When
    end: When
    """A date is the last day, included; days are those of the location's zone, else the deployment's."""
    team: Code | None = None
    """Only people of this team."""
    limit: int = Field(default=50, ge=1, le=MOST)
    cursor: str | None = Field(default=None, max_length=2048)
    """`next_cursor` of the page before."""


class CandidateView(BaseModel):
    """Somebody who may work the whole shift."""

    holder_id: UUID
    team: str | None
    location: str | None
    """The holder's own."""
    verdict: Verdict
    """`eligible` or `warning`."""
    reasons: list[Reason]
    eligible_until: Instant | None
    """The end of the time, without a gap, in which the holder may do this work; null where none is known."""


class MatrixCell(BaseModel):
    """The worst verdict on the day for one target, and why."""

    target: str
    verdict: Verdict
    reasons: list[Reason]


class MatrixRow(BaseModel):
    """What one holder may do on the day."""

    holder_id: UUID
    team: str | None
    location: str | None
    verdicts: list[MatrixCell]
    """One for each target, in the order in which they were asked for."""


@router.post("/candidates")
async def post_candidates(
    body: CandidatesBody, request: Request, principal: Annotated[Principal, requires("eligibility:read")]
) -> Page[CandidateView]:
    """Find who may work the whole of a shift, those who stay eligible longest first.

    Whoever has a warning in it may work and is among them, with the warning. Nothing is changed by it; that
    somebody is booked elsewhere meanwhile is for the scheduling platform to know.
    """
    running = serving(request)
    after = PageRequest(body.limit, body.cursor).after(tuple[datetime | None, UUID])
    async with running.database.listing() as conn:
        zone = await zone_of(conn, body.location, running.settings.default_time_zone)
        start, end = period_of(body.start, body.end, zone, what="A shift", pointer="/end")
        found = await store.list_candidates(
            conn,
            target=body.target,
            location=body.location,
            start=start,
            end=end,
            among=Among(body.team, principal.teams, principal.locations),
            after=after,
            limit=body.limit + 1,
        )
        judged = await judge(
            conn, [Shift(one.holder_id, body.target, body.location, start, end) for one in found]
        )
    return page_of(
        list(zip(found, judged, strict=True)),
        body.limit,
        lambda row: row[0].place,
        lambda row: CandidateView(
            holder_id=row[0].holder_id,
            team=row[0].team,
            location=row[0].location,
            verdict=row[1].verdict,
            reasons=list(row[1].reasons),
            eligible_until=row[0].eligible_until,
        ),
    )


@router.get("/matrix", response_model=Page[MatrixRow], responses=CSV_TOO)
async def get_matrix(
    request: Request,
    page: PageQuery,
    principal: Annotated[Principal, requires("eligibility:read")],
    target: Annotated[
        list[Target] | None,
        Query(max_length=TARGETS_AT_ONCE, description="Up to 20; without any, all that requirements name"),
    ] = None,
    location: Annotated[BookedLocation, Query()] = ANYWHERE,
    on: Annotated[Day | None, Query(description="The day, in the location's zone; today if left out")] = None,
    team: Annotated[Code | None, Query(description="That of the holders")] = None,
) -> Response:
    """Show who may do what on a day: a row for each active holder who has one of the targets.

    As CSV a target is a column, and a cell is the verdict with the codes of its reasons.
    """
    running = serving(request)
    async with running.database.reading() as conn:
        zone = await zone_of(conn, location, running.settings.default_time_zone)
        targets = tuple(dict.fromkeys(target or ())) or await _required(conn)
    day = on or civil.local_date(running.clock.now(), zone)
    start, end = begin_of(day, zone), end_of(day, zone)
    among = Among(team, principal.teams, principal.locations)

    async def read(asked: PageRequest) -> Page[MatrixRow]:
        async with running.database.listing() as conn:
            members = await store.page_holders(
                conn, targets=targets, among=among, after=asked.after(UUID), limit=asked.limit + 1
            )
            shifts = [Shift(one.holder_id, name, location, start, end) for one in members for name in targets]
            judged = iter(await judge(conn, shifts))
        rows = [(one, [next(judged) for _ in targets]) for one in members]
        return page_of(
            rows, asked.limit, lambda row: row[0].holder_id, lambda row: _row(row[0], targets, row[1])
        )

    async def cells(cursor: str | None) -> tuple[Sequence[Sequence[Cell]], str | None]:
        shown = await read(PageRequest(MOST, cursor))
        return [
            [str(row.holder_id), row.team, row.location, *(_cell(one) for one in row.verdicts)]
            for row in shown.items
        ], shown.next_cursor

    table = Table(("holder_id", "team", "location", *targets), cells)
    return await listed(request, page, read, MatrixRow, table=table)


async def _required(conn: Connection) -> tuple[str, ...]:
    targets = await store.read_required_targets(conn, TARGETS_AT_ONCE + 1)
    if len(targets) > TARGETS_AT_ONCE:
        raise Invalid(
            f"Requirements name more than {TARGETS_AT_ONCE} targets; say which are wanted by `target`.",
        )
    return tuple(targets)


def _row(member: Member, targets: Sequence[str], judged: Sequence[Judgement]) -> MatrixRow:
    return MatrixRow(
        holder_id=member.holder_id,
        team=member.team,
        location=member.location,
        verdicts=[
            MatrixCell(target=name, verdict=one.verdict, reasons=list(one.reasons))
            for name, one in zip(targets, judged, strict=True)
        ],
    )


def _cell(cell: MatrixCell) -> str:
    if cell.verdict is Verdict.ELIGIBLE:
        return str(cell.verdict)
    codes = ", ".join(dict.fromkeys(str(reason.code) for reason in cell.reasons))
    return f"{cell.verdict}: {codes}"
