"""HTTP for acting on many holders or enrolments."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_certifications.bulk import commands, store
from licet_certifications.bulk.bodies import BulkIn, EntryWord, MigrateIn
from licet_certifications.bulk.commands import TakeIn
from licet_certifications.bulk.model import Asker, BulkState, Enrol, Job, Kind, Migrate, Outcome, ReportLine
from licet_certifications.bulk.reading import read_lines
from licet_certifications.codes import Code
from licet_certifications.enrolments.model import Entry
from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.problems import UnsupportedMediaType
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_chassis.office.tables import charset_of
from licet_events.enrolments import EnrolmentStatus
from licet_events.event import Instant

router = APIRouter(prefix="/v1/enrolments/bulk", tags=["bulk"])
migrations_router = APIRouter(prefix="/v1/programmes", tags=["programmes"])

Reader = Annotated[Principal, requires("certifications:read")]
Writer = Annotated[Principal, requires("certifications:write")]

_LARGEST = 2 << 20
"""Bytes of a body: ten thousand rows."""


class BulkCounts(BaseModel):
    """How many rows came to what; in a dry run, would."""

    done: int = 0
    """Enrolled, or moved to the version."""
    complete: int = 0
    """Of those that are done, how many have nothing left to do but to be decided about."""
    refused: int = 0
    failed: int = 0


class BulkOut(BaseModel):
    """An action on many, and how far it has come."""

    id: UUID
    kind: Kind
    state: BulkState
    request: Mapping[str, Any]
    dry_run: bool
    actor: str
    total: int
    progress: float
    """From 0 to 1."""
    counts: BulkCounts
    created_at: Instant
    finished_at: Instant | None

    @classmethod
    def of(cls, job: Job) -> "BulkOut":
        """Show a job."""
        complete = job.counts.get("done_complete", 0)
        counts = BulkCounts(
            done=job.counts.get("done", 0) + complete,
            complete=complete,
            refused=job.counts.get("refused", 0),
            failed=job.counts.get("failed", 0),
        )
        worked_off = counts.done + counts.refused + counts.failed
        return cls(
            id=job.id,
            kind=job.kind,
            state=job.state,
            request=job.request,
            dry_run=job.dry_run,
            actor=job.actor,
            total=job.total,
            progress=1.0 if job.state is BulkState.FINISHED or not job.total else worked_off / job.total,
            counts=counts,
            created_at=job.created_at,
            finished_at=job.finished_at,
        )


class BulkRowOut(BaseModel):
    """What came of one row."""

    row: int
    """Its number, from 1; of a file, the line is one more."""
    holder_id: UUID | None
    programme: str | None
    outcome: Outcome | None
    """Null where it waits."""
    detail: str | None
    """Why it was not done."""
    enrolment_id: UUID | None
    status: EnrolmentStatus | None
    """The enrolment's afterwards; in a dry run, what it would be."""
    complete: bool | None
    missing: list[str]
    """What is still to do, such as `component:exam`."""

    @classmethod
    def of(cls, line: ReportLine) -> "BulkRowOut":
        """Show a line of the report."""
        result = line.result
        return cls(
            row=line.ordinal,
            holder_id=line.holder_id,
            programme=line.programme,
            outcome=None if result is None else result.outcome,
            detail=None if result is None else result.detail,
            enrolment_id=None if result is None else result.enrolment_id,
            status=None if result is None or result.status is None else EnrolmentStatus(result.status),
            complete=None if result is None else result.complete,
            missing=[] if result is None else list(result.missing),
        )


def _asker(principal: Principal) -> Asker:
    return Asker(principal.actor, principal.scopes, principal.teams, principal.locations)


def _location(job: Job) -> str:
    return f"/v1/enrolments/bulk/{job.id}"


def _enrol(principal: Principal, entry: EntryWord, note: str | None) -> Enrol:
    if entry == "staff":
        principal.must_have("certifications:approve")
    return Enrol(Entry(entry), note)


