"""Taking in a file, cancelling an import, and asking for it to be undone."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict
from licet_credentials.imports import store
from licet_credentials.imports.detecting import detect
from licet_credentials.imports.mapping import find_mapping, read_mapping
from licet_credentials.imports.model import State
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class TakeIn:
    """A file as it was sent."""

    pieces: Callable[[], AsyncIterator[bytes]]
    """Gives its content from the beginning, each time it is called."""
    size: int
    head: bytes
    """Its beginning, in which the header is."""
    utf8: bool
    """Whether the whole of it is UTF-8."""
    file_name: str
    mapping: str
    dry_run: bool


async def take_in(tx: Transaction, command: TakeIn, *, now: datetime) -> store.Import:
    """Check mapping and header and keep the file to be worked off; raises `Invalid`."""
    name, text = find_mapping(command.mapping)
    dialect = detect(command.head, read_mapping(text), utf8=command.utf8)
    new = store.NewImport(
        id=uuid7(),
        mapping_name=name,
        mapping=text,
        dry_run=command.dry_run,
        file_name=command.file_name,
        file_size=command.size,
        dialect=dialect,
        actor=tx.cause.actor,
    )
    await store.insert_import(tx.conn, new, now)
    ordinal = 0
    async for piece in command.pieces():
        await store.insert_chunk(tx.conn, new.id, ordinal, piece)
        ordinal += 1
    return await store.read_import(tx.conn, new.id)


async def cancel_import(tx: Transaction, import_id: UUID, *, now: datetime) -> store.Import:
    """Have an import end after the batch in hand; what is done stays. Raises `NotFound` and `Conflict`."""
    job = await store.read_import(tx.conn, import_id)
    if job.state in {State.CANCELLING, State.CANCELLED}:
        return job
    if not await store.change_state(
        tx.conn, import_id, State.CANCELLING, (State.QUEUED, State.RUNNING), None, now
    ):
        raise Conflict(f"The import is {job.state}; only one that is queued or running can be cancelled.")
    return await store.read_import(tx.conn, import_id)


async def undo_import(tx: Transaction, import_id: UUID, *, now: datetime) -> store.Import:
    """Have what an import made taken back, as a job; raises `NotFound` and `Conflict`."""
    job = await store.read_import(tx.conn, import_id)
    if job.state in {State.UNDOING, State.UNDONE}:
        return job
    if job.dry_run:
        raise Conflict("The import was a dry run; it has made nothing that could be undone.")
    ended = (State.FINISHED, State.FAILED, State.CANCELLED)
    if not await store.change_state(tx.conn, import_id, State.UNDOING, ended, tx.cause.actor, now):
        raise Conflict(f"The import is {job.state}; wait for its end or cancel it before undoing it.")
    return await store.read_import(tx.conn, import_id)
