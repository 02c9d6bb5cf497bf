"""The worker processes, seen from the service: started when needed, bounded, replaced when they fail."""

import asyncio
import contextlib
import json
import os
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import structlog

from licet_chassis.errors import Busy
from licet_credentials.errors import ImageRefused

_log = structlog.get_logger("licet.images")
_LONGEST_ANSWER = 64 * 1024


@dataclass(frozen=True, slots=True)
class WorkerLimits:
    """What the workers may take."""

    processes: int = 1
    pixels: int = 52_000_000
    memory_bytes: int = 640 << 20
    seconds: int = 20
    """For one image, of processor time and of time that passes."""


@dataclass(frozen=True, slots=True)
class FileProperties:
    """What a file is; of an image both renditions are written."""

    content_type: str
    width: int | None = None
    height: int | None = None
    display_type: str | None = None
    """The content type of the rendition; a document has none."""
    thumbnail_type: str | None = None


class ImageWorkers:
    """A bounded number of worker processes, each busy with one image at a time."""

    def __init__(self, limits: WorkerLimits) -> None:
        self.limits = limits
        """What each image may take from now on."""
        self._free = asyncio.Semaphore(limits.processes)
        self._idle: list[asyncio.subprocess.Process] = []
        self._all: set[asyncio.subprocess.Process] = set()

    @property
    def processes(self) -> list[int]:
        """The ids of the processes that are there."""
        return [worker.pid for worker in self._all]

    async def examine(
        self, source: Path, display: Path, thumbnail: Path, *, until: float | None = None
    ) -> FileProperties:
        """Look into the file at `source`, and write both renditions if it is an image.

        Raises `ImageRefused` with the reason, and `Busy` where no worker was free `until` an instant of the
        event loop's clock; one that is free is had also after it. A worker that takes too long or dies is
        replaced.
        """
        request = json.dumps({"source": str(source), "display": str(display), "thumbnail": str(thumbnail)})
        async with self._worker(until) as worker:
            answer = json.loads(await self._ask(worker, request))
        if "refused" in answer:
            raise ImageRefused(answer["refused"], pointer="/file")
        return FileProperties(**answer)

    async def _ask(self, worker: asyncio.subprocess.Process, request: str) -> bytes:
        assert worker.stdin is not None  # noqa: S101  # both are pipes
        assert worker.stdout is not None  # noqa: S101
        try:
            async with asyncio.timeout(self.limits.seconds):
                worker.stdin.write(request.encode() + b"\n")
                await worker.stdin.drain()
                answer = await worker.stdout.readline()
        except TimeoutError:
            _log.warning("images.worker_timed_out", pid=worker.pid)
            raise ImageRefused(
                f"The image takes more than {self.limits.seconds} seconds to decode.", pointer="/file"
            ) from None
        except ConnectionError:
            answer = b""
        if not answer.endswith(b"\n"):
            _log.warning("images.worker_died", pid=worker.pid, code=worker.returncode)
            raise ImageRefused("The image needs too much memory or time to decode.", pointer="/file")
        return answer

    @contextlib.asynccontextmanager
    async def _worker(self, until: float | None) -> AsyncIterator[asyncio.subprocess.Process]:
        """Lend a worker; one whose work did not end with an answer is killed, not lent again."""
        try:
            async with asyncio.timeout_at(until):
                await self._free.acquire()
        except TimeoutError:
            raise Busy("Too many images are being worked on; send it again in a moment.") from None
        worker = None
        try:
            worker = self._idle.pop() if self._idle else await self._start()
            yield worker
            self._idle.append(worker)
            worker = None
        finally:
            if worker is not None:
                await self._kill(worker)
            self._free.release()

    async def _start(self) -> asyncio.subprocess.Process:
        limits = self.limits
        worker = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "licet_credentials.images.worker",
            str(limits.pixels),
            str(limits.memory_bytes),
            str(limits.seconds),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            limit=_LONGEST_ANSWER,
            env=_environment(),
        )
        self._all.add(worker)
        return worker

    async def _kill(self, worker: asyncio.subprocess.Process) -> None:
        self._all.discard(worker)
        with contextlib.suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()

    async def close(self) -> None:
        """End every worker."""
        for worker in list(self._all):
            await self._kill(worker)
        self._idle.clear()


def _environment() -> dict[str, str]:
    """Return what a worker needs of the environment: none of the service's settings and secrets."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LICET_")}
