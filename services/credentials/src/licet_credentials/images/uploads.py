"""Storing a received file in the bucket, before a credential refers to it."""

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
from licet_credentials.images.workers import FileProperties
from licet_events.ids import uuid7

DOCUMENT = "document"
_STORE_SECONDS = 60.0
"""Time limit for storing the objects of one upload."""
_WANTED = Failpoint("images.upload.wanted")
_STORED = {name: Failpoint(f"images.upload.{name}_stored") for name in (ORIGINAL, DISPLAY, THUMBNAIL)}


def kind_of(given: str | None, examined: FileProperties) -> str:
    """Return the kind of evidence; raises `Invalid` if the given kind does not fit the file."""
    if examined.content_type == documents.CONTENT_TYPE:
        if given not in {None, DOCUMENT}:
            raise Invalid(f"A PDF is of the kind document, not {given}.", pointer="/kind")
        return DOCUMENT
    if given == DOCUMENT:
        raise Invalid("Only a PDF is of the kind document; an image is another.", pointer="/kind")
    return given or "scan"


async def store_evidence(
    path: Path,
    digest: str,
    size: int,
    examined: FileProperties,
    *,
    kind: str,
    term_id: UUID | None,
    database: Database,
    storage: ImageStorage,
    now: datetime,
) -> Image:
    """Store the original and its renditions; returns the image to record.

    The intent to store is committed first, then the objects are stored, and the caller's transaction refers
    to them last. So after a crash at any point there is neither a record without objects nor an object
    without a row: unreferenced objects are collected. Raises `StorageUnavailable`.
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


def _objects(examined: FileProperties) -> Iterator[tuple[str, str]]:
    yield ORIGINAL, examined.content_type
    if examined.display_type is not None:
        yield DISPLAY, examined.display_type
    if examined.thumbnail_type is not None:
        yield THUMBNAIL, examined.thumbnail_type
