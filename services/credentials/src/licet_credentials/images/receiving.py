"""Taking in a file: room for it first, then the form, then the file in a directory of its own."""

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
"""What an upload takes at the least: as much of it is in memory before it goes to disk."""
_MOST_FIELDS = 16
_FIELD_BYTES = 1024
_PREFIX = "licet-upload-"
_LEFT_BEHIND = 3600.0
"""Seconds after which nobody works on an upload any more."""
F = TypeVar("F", bound=BaseModel)


class UploadRoom:
    """Room on disk for files that are being taken in and worked on; who comes first is served first."""

    def __init__(self, room_bytes: int, *, wait_seconds: float, receive_seconds: float) -> None:
        self.receive_seconds = receive_seconds
        """How long a file may take to come in."""
        self._free = self._all = room_bytes
        self._wait_seconds = wait_seconds
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    def patience_ends(self) -> float:
        """Return until when an upload that comes now waits for room and a worker, by the loop's clock."""
        return asyncio.get_running_loop().time() + self._wait_seconds

    @asynccontextmanager
    async def reserved(self, size: int, *, until: float | None = None) -> AsyncIterator[None]:
        """Have room for a file of at most `size` bytes; raises `Busy` where there was none in time.

        `until` is what `patience_ends` said when the upload came. While it is copied a file lies there twice.
        """
        room = min(max(2 * size, _LEAST_ROOM), self._all)
        await self._take(room, self.patience_ends() if until is None else until)
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
            if granted.done() and not granted.cancelled():  # at the very last moment
                self._give(room)
            else:
                self._waiting.remove(place)
                self._give(0)  # those behind may need less
            if isinstance(error, TimeoutError):
                raise Busy("Too many files are being taken in; send it again in a moment.") from None
            raise

    def _give(self, room: int) -> None:
        self._free += room
        while self._waiting and self._waiting[0][0] <= self._free:
            wanted, granted = self._waiting.popleft()
            self._free -= wanted
            granted.set_result(None)


@dataclass(frozen=True, slots=True)
class Received(Generic[F]):
    """A file that was sent, and where it lies as long as it is worked on."""

    path: Path
    sha256: str
    size: int
    fields: F
    """The other fields of its form."""

    def rendition(self, name: str) -> Path:
        """Return where a rendition is written: beside it, and as long."""
        return self.path.with_name(name)


@asynccontextmanager
async def received(
    request: Request, fields: type[F], *, largest: int, seconds: float
) -> AsyncIterator[Received[F]]:
    """Read the form of a request: one part `file`, and the fields of the model `fields`.

    Raises what FastAPI raises for a form that is not as it should be, `TooLarge` beyond `largest` bytes,
    and a 408 for one that has not come in time: whoever sends slowly must not keep the room from others.
    """
    directory = await to_thread.run_sync(lambda: TemporaryDirectory(prefix=_PREFIX))
    try:
        try:
            async with asyncio.timeout(seconds):
                kept = await _kept(request, fields, Path(directory.name) / ORIGINAL, largest)
        except TimeoutError:
            raise Problem(f"The file has not come within {seconds:.0f} seconds.", status=408) from None
        yield kept
    finally:
        await to_thread.run_sync(directory.cleanup)


async def _kept(request: Request, fields: type[F], path: Path, largest: int) -> Received[F]:
    form = request.form(max_files=1, max_fields=_MOST_FIELDS, max_part_size=_FIELD_BYTES)
    async with form as sent:
        upload = sent.get("file")
        said = {name: value for name, value in sent.items() if name != "file"}
        errors: list[Any] = []
        if not isinstance(upload, UploadFile):
            errors.append({"type": "missing", "loc": ("body", "file"), "msg": "Field required"})
        try:
            checked = fields.model_validate(said)
        except ValidationError as error:
            errors += [{**each, "loc": ("body", *each["loc"])} for each in error.errors()]
        if errors or not isinstance(upload, UploadFile):
            raise RequestValidationError(errors, body=said)
        digest, size = sha256(), 0
        async with await anyio.open_file(path, "wb") as file:
            while chunk := await upload.read(_CHUNK):
                size += len(chunk)
                if size > largest:
                    raise TooLarge(f"The file is larger than {largest:,} bytes.", pointer="/file")
                digest.update(chunk)
                await file.write(chunk)
    return Received(path, digest.hexdigest(), size, checked)


async def remove_left_behind() -> bool:
    """Remove the directories of uploads whose process was killed: what is in them is personal."""

    def remove() -> None:
        for directory in Path(gettempdir()).glob(f"{_PREFIX}*"):
            if time.time() - directory.stat().st_mtime > _LEFT_BEHIND:
                shutil.rmtree(directory, ignore_errors=True)

    await to_thread.run_sync(remove)
    return False
