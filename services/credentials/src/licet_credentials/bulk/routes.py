"""HTTP for bulk actions on credentials."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_credentials.access import ReaderSees, WriterSees, writes
from licet_credentials.bulk import commands, store
from licet_credentials.bulk.bodies import BulkIn
from licet_credentials.bulk.commands import SubmitBulk
from licet_credentials.bulk.model import BulkJob, BulkOutcome, BulkState, ReportLine
from licet_credentials.visibility.model import Sees
from licet_events.credentials import Validity

router = APIRouter(prefix="/v1/credentials/bulk", tags=["bulk"])

_SubmitterSees = Annotated[Sees, writes("/reassign/holder_id", "/filter/holder_id", filters=True)]

_LARGEST = 1 << 20
"""Bytes of a request body: enough for ten thousand ids and the action."""


class BulkCounts(BaseModel):
    """Credentials by outcome; in a dry run, by the outcome they would have."""

    done: int = 0
    refused: int = 0
    failed: int = 0


class BulkOut(BaseModel):
    """A bulk action and its progress."""

    id: UUID
    state: BulkState
    action: Mapping[str, Any]
    """As submitted."""
    dry_run: bool
    actor: str
    total: int
    progress: float
    """From 0 to 1."""
    counts: BulkCounts
    created_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: BulkJob) -> "BulkOut":
        """Show a job."""
        return cls(
            id=job.id,
            state=job.state,
            action=job.action,
            dry_run=job.dry_run,
            actor=job.actor,
            total=job.total,
            progress=job.done / job.total if job.total else 1.0,
            counts=BulkCounts(**job.counts),
            created_at=job.created_at,
            finished_at=job.finished_at,
        )


class ChangesOut(BaseModel):
    """A credential after the action; in a dry run, as it would be."""

    version: int
    holder_id: UUID
    validity: Validity
    valid_from: date | None = None
    """Of the new term."""
    expires_on: date | None
    """Of the last term; so are the two that follow."""
    expires_on_month: str | None = None
    """YYYY-MM where the document prints only the month."""
    expires_at: datetime | None = None
    """The instant from which it is no longer valid."""
    expires_on_rule: str | None = None
    """The rule that gave the end of the new term."""
    voided: bool


class BulkRowOut(BaseModel):
    """Outcome for one credential."""

    credential_id: UUID
    outcome: BulkOutcome | None
    """Null while the credential is pending."""
    detail: str | None
    """Why the action was refused or failed."""
    changes: ChangesOut | None

    @classmethod
    def of(cls, line: ReportLine) -> "BulkRowOut":
        """Show a line of the report."""
        result = line.result
        changes = None if result is None or result.changes is None else ChangesOut(**result.changes)
        return cls(
            credential_id=line.credential_id,
            outcome=None if result is None else result.outcome,
            detail=None if result is None else result.detail,
            changes=changes,
        )


@router.post("", status_code=201, response_model=BulkOut, max_body_size=_LARGEST)
async def send(body: BulkIn, sees: _SubmitterSees, write: Write) -> Response:
    """Submit an action on many credentials; a background job applies it to one after the other."""
    wanted = body.ids if body.filter is None else body.filter.filter()
    assert wanted is not None  # noqa: S101  # the body has one of them
    command = SubmitBulk(body.action(), wanted, body.dry_run, sees)
    return await write(
        lambda tx, now: commands.submit_bulk(tx, command, now=now),
        view=BulkOut.of,
        status=201,
        location=lambda job: f"/v1/credentials/bulk/{job.id}",
    )


@router.get("", response_model=Page[BulkOut], responses=CSV_TOO)
async def list_(request: Request, sees: ReaderSees, page: PageQuery) -> Response:
    """List bulk actions, the latest first."""

    async def read(asked: PageRequest) -> Page[BulkOut]:
        async with serving(request).database.reading() as conn:
            jobs = await store.list_bulks(conn, sees, asked.after(UUID), asked.limit + 1)
        return page_of(jobs, asked.limit, lambda job: job.id, BulkOut.of)

    return await listed(request, page, read, BulkOut)


@router.get("/{bulk_id}", response_model=BulkOut)
async def show(request: Request, bulk_id: UUID, sees: ReaderSees) -> Response:
    """Show a bulk action and its progress."""
    async with serving(request).database.reading() as conn:
        return resource(BulkOut.of(await store.read_bulk(conn, bulk_id, sees)))


@router.post("/{bulk_id}/cancel", response_model=BulkOut)
async def cancel(bulk_id: UUID, sees: WriterSees, write: Write) -> Response:
    """Cancel a bulk action after the credential it is working on; finished credentials stay changed."""
    return await write(lambda tx, now: commands.cancel_bulk(tx, bulk_id, sees, now=now), view=BulkOut.of)


@router.get("/{bulk_id}/rows", response_model=Page[BulkRowOut], responses=CSV_TOO)
async def rows(
    request: Request, bulk_id: UUID, sees: ReaderSees, page: PageQuery, outcome: BulkOutcome | None = None
) -> Response:
    """List the outcome for each credential, in the order of their ids."""

    async def read(asked: PageRequest) -> Page[BulkRowOut]:
        async with serving(request).database.reading() as conn:
            await store.read_bulk(conn, bulk_id, sees)
            lines = await store.list_rows(conn, bulk_id, outcome, asked.after(int) or 0, asked.limit + 1)
        return page_of(lines, asked.limit, lambda line: line.ordinal, BulkRowOut.of)

    return await listed(request, page, read, BulkRowOut)
