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
from licet_chassis.http.strictness import FormFlag
from licet_chassis.http.writes import Write, form_fingerprint
from licet_credentials.access import ADMIN, AUDIT
from licet_credentials.imports import commands, store
from licet_credentials.imports.commands import SubmitImport
from licet_credentials.imports.file.mapping import find_mapping, read_mapping
from licet_credentials.imports.file.uploads import LARGEST_FILE, as_text, inspect_upload, plain_name
from licet_credentials.imports.model import Import, ImportState, ReportLine, RowOutcome

router = APIRouter(prefix="/v1/imports", tags=["imports"])


class ImportCounts(BaseModel):
    """Rows by outcome, and records that the import made."""

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
    """Records that were undone, and records that were left."""

    credentials_voided: int = 0
    terms_withdrawn: int = 0
    """From credentials that existed before."""
    credentials_left: int = 0
    """Credentials on which something of the import stays."""
    holders_deactivated: int = 0
    holders_left: int = 0


class ImportOut(BaseModel):
    """An import and its progress."""

    id: UUID
    state: ImportState
    mapping: str
    dry_run: bool
    file_name: str
    file_size: int
    encoding: str
    """As detected, or as the mapping says."""
    delimiter: str
    skipped_lines: int
    """Lines above the header."""
    warnings: list[str]
    """What is uncertain about how the file was read, such as a guessed encoding."""
    total_rows: int | None
    """Null until the file is cut into rows."""
    done_rows: int
    progress: float
    """From 0 to 1."""
    counts: ImportCounts
    types_created: list[str]
    """Codes of credential types that the import defined."""
    undone: UndoCounts
    problem: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None

    @classmethod
    def of(cls, job: Import) -> "ImportOut":
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
            skipped_lines=job.skipped_lines,
            warnings=list(job.warnings),
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


def _progress(job: Import) -> float:
    if job.total_rows is None:
        return 0.0
    return job.done_rows / job.total_rows if job.total_rows else 1.0


class ImportErrorOut(BaseModel):
    """An error in a row: the column, its value, and what would be allowed."""

    column: str
    value: str
    detail: str


class ImportRowOut(BaseModel):
    """The result of one row."""

    line: int
    """Line of the file where the row begins; the header is in line 1."""
    outcome: RowOutcome
    credential_id: UUID | None
    errors: list[ImportErrorOut]
    undo: str | None
    """After an undo: `undone` or `left`."""
    undo_reason: str | None
    """Why it was left: `was_there_before`, `changed_since`, `voided_already`, `something_rests_on_it`.

    Or `other_changes_stay`: its term was withdrawn, but not everything else that the import changed.
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
    dry_run: Annotated[FormFlag, Form()] = False,
) -> Response:
    """Import a CSV file or a workbook (XLSX, XLS) in the background.

    `mapping` is TOML, or the name of a shipped mapping.
    """
    sent = await inspect_upload(file, largest=LARGEST_FILE)
    sheet = read_mapping(find_mapping(mapping)[1]).sheet
    async with as_text(sent, sheet) as upload:
        command = SubmitImport(upload, plain_name(file.filename), mapping, dry_run)
        return await write(
            lambda tx, now: commands.submit_import(tx, command, now=now),
            view=ImportOut.of,
            status=201,
            location=lambda job: f"/v1/imports/{job.id}",
            fingerprint=form_fingerprint(
                {"mapping": mapping, "dry_run": str(dry_run)}, {"file": upload.digest}
            ),
        )


@router.get("", response_model=Page[ImportOut], dependencies=[AUDIT], responses=CSV_TOO)
async def list_(request: Request, page: PageQuery, state: ImportState | None = None) -> Response:
    """List imports, the latest first."""

    async def read(asked: PageRequest) -> Page[ImportOut]:
        async with serving(request).database.reading() as conn:
            found = await store.list_imports(conn, state, asked.after(UUID), asked.limit + 1)
        return page_of(found, asked.limit, lambda job: job.id, ImportOut.of)

    return await listed(request, page, read, ImportOut)


@router.get("/{import_id}", response_model=ImportOut, dependencies=[AUDIT])
async def show(request: Request, import_id: UUID) -> Response:
    """Show an import and its progress."""
    async with serving(request).database.reading() as conn:
        return resource(ImportOut.of(await store.read_import(conn, import_id)))


@router.post("/{import_id}/cancel", status_code=202, response_model=ImportOut, dependencies=[ADMIN])
async def cancel(import_id: UUID, write: Write) -> Response:
    """Stop an import after its current batch; what it made stays, and can be undone."""
    return await write(
        lambda tx, now: commands.cancel_import(tx, import_id, now=now), view=ImportOut.of, status=202
    )


@router.post("/{import_id}/undo", status_code=202, response_model=ImportOut, dependencies=[ADMIN])
async def undo(import_id: UUID, write: Write) -> Response:
    """Undo an import in the background; records that have changed since are left."""
    return await write(
        lambda tx, now: commands.undo_import(tx, import_id, now=now), view=ImportOut.of, status=202
    )


@router.get("/{import_id}/rows", response_model=Page[ImportRowOut], dependencies=[AUDIT], responses=CSV_TOO)
async def rows(
    request: Request, import_id: UUID, page: PageQuery, outcome: RowOutcome | None = None
) -> Response:
    """List the results of rows; as CSV with a line for each error."""
    database = serving(request).database

    async def found(wanted: PageRequest) -> Sequence[ReportLine]:
        async with database.reading() as conn:
            await store.read_import(conn, import_id)
            after = wanted.after(int) or 0
            return await store.read_report(conn, import_id, outcome, after, wanted.limit + 1)

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


def _row_out(row: ReportLine) -> ImportRowOut:
    return ImportRowOut(
        line=row.line,
        outcome=row.outcome,
        credential_id=row.credential_id,
        errors=[ImportErrorOut(**error) for error in row.errors],
        undo=row.undo,
        undo_reason=row.undo_reason,
    )


def _cells(row: ReportLine) -> list[list[Cell]]:
    credential_id = None if row.credential_id is None else str(row.credential_id)
    return [
        [row.line, row.outcome.value, credential_id]
        + [error.get(name) for name in ("column", "value", "detail")]
        + [row.undo, row.undo_reason]
        for error in row.errors or (_NO_ERROR,)
    ]
