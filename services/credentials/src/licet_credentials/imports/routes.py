"""HTTP for imports."""

from collections.abc import Mapping
from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.paging import Page, PageQuery, page_of
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write, form_fingerprint
from licet_credentials.access import ADMIN
from licet_credentials.errors import TooLarge
from licet_credentials.imports import commands, store
from licet_credentials.imports.commands import TakeIn
from licet_credentials.imports.model import Outcome

LARGEST_FILE = 64 << 20
"""Bytes of a CSV file."""

router = APIRouter(prefix="/v1/imports", tags=["imports"])


class ImportCounts(BaseModel):
    """How many rows came to what, and what was made of them."""

    created: int = 0
    renewed: int = 0
    updated: int = 0
    unchanged: int = 0
    rejected: int = 0
    holders_created: int = 0
    holders_updated: int = 0
    credentials_created: int = 0
    terms_created: int = 0


class ImportOut(BaseModel):
    """An import and how far it has come."""

    id: UUID
    state: str
    """`queued`, `running`, `finished` or `failed`."""
    mapping: str
    dry_run: bool
    file_name: str
    total_rows: int | None
    progress: float
    """From 0 to 1."""
    counts: ImportCounts
    types_created: list[str]
    """Credential types that the mapping named and that were not there."""
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
            total_rows=job.total_rows,
            progress=job.done_batches / job.total_batches if job.total_batches else 0.0,
            counts=ImportCounts(**job.counts),
            types_created=list(job.types_created),
            problem=job.problem,
            created_at=job.created_at,
            updated_at=job.updated_at,
            finished_at=job.finished_at,
        )


class ImportRowOut(BaseModel):
    """What became of one row."""

    line: int
    outcome: Outcome
    credential_id: UUID | None
    errors: list[Mapping[str, Any]]


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
    content = await file.read(LARGEST_FILE + 1)
    if len(content) > LARGEST_FILE:
        raise TooLarge(f"The file is larger than {LARGEST_FILE:,} bytes.", pointer="/file")
    command = TakeIn(content, (file.filename or "")[:200], mapping, dry_run)
    return await write(
        lambda tx, now: commands.take_in(tx, command, now=now),
        view=ImportOut.of,
        status=201,
        location=lambda job: f"/v1/imports/{job.id}",
        fingerprint=form_fingerprint(
            {"mapping": mapping, "dry_run": str(dry_run)}, {"file": sha256(content).digest()}
        ),
    )


@router.get("/{import_id}", response_model=ImportOut, dependencies=[ADMIN])
async def show(request: Request, import_id: UUID) -> Response:
    """Show how far an import has come."""
    async with serving(request).database.reading() as conn:
        return resource(ImportOut.of(await store.read_import(conn, import_id)))


@router.get("/{import_id}/rows", dependencies=[ADMIN])
async def rows(
    request: Request, import_id: UUID, page: PageQuery, outcome: Outcome | None = None
) -> Page[ImportRowOut]:
    """List what became of each row."""
    async with serving(request).database.reading() as conn:
        await store.read_import(conn, import_id)
        found = await store.list_rows(conn, import_id, outcome, page.after(int) or 0, page.limit + 1)
    return page_of(
        found,
        page.limit,
        lambda row: row.line,
        lambda row: ImportRowOut(
            line=row.line, outcome=row.outcome, credential_id=row.credential_id, errors=list(row.errors)
        ),
    )
