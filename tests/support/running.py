"""A run of `licet up --detach` in a directory of its own, seen from outside."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil

from licet_cli.event_stream import Seen, follow
from licet_events import Topic

# It waits until the session that started the run lets go of it, however that session ends.
_ENDER = "import sys, subprocess; sys.stdin.read(); subprocess.run(sys.argv[1:])"


@dataclass(frozen=True)
class Outcome:
    """What a command said, and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it said, taken for JSON."""
        return json.loads(self.out)

    def good(self) -> "Outcome":
        """Return it; fails if the command did."""
        assert self.code == 0, self
        return self


class Run:
    """An embedded run; `environment` is what every command needs to find it."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.options = options
        self.environment = {**os.environ, "LICET_RUN_DIR": str(directory / "run")}

    @contextmanager
    def up(self) -> Iterator["Run"]:
        """Start it, and end it however this ends; what it leaves behind fails."""
        ender = subprocess.Popen(
            [sys.executable, "-c", _ENDER, *_licet("down")],
            stdin=subprocess.PIPE,
            env=self.environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        try:
            self.start()
            yield self
        finally:
            family = self.processes()
            assert ender.stdin is not None
            ender.stdin.close()
            ender.wait(90)
            _, left = psutil.wait_procs(family, timeout=10)
            assert left == []

    def start(self) -> Outcome:
        """Start it and return when everything is ready."""
        return self.cli("up", "--detach", *self.options).good()

    def cli(self, *arguments: str, cwd: Path | None = None) -> Outcome:
        """Run a command of `licet` beside it."""
        return self.run(_licet(*arguments), cwd=cwd)

    def run(self, argv: Sequence[str], cwd: Path | None = None) -> Outcome:
        """Run any program as if in the directory of the run."""
        done = subprocess.run(
            argv,
            cwd=cwd or self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Outcome(done.returncode, done.stdout, done.stderr)

    @property
    def state(self) -> dict[str, Any]:
        """What the run wrote down about itself."""
        document: dict[str, Any] = json.loads((self.directory / "run" / "run.json").read_text())
        return document

    def processes(self) -> list[psutil.Process]:
        """Return every process of it that is there."""
        try:
            itself = psutil.Process(self.state["pid"])
            return [itself, *itself.children(recursive=True)]
        except (FileNotFoundError, psutil.NoSuchProcess):
            return []

    def interrupt(self) -> None:
        """Do what Ctrl-C does."""
        os.kill(self.state["pid"], signal.SIGINT)

    def url(self, service: str) -> str:
        """Where a service is."""
        return str(self.state["services"][service]["url"])

    def http(self, service: str, token: str | None) -> httpx.Client:
        """Return a client of a service with that token, or none."""
        headers = {"Authorization": f"Bearer {token}"} if token is not None else {}
        return httpx.Client(base_url=f"{self.url(service)}/v1", headers=headers, timeout=60)

    def events(self, *topics: Topic) -> list[Seen]:
        """Return everything that is on those topics, or on all, from their start to their end."""

        async def read() -> list[Seen]:
            records = follow(
                self.state["kafka"]["url"], topics or tuple(Topic), from_start=True, until_end=True
            )
            return [seen async for seen in records]

        return asyncio.run(read())


def eventually(found: Callable[[], Any], bound: float = 20.0) -> Any:
    """Return what `found` returns as soon as it is true; fails if that takes longer than `bound` seconds."""
    deadline = time.monotonic() + bound
    while not (result := found()):
        assert time.monotonic() < deadline, f"not within {bound} s"
        time.sleep(0.05)
    return result


def _licet(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "licet_cli", *arguments]
