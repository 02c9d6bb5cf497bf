"""From a file that was taken in to stored evidence, before a credential hears of it."""

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from uuid import UUID

import anyio

from licet_chassis.clock import machine_now
from licet_chassis.database import Database
from licet_chassis.errors import Invalid
from licet_chassis.failpoints import Failpoint
from licet_credentials.credentials.model import Image
from licet_credentials.images import documents, store
from licet_credentials.images.collecting import SAFE_AGE
from licet_credentials.images.storage import (
    DISPLAY,
    ORIGINAL,
    THUMBNAIL,
    ImageStorage,
    StorageUnavailable,
    object_key,
)
from licet_credentials.images.workers import Examined
from licet_events.ids import uuid7

DOCUMENT = "document"
_STORE_SECONDS = 60.0
"""For the objects of one upload, however slow the store is; with what one call may take on top."""
_WANTED = Failpoint("images.upload.wanted")
_STORED = {name: Failpoint(f"images.upload.{name}_stored") for name in (ORIGINAL, DISPLAY, THUMBNAIL)}


def kind_of(said: str | None, examined: Examined) -> str:
    """Return what kind of evidence a file is; raises `Invalid` where what was said does not fit."""
    if examined.content_type == documents.CONTENT_TYPE:
        if said not in {None, DOCUMENT}:
            raise Invalid(f"A PDF is of the kind document, not {said}.", pointer="/kind")
        return DOCUMENT
    if said == DOCUMENT:
        raise Invalid("Only a PDF is of the kind document; an image is another.", pointer="/kind")
    return said or "scan"


async def store_evidence(
    path: Path,
    digest: str,
    size: int,
    examined: Examined,
    *,
    kind: str,
    term_id: UUID | None,
    database: Database,
    storage: ImageStorage,
    now: datetime,
) -> Image:
    """Store the original and its renditions, which lie beside it; returns what is to be recorded.

    That they will be stored is committed first, and only then are they; the caller's transaction refers to
    them last. So wherever this ends, there is never a record without its objects, and never an object
    that nothing knows of: what came to nothing is collected. Raises `StorageUnavailable`.
    """
    async with database.reading() as conn:
        generation = await store.want_objects(conn, digest, machine_now() + SAFE_AGE)
    _WANTED()
    try:
        with anyio.fail_after(_STORE_SECONDS):
            for rendition, content_type in _objects(examined):
                key = object_key(digest, generation, rendition, content_type)
                await storage.put(key, path.with_name(rendition), content_type)
                _STORED[rendition]()
    except TimeoutError:
        raise StorageUnavailable("The image store is too slow; nothing was recorded, try again.") from None
    return Image(
        id=uuid7(),
        kind=kind,
        sha256=digest,
        generation=generation,
        content_type=examined.content_type,
        width=examined.width,
        height=examined.height,
        size=size,
        display_type=examined.display_type,
        thumbnail_type=examined.thumbnail_type,
        term_id=term_id,
        created_at=now,
    )


def _objects(examined: Examined) -> Iterator[tuple[str, str]]:
    yield ORIGINAL, examined.content_type
    if examined.display_type is not None:
        yield DISPLAY, examined.display_type
    if examined.thumbnail_type is not None:
        yield THUMBNAIL, examined.thumbnail_type
