"""A file as it comes in: looked at once from end to end, then read again piece by piece."""

import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from hashlib import sha256

from starlette.datastructures import UploadFile

from licet_chassis.errors import TooLarge
from licet_credentials.imports.detecting import HEAD, Utf8Check

PIECE = 1 << 20
"""Bytes that are in memory at a time."""

UNNAMED = "unnamed"
"""What a file is called whose name says nothing."""
_LONGEST_NAME = 200


@dataclass(frozen=True, slots=True)
class Upload:
    """What is known of a file that was sent."""

    file: UploadFile
    size: int
    digest: bytes
    """SHA-256."""
    head: bytes
    utf8: bool

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield its content from the beginning."""
        await self.file.seek(0)
        while piece := await self.file.read(PIECE):
            yield piece


def plain_name(given: str | None) -> str:
    """Return how a file is shown: its name without folders, on one line, without what can't be seen.

    It is never a path to anything; only people read it.
    """
    # Slashes of either kind: a browser on Windows may send the whole path, and that names people too.
    last = re.split(r"[/\\]", given or "")[-1]
    seen = "".join(sign if sign.isprintable() else " " for sign in last)
    return " ".join(seen.split())[:_LONGEST_NAME].rstrip() or UNNAMED


async def looked_at(file: UploadFile, *, largest: int) -> Upload:
    """Return what is known of a file; raises `TooLarge` beyond `largest` bytes."""
    digest, check, head, size = sha256(), Utf8Check(), b"", 0
    while piece := await file.read(PIECE):
        size += len(piece)
        if size > largest:
            raise TooLarge(f"The file is larger than {largest:,} bytes.", pointer="/file")
        digest.update(piece)
        check.feed(piece)
        head += piece[: HEAD - len(head)]
    return Upload(file, size, digest.digest(), head, check.good)
