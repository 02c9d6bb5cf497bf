"""Submitting, cancelling and undoing an import."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict
from licet_credentials.imports import store
from licet_credentials.imports.file.detecting import detect
from licet_credentials.imports.file.mapping import find_mapping, read_mapping
from licet_credentials.imports.file.uploads import Upload
from licet_credentials.imports.model import Import, ImportState, NewImport
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class SubmitImport:
    """A file to import, and how."""

    upload: Upload
    """As delimited text."""
    file_name: str
    mapping: str
    """TOML, or the name of a shipped mapping."""
    dry_run: bool


async def submit_import(tx: Transaction, command: SubmitImport, *, now: datetime) -> Import:
    """Check mapping and header, and queue the file; raises `Invalid`."""
    upload = command.upload
    name, text = find_mapping(command.mapping)
    dialect, warnings = detect(upload.head, upload.survey, read_mapping(text), typed=upload.typed)
    new = NewImport(
        id=uuid7(),
        mapping_name=name,
        mapping=text,
        dry_run=command.dry_run,
        file_name=command.file_name,
        file_size=upload.size,
        dialect=dialect,
        warnings=(*upload.warnings, *warnings),
        actor=tx.cause.actor,
    )
    await store.insert_import(tx.conn, new, now)
    ordinal = 0
    async for piece in upload.pieces():
        await store.insert_chunk(tx.conn, new.id, ordinal, piece)
        ordinal += 1
    return await store.read_import(tx.conn, new.id)


async def cancel_import(tx: Transaction, import_id: UUID, *, now: datetime) -> Import:
    """Stop an import after its current batch; batches before stay. Raises `NotFound` and `Conflict`."""
    job = await store.read_import(tx.conn, import_id)
    if job.state in {ImportState.CANCELLING, ImportState.CANCELLED}:
        return job
    cancellable = (ImportState.QUEUED, ImportState.RUNNING)
    if not await store.change_state(tx.conn, import_id, ImportState.CANCELLING, cancellable, None, now):
        raise Conflict(f"The import is {job.state}; only one that is queued or running can be cancelled.")
    return await store.read_import(tx.conn, import_id)


async def undo_import(tx: Transaction, import_id: UUID, *, now: datetime) -> Import:
    """Start the undo of an import as a job; raises `NotFound` and `Conflict`."""
    job = await store.read_import(tx.conn, import_id)
    if job.state in {ImportState.UNDOING, ImportState.UNDONE}:
        return job
    if job.dry_run:
        raise Conflict("The import was a dry run; it has made nothing that could be undone.")
    ended = (ImportState.FINISHED, ImportState.FAILED, ImportState.CANCELLED)
    if not await store.change_state(tx.conn, import_id, ImportState.UNDOING, ended, tx.cause.actor, now):
        raise Conflict(f"The import is {job.state}; wait for its end or cancel it before undoing it.")
    return await store.read_import(tx.conn, import_id)
