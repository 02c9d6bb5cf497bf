"""Uploaded files: inspected once from end to end, then read again in pieces."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory

from anyio import open_file, to_thread
from starlette.datastructures import UploadFile

from licet_chassis.errors import TooLarge
from licet_chassis.office.encodings import Survey
from licet_chassis.office.workbooks import convert_workbook, looks_like_workbook
from licet_credentials.images.receiving import PREFIX
from licet_credentials.imports.file.detecting import HEAD

LARGEST_FILE = 2 << 30
"""Bytes of a file."""
PIECE = 1 << 20
"""Bytes in memory at a time."""

UNNAMED = "unnamed"
"""Name for a file whose own name has no visible character."""
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """An uploaded file and its properties."""

    file: UploadFile
    size: int
    digest: bytes
    """SHA-256."""
    head: bytes
    survey: Survey
    """Has looked through all of it."""
    typed: bool = False
    """Whether it is made of a workbook: cells have types."""
    warnings: tuple[str, ...] = ()

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the content from the beginning."""
        await self.file.seek(0)
        while piece := await self.file.read(PIECE):
            yield piece


def plain_name(given: str | None) -> str:
    """Return the file name to show: without folders and control characters, on one line.

    It is never used as a path.
    """
    # Both kinds of slash: a browser on Windows may send the whole path, which can name a person.
    last = re.split(r"[/\\]", given or "")[-1]
    seen = "".join(sign if sign.isprintable() else " " for sign in last)
    return " ".join(seen.split())[:_LONGEST_NAME].rstrip() or UNNAMED


@asynccontextmanager
async def as_text(upload: Upload, sheet: str | None) -> AsyncIterator[Upload]:
    """Lend the upload as delimited text: of a workbook its sheet, or its first.

    Raises `Invalid` for a workbook that can't be read, and `Busy` while others are read.
    """
    if not looks_like_workbook(upload.head):
        yield upload
        return
    directory = await to_thread.run_sync(lambda: TemporaryDirectory(prefix=PREFIX))
    try:
        source, target = Path(directory.name) / "workbook", Path(directory.name) / "rows"
        async with await open_file(source, "wb") as file:
            async for piece in upload.pieces():
                await file.write(piece)
        warnings = await convert_workbook(source, target, sheet=sheet)
        with target.open("rb") as rows:
            text = await inspect_upload(UploadFile(rows), largest=LARGEST_FILE)
            yield replace(text, size=upload.size, digest=upload.digest, typed=True, warnings=tuple(warnings))
    finally:
        await to_thread.run_sync(directory.cleanup)


async def inspect_upload(file: UploadFile, *, largest: int) -> Upload:
    """Read the file once and return its properties; raises `TooLarge` beyond `largest` bytes."""
    digest, survey, head, size = sha256(), Survey(), b"", 0
    while piece := await file.read(PIECE):
        size += len(piece)
        if size > largest:
            raise TooLarge(f"The file is larger than {largest:,} bytes.", pointer="/file")
        digest.update(piece)
        survey.feed(piece)
        head += piece[: HEAD - len(head)]
    return Upload(file, size, digest.digest(), head, survey)
