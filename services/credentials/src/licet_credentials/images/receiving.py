"""Receiving an uploaded file: reserve disk space, then read the form into a temporary directory."""

import asyncio
import shutil
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir
from typing import Any, Generic, TypeVar

import anyio
from anyio import to_thread
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.datastructures import UploadFile
from starlette.requests import Request

from licet_chassis.errors import Busy, TooLarge
from licet_chassis.http.problems import Problem
from licet_credentials.images.storage import ORIGINAL

_CHUNK = 256 * 1024
_LEAST_ROOM = 1 << 20
"""Least space of an upload: up to this size it stays in memory."""
_MOST_FIELDS = 16
_FIELD_BYTES = 1024
PREFIX = "licet-upload-"
"""Begins the name of each temporary directory with a file that somebody sent."""
_ABANDONED_SECONDS = 3600.0
"""Seconds after which a temporary directory is abandoned."""
F = TypeVar("F", bound=BaseModel)


class UploadRoom:
    """Disk space for uploads in progress, granted first come, first served."""

    def __init__(self, room_bytes: int, *, wait_seconds: float, receive_seconds: float) -> None:
        self.receive_seconds = receive_seconds
        """How long receiving a file may take."""
        self._free = self._all = room_bytes
        self._wait_seconds = wait_seconds
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def deadline(self) -> float:
        """Return the deadline of an upload that starts now, by the clock of the event loop."""
        return asyncio.get_running_loop().time() + self._wait_seconds

    @asynccontextmanager
    async def reserved(self, size: int, *, until: float | None = None) -> AsyncIterator[None]:
        """Reserve space for a file of at most `size` bytes; raises `Busy` if there is none in time.

        `until` is the deadline from `deadline`. Twice the size is reserved: the file is copied once.
        """
        room = min(max(2 * size, _LEAST_ROOM), self._all)
        await self._take(room, self.deadline() if until is None else until)
        try:
            yield
        finally:
            self._give(room)

    async def _take(self, room: int, until: float) -> None:
        if not self._waiting and room <= self._free:
            self._free -= room
            return
        granted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        place = (room, granted)
        self._waiting.append(place)
        try:
            async with asyncio.timeout_at(until):
                await granted
        except BaseException as error:
            if granted.done() and not granted.cancelled():  # granted at the very moment of the timeout
                self._give(room)
            else:
                self._waiting.remove(place)
                self._give(0)  # a smaller upload behind this one may fit
            if isinstance(error, TimeoutError):
                raise Busy("Too many files are being received; send it again in a moment.") from None
            raise

    def _give(self, room: int) -> None:
        self._free += room
        while self._waiting and self._waiting[0][0] <= self._free:
            wanted, granted = self._waiting.popleft()
            self._free -= wanted
            granted.set_result(None)


@dataclass(frozen=True, slots=True)
class ReceivedFile(Generic[F]):
    """A received file in its temporary directory."""

    path: Path
    sha256: str
    size: int
    fields: F
    """The other fields of the form."""

    def rendition(self, name: str) -> Path:
        """Return the path for a rendition, in the same directory."""
        return self.path.with_name(name)


@asynccontextmanager
async def received(
    request: Request, fields: type[F], *, largest: int, seconds: float
) -> AsyncIterator[ReceivedFile[F]]:
    """Read the form of a request: one part `file`, and the fields of the model `fields`.

    Raises FastAPI's error for a malformed form, `TooLarge` beyond `largest` bytes, and a 408 after `seconds`,
    so that a slow sender can't keep the space from others.
    """
    directory = await to_thread.run_sync(lambda: TemporaryDirectory(prefix=PREFIX))
    try:
        try:
            async with asyncio.timeout(seconds):
                kept = await _kept(request, fields, Path(directory.name) / ORIGINAL, largest)
        except TimeoutError:
            raise Problem(f"The file was not received within {seconds:.0f} seconds.", status=408) from None
        yield kept
    finally:
        await to_thread.run_sync(directory.cleanup)


async def _kept(request: Request, fields: type[F], path: Path, largest: int) -> ReceivedFile[F]:
    form = request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES)
    async with form as sent:
        upload = sent.get("file")
        fields_sent = {name: value for name, value in sent.items() if name != "file"}
        errors: list[Any] = []
        if not isinstance(upload, UploadFile):
            errors.append({"type": "missing", "loc": ("body", "file"), "msg": "Field required"})
        try:
            checked = fields.model_validate(fields_sent)
        except ValidationError as error:
            errors += [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        if errors or not isinstance(upload, UploadFile):
            raise RequestValidationError(errors, body=fields_sent)
        digest, size = sha256(), 0
        async with await anyio.open_file(path, "wb") as file:
            while chunk := await upload.read(_CHUNK):
                size += len(chunk)
                if size > largest:
                    raise TooLarge(f"The file is larger than {largest:,} bytes.", pointer="/file")
                digest.update(chunk)
                await file.write(chunk)
    return ReceivedFile(path, digest.hexdigest(), size, checked)


async def remove_abandoned() -> bool:
    """Remove temporary directories of killed processes: their files are personal data."""

    def remove() -> None:
        for directory in Path(gettempdir()).glob(f"{PREFIX}*"):
            if time.time() - directory.stat().st_mtime > _ABANDONED_SECONDS:
                shutil.rmtree(directory, ignore_errors=True)

    await to_thread.run_sync(remove)
    return False
