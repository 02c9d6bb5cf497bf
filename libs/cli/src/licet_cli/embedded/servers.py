"""Broker, mail catcher and token issuer in one process, which also sees to it that nothing is left.

Started as `python -m licet_cli.embedded.servers` by `SmallServers`. When its parent dies without a
word, it gives the other processes of the run a few seconds to end, ends them if they have not,
removes what the run kept for itself, and ends.
"""

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from licet_cli.embedded.issuer import Issuer, SigningKey
from licet_cli.embedded.kafka import MockBroker
from licet_cli.embedded.lifeline import announce, end_with_parent, orders
from licet_cli.embedded.ports import free_port
from licet_cli.embedded.processes import Child
from licet_cli.embedded.smtp import MailCatcher

_HOST = "127.0.0.1"
_GRACE = 6.0
"""Seconds that the other processes have to end by themselves when their parent died."""


class SmallServers:
    """The process, seen from the one that starts it."""

    def __init__(self, *, log: Path) -> None:
        self.child = Child(
            "servers",
            [sys.executable, "-m", "licet_cli.embedded.servers"],
            log,
            announces=True,
            guards=True,
        )
        self.kafka: str | None = None
        self.smtp: str | None = None
        self.issuer = ""

    def start(
        self, *, kafka: bool, mail: Path | None, signing_key: Path, secret: str, issuer_port: int
    ) -> None:
        """Start them and return at once; `wait` says when they listen. `mail=None`: no mail catcher."""
        self.child.start()
        self.child.tell(
            {
                "kafka": kafka,
                "mail": str(mail) if mail else None,
                "signing_key": str(signing_key),
                "secret": secret,
                "issuer_port": issuer_port,
            }
        )

    def wait(self) -> None:
        """Wait until all of them listen."""
        where = self.child.announcement()
        self.kafka, self.smtp, self.issuer = where["kafka"], where["smtp"], where["issuer"]

    def guard(self, *, pids: Mapping[int, int], scratch: Path | None) -> None:
        """Say what must not outlive the parent: processes, each with the signal that ends it, and files."""
        self.child.tell(
            {
                "pids": [[pid, sign, _started(pid)] for pid, sign in pids.items()],
                "scratch": str(scratch) if scratch else None,
            }
        )


class _Guard:
    def __init__(self) -> None:
        self._wards: list[tuple[int, int, float]] = []
        self._scratch: str | None = None

    def hear(self, message: Mapping[str, Any]) -> None:
        self._wards = [(pid, sign, started) for pid, sign, started in message["pids"]]
        self._scratch = message["scratch"]

    def clear_up(self) -> None:
        """End what is left of the run."""
        for pid, sign, started in self._wards:
            _signal(pid, sign, started)
        deadline = time.monotonic() + _GRACE
        while any(_is(pid, started) for pid, _, started in self._wards) and time.monotonic() < deadline:
            time.sleep(0.05)
        for pid, _, started in self._wards:
            _signal(pid, signal.SIGKILL, started)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)


def _started(pid: int) -> float:
    return float(psutil.Process(pid).create_time())


def _is(pid: int, started: float) -> bool:
    try:
        process = psutil.Process(pid)
        return bool(process.create_time() == started and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def _signal(pid: int, sign: int, started: float) -> None:
    if _is(pid, started):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, sign)


async def _serve(wanted: Mapping[str, Any], ended: asyncio.Event) -> None:
    broker = MockBroker() if wanted["kafka"] else None
    if broker is not None:
        broker.create_topics()
    catcher, smtp = None, None
    if wanted["mail"] is not None:
        catcher = MailCatcher(Path(wanted["mail"]))
        smtp = f"smtp://{_HOST}:{await catcher.start(_HOST, 0)}"
    issuer = Issuer(
        SigningKey.of_file(Path(wanted["signing_key"])),
        host=_HOST,
        port=free_port(wanted["issuer_port"]),
        secret=wanted["secret"],
    )
    issuer.start()
    announce(kafka=broker.bootstrap if broker else None, smtp=smtp, issuer=issuer.url)
    await ended.wait()
    issuer.stop()
    if catcher is not None:
        await catcher.stop()
    if broker is not None:
        broker.close()


async def _main() -> None:
    wanted = orders()
    loop, ended, guard = asyncio.get_running_loop(), asyncio.Event(), _Guard()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    # Ctrl-C is the parent's business, who ends us in its turn.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent(guard.hear, guard.clear_up)
    await _serve(wanted, ended)


if __name__ == "__main__":
    asyncio.run(_main())
