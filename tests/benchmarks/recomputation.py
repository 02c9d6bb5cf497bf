"""Recomputation after a changed requirement: this build against that of the commit `LICET_BENCH_BEFORE`.

Both run alternately on one server, each with a database of its own. `LICET_BENCH_HOLDERS` (20,000) holders
have the target; `LICET_BENCH_RUNS` (15, here a fifth of it) says how often each ratio is taken;
`LICET_BENCH_PROFILE=1` prints where the time goes in both. The older build comes out of this repository's
history and runs on the libraries of this one.
"""

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from benchmarks.report import Result, ratio_of
from support.servers.choice import Unavailable
from support.servers.postgres import PostgresServer, make_postgres

_BEFORE = os.environ.get("LICET_BENCH_BEFORE", "6dc6610")
_HOLDERS = int(os.environ.get("LICET_BENCH_HOLDERS", "20000"))
_RUNS = max(int(os.environ.get("LICET_BENCH_RUNS", "15")) // 5, 2)
_HERE = Path(__file__).parents[2]
_MEMBERS = ("libs/events", "libs/chassis", "services/certifications")
_SECONDS = 1_800


class _Build:
    """A build in a process of its own."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    @classmethod
    async def start(cls, root: Path, postgres: PostgresServer, holders: int) -> Self:
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(Path(__file__).parent / "builds" / "recompute.py"),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, limit=1 << 20,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(str(root / one / "src") for one in _MEMBERS)},
        )  # fmt: skip
        build = cls(process)
        await build.ask("fill", url=await postgres.create_database(), holders=holders)
        return build

    async def ask(self, do: str, **arguments: object) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
        async with asyncio.timeout(_SECONDS):
            line = await self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the build has ended with {await self._process.wait()}")
        return json.loads(line)

    async def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


async def run() -> list[Result]:
    """Measure the rows of quality.md that are about recomputation."""
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        before = Path(directory) / "before"
        _check_out(before)
        postgres = make_postgres(Path(directory))
        try:
            return await _measure(before, postgres)
        finally:
            postgres.close()


def _check_out(root: Path) -> None:
    root.mkdir()
    archive = subprocess.run(
        ["git", "-C", str(_HERE), "archive", _BEFORE, *_MEMBERS], capture_output=True, check=False
    )
    if archive.returncode:
        raise Unavailable(f"the commit {_BEFORE} is not in this clone's history")
    subprocess.run(["tar", "-x", "-C", str(root)], input=archive.stdout, check=True)


async def _measure(before: Path, postgres: PostgresServer) -> list[Result]:
    old = await _Build.start(before, postgres, _HOLDERS)
    new = await _Build.start(_HERE, postgres, _HOLDERS)
    try:
        rounds = [(await old.ask("round"), await new.ask("round")) for _ in range(_RUNS)]
        if os.environ.get("LICET_BENCH_PROFILE"):
            print(f"before\n{await old.ask('profile')}\nafter\n{await new.ask('profile')}")
        checks = [await new.ask("checks") for _ in range(_RUNS)]
    finally:
        await old.close()
        await new.close()
    rates = [(one["rate"], other["rate"]) for one, other in rounds]
    note = f"{_HOLDERS} holders, " + ", ".join(f"{one:.0f}/{other:.0f}" for one, other in rates) + " a second"
    memory = [other["memory"] for _, other in rounds]
    return [
        Result(
            f"changed requirement: pairs a second / build {_BEFORE}", ">= 5 x",
            ratio_of([other for _, other in rates], [one for one, _ in rates]), _RUNS, note,
        ),
        Result(
            "changed requirement: peak memory, last round / first", "<= 1.1 x", memory[-1] / memory[0], _RUNS,
            f"{memory[0]:.0f} to {memory[-1]:.0f} MiB",
        ),
        Result(
            "checks meanwhile: p95 / idle p95", "<= 2 x",
            ratio_of([one["busy"] for one in checks], [one["idle"] for one in checks]), _RUNS,
            ", ".join(f"{1000 * one['idle']:.1f}/{1000 * one['busy']:.1f} ms" for one in checks),
        ),
    ]  # fmt: skip