@router.post("", status_code=201, response_model=BulkOut, max_body_size=_LARGEST)
async def send(body: BulkIn, principal: Writer, write: Write) -> Response:
    """Enrol many holders in a programme, in the background, one after the other."""
    shown = {"programme": body.programme} | (
        {} if body.filter is None else {"filter": body.filter.model_dump(exclude_none=True)}
    )
    command = TakeIn(_enrol(principal, body.entry, body.note), body.dry_run, _asker(principal), shown)
    wanted = body.holder_ids if body.filter is None else body.filter.filter()
    assert wanted is not None  # noqa: S101  # the body has one of them
    return await write(
        lambda tx, now: commands.enrol_holders(tx, command, body.programme, wanted, now=now),
        view=BulkOut.of,
        status=201,
        location=_location,
    )


@router.post(
    "/csv",
    status_code=201,
    response_model=BulkOut,
    max_body_size=_LARGEST,
    openapi_extra={
        "requestBody": {"required": True, "content": {"text/csv": {"schema": {"type": "string"}}}}
    },
)
async def send_file(
    request: Request,
    principal: Writer,
    write: Write,
    programme: Annotated[
        Code | None, Query(description="Of all rows, for a file without a column programme")
    ] = None,
    entry: EntryWord = "staff",
    dry_run: bool = False,
) -> Response:
    """Enrol the holders of a CSV file with columns `holder_id` or `external_id`, and `programme`."""
    content_type = request.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "text/csv":
        raise UnsupportedMediaType("Send the file as the body, with Content-Type: text/csv.")
    lines = read_lines(await request.body(), programme=programme, charset=charset_of(content_type))
    command = TakeIn(_enrol(principal, entry, None), dry_run, _asker(principal), {"rows": len(lines)})
    return await write(
        lambda tx, now: commands.enrol_lines(tx, command, lines, now=now),
        view=BulkOut.of,
        status=201,
        location=_location,
    )


@router.get("", response_model=Page[BulkOut], responses=CSV_TOO)
async def list_(request: Request, principal: Reader, page: PageQuery) -> Response:
    """List actions on many, the latest first."""

    async def read(asked: PageRequest) -> Page[BulkOut]:
        async with serving(request).database.reading() as conn:
            jobs = await store.list_jobs(conn, _asker(principal), asked.after(UUID), asked.limit + 1)
        return page_of(jobs, asked.limit, lambda job: job.id, BulkOut.of)

    return await listed(request, page, read, BulkOut)


@router.get("/{job_id}", response_model=BulkOut)
async def show(request: Request, job_id: UUID, principal: Reader) -> Response:
    """Show how far an action has come."""
    async with serving(request).database.reading() as conn:
        return resource(BulkOut.of(await store.read_job(conn, job_id, _asker(principal))))


@router.post("/{job_id}/cancel", response_model=BulkOut)
async def cancel(job_id: UUID, principal: Writer, write: Write) -> Response:
    """End an action after the row in hand; what is done stays."""
    return await write(
        lambda tx, now: commands.cancel_job(tx, job_id, _asker(principal), now=now), view=BulkOut.of
    )


@router.get("/{job_id}/rows", response_model=Page[BulkRowOut], responses=CSV_TOO)
async def rows(
    request: Request,
    job_id: UUID,
    principal: Reader,
    page: PageQuery,
    outcome: Outcome | None = None,
    complete: Annotated[bool | None, Query(description="Whose work is complete, or is not")] = None,
) -> Response:
    """List what came of each row, in their order."""

    async def read(asked: PageRequest) -> Page[BulkRowOut]:
        async with serving(request).database.reading() as conn:
            await store.read_job(conn, job_id, _asker(principal))
            lines = await store.list_rows(
                conn, job_id, outcome, complete, asked.after(int) or 0, asked.limit + 1
            )
        return page_of(lines, asked.limit, lambda line: line.ordinal, BulkRowOut.of)

    return await listed(request, page, read, BulkRowOut)


@migrations_router.post("/{code}/versions/{number}/migrate", status_code=201, response_model=BulkOut)
async def migrate(
    code: Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")],
    number: Annotated[int, Path(ge=1, le=1_000_000)],
    principal: Annotated[Principal, requires("certifications:write", everyone=True)],
    write: Write,
    body: MigrateIn | None = None,
) -> Response:
    """Move every open enrolment of the programme to this version, in the background; dry-run it first."""
    dry_run = body is not None and body.dry_run

    async def command(tx: Transaction, now: datetime) -> Job:
        return await commands.migrate_enrolments(
            tx, Migrate(code, number), _asker(principal), dry_run=dry_run, now=now
        )

    return await write(command, view=BulkOut.of, status=201, location=_location)
