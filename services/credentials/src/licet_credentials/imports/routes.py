"""HTTP for imports."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.csv import CSV_TOO, Cell, Table, listed
from licet_chassis.http.paging import MOST, Page, PageQuery, PageRequest, cursor_after, page_of
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write, form_fingerprint
from licet_credentials.access import ADMIN, AUDIT
from licet_credentials.imports import commands, store
from licet_credentials.imports.commands import TakeIn
from licet_credentials.imports.model import Outcome, State
from licet_credentials.imports.uploads import looked_at, plain_name

LARGEST_FILE = 2 << 30
"""Bytes of a CSV file."""

router = APIRouter(prefix="/v1/imports", tags=["imports"])


class ImportCounts(BaseModel):
    """How many rows came to what, and what was made of them."""

    created: int = 0
    renewed: int = 0
    added: int = 0
    corrected: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    holders_created: int = 0
    holders_updated: int = 0
    credentials_created: int = 0
    terms_created: int = 0


class UndoCounts(BaseModel):
    """How much of what was made is taken back, and how much is left."""

    credentials_voided: int = 0
    terms_withdrawn: int = 0
    """From credentials that were there before."""
    credentials_left: int = 0
    """On which something of the import stays."""
    holders_deactivated: int = 0
    holders_left: int = 0


class ImportOut(BaseModel):
    """An import and how far it has come."""

    id: UUID
    state: State
    mapping: str
    dry_run: bool
    file_name: str
    file_size: int
    encoding: str
    """As it was found out, or as the mapping says."""
    delimiter: str
    total_rows: int | None
    """Known once the file is cut into rows."""
    done_rows: int
    progress: float
    """From 0 to 1."""
    counts: ImportCounts
    types_created: list[str]
    """Credential types that the mapping named and that were not there."""
    undone: UndoCounts
    problem: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: store.Import) -> "ImportOut":
        """Show an import."""
        return cls(
            id=job.id,
            state=job.state,
            mapping=job.mapping_name,
            dry_run=job.dry_run,
            file_name=job.file_name,
            file_size=job.file_size,
            encoding=job.encoding,
            delimiter=job.delimiter,
            total_rows=job.total_rows,
            done_rows=job.done_rows,
            progress=_progress(job),
            counts=ImportCounts(**job.counts),
            types_created=list(job.types_created),
            undone=UndoCounts(**job.undo_counts),
            problem=job.problem,
            created_at=job.created_at,
            updated_at=job.updated_at,
            finished_at=job.finished_at,
        )


def _progress(job: store.Import) -> float:
    if job.total_rows is None:
        return 0.0
    return job.done_rows / job.total_rows if job.total_rows else 1.0


class ImportErrorOut(BaseModel):
    """What is wrong with a row: where, what it says, and what is allowed."""

    column: str
    value: str
    detail: str


class ImportRowOut(BaseModel):
    """What became of one row."""

    line: int
    """Of the file, where the row begins; the header is in line 1."""
    outcome: Outcome
    credential_id: UUID | None
    errors: list[ImportErrorOut]
    undo: str | None
    """Once the import is undone: `undone`, or `left`."""
    undo_reason: str | None
    """Why it was left: `was_there_before`, `changed_since`, `voided_already`, `something_rests_on_it`.

    Or `other_changes_stay`: its term is taken back, and not all that the import changed beside.
    """


@router.post(
    "",
    status_code=201,
    response_model=ImportOut,
    dependencies=[ADMIN],
    max_body_size=LARGEST_FILE + (1 << 20),
)
async def send(
    file: Annotated[UploadFile, File()],
    mapping: Annotated[str, Form(min_length=1, max_length=100_000)],
    write: Write,
    dry_run: Annotated[bool, Form()] = False,
) -> Response:
    """Take in a CSV file, worked off in the background; `mapping` is TOML or the name of a known one."""
    upload = await looked_at(file, largest=LARGEST_FILE)
    command = TakeIn(
        upload.pieces, upload.size, upload.head, upload.utf8, plain_name(file.filename), mapping, dry_run
    )
    return await write(
        lambda tx, now: commands.take_in(tx, command, now=now),
        view=ImportOut.of,
        status=201,
        location=lambda job: f"/v1/imports/{job.id}",
        fingerprint=form_fingerprint({"mapping": mapping, "dry_run": str(dry_run)}, {"file": upload.digest}),
    )


@router.get("", response_model=Page[ImportOut], dependencies=[AUDIT], responses=CSV_TOO)
async def list_(request: Request, page: PageQuery, state: State | None = None) -> Response:
    """List imports, the latest first."""

    async def read(asked: PageRequest) -> Page[ImportOut]:
        async with serving(request).database.reading() as conn:
            found = await store.list_imports(conn, state, asked.after(UUID), asked.limit + 1)
        return page_of(found, asked.limit, lambda job: job.id, ImportOut.of)

    return await listed(request, page, read, ImportOut)


@router.get("/{import_id}", response_model=ImportOut, dependencies=[AUDIT])
async def show(request: Request, import_id: UUID) -> Response:
    """Show how far an import has come."""
    async with serving(request).database.reading() as conn:
        return resource(ImportOut.of(await store.read_import(conn, import_id)))


@router.post("/{import_id}/cancel", status_code=202, response_model=ImportOut, dependencies=[ADMIN])
async def cancel(import_id: UUID, write: Write) -> Response:
    """Have an import end after the batch in hand; what is done stays, and can be undone."""
    return await write(
        lambda tx, now: commands.cancel_import(tx, import_id, now=now), view=ImportOut.of, status=202
    )


@router.post("/{import_id}/undo", status_code=202, response_model=ImportOut, dependencies=[ADMIN])
async def undo(import_id: UUID, write: Write) -> Response:
    """Take back in the background what an import made; what has changed since is left."""
    return await write(
        lambda tx, now: commands.undo_import(tx, import_id, now=now), view=ImportOut.of, status=202
    )


@router.get("/{import_id}/rows", response_model=Page[ImportRowOut], dependencies=[AUDIT], responses=CSV_TOO)
async def rows(
    request: Request, import_id: UUID, page: PageQuery, outcome: Outcome | None = None
) -> Response:
    """List what became of each row; as CSV with a line for each error."""
    database = serving(request).database

    async def found(wanted: PageRequest) -> Sequence[store.ReportLine]:
        async with database.reading() as conn:
            await store.read_import(conn, import_id)
            after = wanted.after(int) or 0
            return await store.report_rows(conn, import_id, outcome, after, wanted.limit + 1)

    async def read(wanted: PageRequest) -> Page[ImportRowOut]:
        return page_of(await found(wanted), wanted.limit, lambda row: row.line, _row_out)

    async def cells(cursor: str | None) -> tuple[Sequence[Sequence[Cell]], str | None]:
        lines = await found(PageRequest(MOST, cursor))
        shown = lines[:MOST]
        following = cursor_after(shown[-1].line) if len(lines) > MOST else None
        return [row for line in shown for row in _cells(line)], following

    return await listed(request, page, read, ImportRowOut, table=Table(_COLUMNS, cells))


_COLUMNS = ("line", "outcome", "credential_id", "column", "value", "detail", "undo", "undo_reason")
_NO_ERROR: Mapping[str, Any] = {}


def _row_out(row: store.ReportLine) -> ImportRowOut:
    return ImportRowOut(
        line=row.line,
        outcome=row.outcome,
        credential_id=row.credential_id,
        errors=[ImportErrorOut(**error) for error in row.errors],
        undo=row.undo,
        undo_reason=row.undo_reason,
    )


def _cells(row: store.ReportLine) -> list[list[Cell]]:
    credential_id = None if row.credential_id is None else str(row.credential_id)
    return [
        [row.line, row.outcome.value, credential_id]
        + [error.get(name) for name in ("column", "value", "detail")]
        + [row.undo, row.undo_reason]
        for error in row.errors or (_NO_ERROR,)
    ]
