"""Workbooks (XLSX, XLS), converted to text by a process with limits, with the types of their cells.

A workbook is an archive from outside, read as a whole by a library of native code: not in the service itself.
"""

import asyncio
import json
import os
import sys
from pathlib import Path

import anyio
import structlog

from licet_chassis.errors import Busy, Invalid

LARGEST_WORKBOOK = 100 << 20
"""Bytes of a workbook; one of a million rows has about 30 MiB."""
_MEMORY_BYTES = 1 << 30
_SECONDS = 180
_WAIT_SECONDS = 60.0
_MAGIC = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")

_log = structlog.get_logger("licet.office")
_one_at_a_time = asyncio.Semaphore(1)


def looks_like_workbook(head: bytes) -> bool:
    """Return whether a file begins as XLSX or XLS do."""
    return head.startswith(_MAGIC)


async def convert_workbook(source: Path, target: Path, *, sheet: str | None) -> list[str]:
    """Write a sheet of a workbook as comma-separated UTF-8, a line for each row, and return warnings.

    Without a name it is the first visible sheet. Cells have their types as `office.typed` says. Raises
    `Invalid` for what can't be read, and `Busy` while others are converted.
    """
    if (await anyio.Path(source).stat()).st_size > LARGEST_WORKBOOK:
        raise Invalid(
            f"The workbook is larger than {LARGEST_WORKBOOK:,} bytes; save it as CSV.", pointer="/file"
        )
    try:
        async with asyncio.timeout(_WAIT_SECONDS):
            await _one_at_a_time.acquire()
    except TimeoutError:
        raise Busy("Other workbooks are being read; send it again in a moment.") from None
    try:
        answer = await _answer(source, target, sheet or "")
    finally:
        _one_at_a_time.release()
    if "refused" in answer:
        raise Invalid(str(answer["refused"]), pointer="/file")
    return [str(warning) for warning in answer["warnings"]]


async def _answer(source: Path, target: Path, sheet: str) -> dict[str, list[str]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "licet_chassis.office.workbook_process",
        str(source),
        str(target),
        sheet,
        str(_MEMORY_BYTES),
        str(_SECONDS),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if not name.startswith("LICET_")},
    )
    try:
        async with asyncio.timeout(2 * _SECONDS):
            said, _ = await process.communicate()
    except TimeoutError:
        said = b""
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if not said:
        _log.warning("office.workbook_unread", code=process.returncode)
        raise Invalid("The workbook needs too much memory or time to read; save it as CSV.", pointer="/file")
    answer: dict[str, list[str]] = json.loads(said)
    return answer
