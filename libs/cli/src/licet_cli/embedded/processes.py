"""Processes that end with their parent: started, watched, measured and stopped in order."""

import contextlib
import ctypes
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from licet_cli.embedded.errors import ServerFailed

_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


@dataclass(frozen=True)
class Account:
    """A user of this machine that a child runs as."""

    name: str
    uid: int
    gid: int


@dataclass
class Child:
    """One process of ours: its own process group, its output in a file, gone when we are gone.

    On Linux the kernel sends it `stop_signal` when this process dies, however it dies. Everywhere
    its standard input is a pipe from us, which ends then; our own Python servers watch it.
    """

    name: str
    argv: Sequence[str]
    log: Path
    env: Mapping[str, str] | None = None
    cwd: Path | None = None
    account: Account | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    announces: bool = False
    """Whether its first line of standard output is a JSON object that says where it listens."""
    guards: bool = False
    """Whether it outlives us for a moment, to clear up behind us; the kernel then leaves it alone."""
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)

    def start(self) -> None:
        """Start it; raises `ServerFailed` if it can't be executed."""
        self.log.parent.mkdir(parents=True, exist_ok=True)
        as_account: dict[str, Any] = {}
        if self.account is not None:
            as_account = {"user": self.account.uid, "group": self.account.gid, "extra_groups": ()}
        with self.log.open("ab") as log:
            try:
                self._process = subprocess.Popen(  # noqa: S603  # the caller's own command
                    list(self.argv),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE if self.announces else log,
                    stderr=log,
                    env=None if self.env is None else dict(self.env),
                    cwd=self.cwd,
                    process_group=0,
                    preexec_fn=None if self.guards else _dies_with_parent(self.stop_signal),  # noqa: PLW1509  # see there
                    **as_account,
                )
            except OSError as error:
                raise ServerFailed(f"{self.name} can't be started: {error}") from error

    def announcement(self, timeout: float = 30.0) -> dict[str, Any]:
        """Return what it says about itself once it listens; raises `ServerFailed` if it never does."""
        said = self._started().stdout
        if said is None:
            raise RuntimeError(f"{self.name} announces nothing")
        ready, _, _ = select.select([said], [], [], timeout)
        line = said.readline() if ready else b""
        if not line:
            how = f"was not up after {timeout:.0f} s" if not ready else "ended while starting"
            raise ServerFailed(f"{self.name} {how}.{self.last_words()}")
        where: dict[str, Any] = json.loads(line)
        return where

    @property
    def pid(self) -> int | None:
        """Its process id, while it runs."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process is not None and self._process.poll() is None

    @property
    def exit_code(self) -> int | None:
        """What it ended with; negative: the signal that ended it; `None` while it runs."""
        return None if self._process is None else self._process.poll()

    def last_words(self, lines: int = 12) -> str:
        """Return the end of its log, to be put behind a sentence that says what failed."""
        try:
            tail = self.log.read_text(errors="replace").splitlines()[-lines:]
        except OSError:
            tail = []
        return "".join(f"\n    {line}" for line in tail)

    def tell(self, message: Mapping[str, Any]) -> None:
        """Write one JSON line to its standard input."""
        stdin = self._started().stdin
        with contextlib.suppress(BrokenPipeError):
            if stdin is not None:
                stdin.write(json.dumps(message).encode() + b"\n")
                stdin.flush()

    def ask_to_stop(self) -> None:
        """Send it its stop signal, and do not wait."""
        if self._process is not None and self.running:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(self.stop_signal)

    def stop(self, grace: float = 5.0) -> None:
        """Ask it to stop, wait up to `grace` seconds, then kill its whole process group."""
        stop_all([self], grace)

    def finish(self, deadline: float) -> None:
        """Wait until `deadline` (monotonic), then kill what is left of its process group."""
        process = self._process
        if process is None:
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(0.0, deadline - time.monotonic()))
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def _started(self) -> "subprocess.Popen[bytes]":
        if self._process is None:
            raise RuntimeError(f"{self.name} has not been started")
        return self._process


def stop_all(children: Sequence[Child], grace: float) -> None:
    """Ask all of them to stop at once; after `grace` seconds kill those that have not."""
    for child in children:
        child.ask_to_stop()
    deadline = time.monotonic() + grace
    for child in children:
        child.finish(deadline)


def memory_bytes(pid: int, *, family: bool = True) -> int:
    """Return the memory of a process and its children: proportional set size where it is known.

    Pages that several processes share are counted once in all, so the numbers of several processes
    may be added up. 0 for a process that is gone.
    """
    try:
        root = psutil.Process(pid)
        counted = [root, *root.children(recursive=True)] if family else [root]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for process in counted:
        with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
            full = process.memory_full_info()
            total += getattr(full, "pss", 0) or full.uss
    return total


def end_with_this_parent() -> None:
    """Ask the kernel, where it can, to send this process SIGTERM when its present parent dies."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)


def _dies_with_parent(stop_signal: signal.Signals) -> Callable[[], None] | None:
    """Return what a child does between fork and exec so that the kernel ends it with its parent.

    It must come after the change of user, which clears the setting; `preexec_fn` does. The kernel
    goes by the *thread* that forked: start children from one that lives as long as they may.
    """
    if _libc is None:
        return None
    parent, libc = os.getpid(), _libc

    def prepare() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(stop_signal), 0, 0, 0)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return prepare
