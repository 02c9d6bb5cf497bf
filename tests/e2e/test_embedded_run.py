"""`licet up`: everything comes up and says where it is, and nothing outlives it, however it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from licet_cli.embedded.state import SERVICES

START_BOUND = 240.0
END_BOUND = 10.0
MEMORY_BOUND = 900 * 2**20


class Run:
    """A `licet up` in a directory of its own."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.directory = directory
        self.environment = {**os.environ, "LICET_RUN_DIR": str(directory / "run")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "licet_cli", "up", *options],
            cwd=directory,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._family: list[psutil.Process] = []

    def wait_until_ready(self) -> None:
        """Read what it says until it says that it shows events."""
        said = []
        assert self.process.stdout is not None
        for line in self.process.stdout:
            said.append(line)
            if "Events, as they happen" in line:
                itself = psutil.Process(self.process.pid)
                self._family = [itself, *itself.children(recursive=True)]
                return
        pytest.fail(f"it ended: {''.join(said)}{self.stderr()}")

    def stderr(self) -> str:
        """Return what it said to standard error, once it has ended."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def licet(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run another command beside it."""
        command = [sys.executable, "-m", "licet_cli", *arguments]
        return subprocess.run(
            command, cwd=self.directory, env=self.environment, capture_output=True, text=True, check=False
        )

    def left_after(self, bound: float) -> list[str]:
        """Wait until all its processes are gone and return what is still there after `bound` seconds."""
        self.process.poll()
        _, alive = psutil.wait_procs(self._family, timeout=bound)
        return [" ".join(process.cmdline()) for process in alive]


@pytest.fixture
def start(tmp_path):
    runs = []

    def begin(*options: str) -> Run:
        runs.append(Run(tmp_path, *options))
        return runs[-1]

    yield begin
    for run in runs:
        run.process.terminate()
        run.process.communicate()


@pytest.mark.timeout(START_BOUND + 60)
def test_a_run_starts_beside_a_taken_port_in_bounded_memory_and_leaves_nothing_when_killed(start):
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 8101))  # what the first service would like to have
            taken.listen()
        except OSError:
            pass  # somebody else has taken it, which does as well
        run = start()
        run.wait_until_ready()
    status = json.loads(run.licet("status", "--json").stdout)
    assert {name: part["state"] for name, part in status["services"].items()} == dict.fromkeys(
        SERVICES, "ready"
    )
    assert status["services"]["credentials"]["url"] != "http://127.0.0.1:8101"
    assert 0 < status["memory_bytes"] <= MEMORY_BOUND
    assert len(run.licet("token").stdout.split(".")) == 3
    second = run.licet("up")
    assert (second.returncode, "already up" in second.stderr) == (1, True)
    run.process.kill()
    assert run.left_after(END_BOUND) == []
    assert run.licet("status").returncode == 1


@pytest.mark.timeout(START_BOUND + 60)
def test_ctrl_c_stops_the_run_with_exit_code_0(start):
    run = start()
    run.wait_until_ready()
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(END_BOUND) == 0
    assert run.left_after(0.5) == []
    assert not (run.directory / "run" / "run.json").exists()
    assert not (run.directory / "run" / "scratch").exists()


@pytest.mark.timeout(START_BOUND + 60)
def test_a_service_that_dies_is_named_and_ends_the_run_as_failed(start):
    run = start()
    run.wait_until_ready()
    status = json.loads(run.licet("status", "--json").stdout)
    os.kill(status["services"]["scheduler"]["pid"], signal.SIGKILL)
    assert run.process.wait(END_BOUND + 1) == 1
    assert "scheduler ended by itself with -9" in run.stderr()
    assert run.left_after(0.5) == []
