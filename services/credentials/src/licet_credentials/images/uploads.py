"""From an uploaded file to stored renditions, before the database hears of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import anyio
from anyio import to_thread

from licet_credentials.credentials.model import Image
from licet_credentials.errors import TooLarge
from licet_credentials.images.storage import ImageStorage, object_key
from licet_credentials.images.workers import ImageWorkers
from licet_events.ids import uuid7

ORIGINAL, DISPLAY, THUMBNAIL = "original", "display", "thumbnail"
_CHUNK = 256 * 1024


class Upload(Protocol):
    """A file that comes in piece by piece."""

    async def read(self, size: int = -1) -> bytes:
        """Return at most `size` bytes more; none at the end."""


@asynccontextmanager
async def received(upload: Upload, *, largest: int) -> AsyncIterator[tuple[Path, str, int]]:
    """Keep an upload in a directory of its own while it is worked on: its path, SHA-256 and size.

    Raises `TooLarge` beyond `largest` bytes.
    """
    directory = await to_thread.run_sync(TemporaryDirectory)
    try:
        path = Path(directory.name) / ORIGINAL
        digest, size = sha256(), 0
        async with await anyio.open_file(path, "wb") as file:
            while chunk := await upload.read(_CHUNK):
                size += len(chunk)
                if size > largest:
                    raise TooLarge(f"The file is larger than {largest:,} bytes.", pointer="/file")
                digest.update(chunk)
                await file.write(chunk)
        yield path, digest.hexdigest(), size
    finally:
        await to_thread.run_sync(directory.cleanup)


async def store_image(
    path: Path, digest: str, size: int, kind: str, workers: ImageWorkers, storage: ImageStorage, now: datetime
) -> Image:
    """Render the file and store the original and both renditions; returns what is to be recorded.

    All three are stored before the caller records anything: a crash in between leaves objects that a
    repetition finds under the same keys, never a record without its objects.
    """
    display, thumbnail = path.with_name(DISPLAY), path.with_name(THUMBNAIL)
    rendered = await workers.render(path, display, thumbnail)
    await storage.put(object_key(digest, ORIGINAL), path, rendered.content_type)
    await storage.put(object_key(digest, DISPLAY), display, "image/jpeg")
    await storage.put(object_key(digest, THUMBNAIL), thumbnail, "image/jpeg")
    return Image(
        id=uuid7(),
        kind=kind,
        sha256=digest,
        content_type=rendered.content_type,
        width=rendered.width,
        height=rendered.height,
        size=size,
        created_at=now,
    )
