"""The export of everything about a holder, as a ZIP that is streamed while it is written."""

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from io import RawIOBase
from typing import TYPE_CHECKING, Any
from uuid import UUID
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile, ZipInfo

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict
from licet_credentials.holders import store as holder_store
from licet_credentials.images.storage import ORIGINAL, ImageStorage, object_key
from licet_credentials.privacy import store

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer as Buffer

ELSEWHERE = {
    "certifications": "GET /v1/eligibility/{holder_id}?target=… for each role and queue: eligibility",
    "scheduler": "GET /v1/timers?credential_id=… for each credential: what is due when, what was announced",
    "notifier": "GET /v1/notifications?holder_id=…: who was told what, when, and why or why not",
    "all of it": "licet export HOLDER adds what these services keep to the file",
}
"""What other services store about a holder, and how to get it."""
_SUFFIXES = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/gif": "gif",
    "image/webp": "webp",
    "image/avif": "avif",
    "application/pdf": "pdf",
}


@dataclass(frozen=True, slots=True)
class Original:
    """The original of an image: its name in the ZIP and its key in the bucket."""

    name: str
    key: str


@dataclass(frozen=True, slots=True)
class Copy:
    """Content of the ZIP."""

    document: dict[str, Any]
    originals: tuple[Original, ...]
    taken_at: datetime


async def take_copy(tx: Transaction, holder_id: UUID, *, now: datetime) -> Copy:
    """Read everything about a holder, and record the export; raises `NotFound`, and `Conflict` if merged."""
    holder = await holder_store.read_holder(tx.conn, holder_id)
    if holder.merged_into is not None:
        raise Conflict(
            f"The holder {holder_id} was merged into {holder.merged_into}; a copy of that one has both."
        )
    await store.record_export(tx.conn, holder_id, tx.cause.actor, now)
    kept = await store.read_all(tx.conn, holder_id)
    originals = [_original(image) for credential in kept["credentials"] for image in credential["images"]]
    document = {
        "format": "licet.holder.v1",
        "holder_id": str(holder_id),
        "taken_at": now.isoformat(),
        "taken_by": tx.cause.actor,
        "kept_by_other_services": ELSEWHERE,
        **kept,
    }
    return Copy(document, tuple(originals), now)


def _original(image: dict[str, Any]) -> Original:
    content_type = image["content_type"]
    name = f"originals/{image['id']}.{_SUFFIXES.get(content_type, 'bin')}"
    image["file"] = name
    return Original(name, object_key(image["sha256"], image["generation"], ORIGINAL, content_type))


async def require_objects(copy: Copy, storage: ImageStorage) -> None:
    """Raise `StorageUnavailable` unless every original is there: a started response can't report an error."""
    for original in copy.originals:
        await storage.require(original.key)


async def zipped(copy: Copy, storage: ImageStorage) -> AsyncIterator[bytes]:
    """Yield the ZIP in chunks, with at most one of them in memory."""
    sink = _Sink()
    date = copy.taken_at.timetuple()[:6]
    with ZipFile(sink, "w") as archive:
        document = ZipInfo("data.json", date)
        document.compress_type = ZIP_DEFLATED
        with archive.open(document, "w") as entry:
            entry.write(json.dumps(copy.document, indent=2, ensure_ascii=False).encode())
        yield sink.taken()
        for original in copy.originals:
            info = ZipInfo(original.name, date)
            info.compress_type = ZIP_STORED  # images are compressed already
            with archive.open(info, "w", force_zip64=True) as entry:
                async for piece in storage.pieces(original.key):
                    entry.write(piece)
                    yield sink.taken()
    yield sink.taken()


class _Sink(RawIOBase):
    """The output of the ZIP writer: buffers bytes until they are sent; not seekable."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def writable(self) -> bool:
        """Return `True`: the ZIP writer asks."""
        return True

    def write(self, piece: "Buffer", /) -> int:
        """Buffer bytes."""
        self._pieces.append(bytes(piece))
        return len(self._pieces[-1])

    def taken(self) -> bytes:
        """Return and clear the buffered bytes."""
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)
