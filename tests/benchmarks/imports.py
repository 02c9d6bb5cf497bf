"""An import, validated and with its events, against COPY to staging and INSERT SELECT of the same rows.

The other side gets, ready made and in binary, every row that the import has written, table by table (the
outbox and the report too): it copies them into staging tables without indexes and from there into a second
database with the same schema. Memory is the peak of a process of its own that imports. Alternately, on an
embedded PostgreSQL that keeps its promises on disk.

`LICET_BENCH_IMPORT_ROWS` (30,000) is how many rows; with `LICET_BENCH_FULL` it is 1,000,000.
`LICET_BENCH_RUNS` (3) is how often the ratio is taken; with `LICET_BENCH_FULL` once.
"""

import asyncio
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import asyncpg

from benchmarks.report import Result, ratio_of
from licet_chassis.migrations import migrate
from licet_cli.embedded.postgres import EmbeddedPostgres
from licet_credentials.imports.job import BATCH_ROWS
from support.importing.licences import made_up

_FULL = "LICET_BENCH_FULL" in os.environ
_ROWS = int(os.environ.get("LICET_BENCH_IMPORT_ROWS", "1000000" if _FULL else "30000"))
_RUNS = 1 if _FULL else int(os.environ.get("LICET_BENCH_RUNS", "3"))
_ROWS_TO_A_HOLDER = 7
_WRITTEN = (
    "credential_types", "credential_type_names", "holders", "holder_history", "credentials", "terms", "runs",
    "register", "flags", "credential_history", "outbox", "import_rows", "import_effects",
)  # fmt: skip
"""What an import writes for good, in an order that foreign keys allow."""


async def run() -> list[Result]:
    """Measure the target of imports."""
    with TemporaryDirectory(prefix="licet-bench-") as name:
        directory = Path(name)
        postgres = EmbeddedPostgres(directory / "data", log=directory / "postgres.log")
        postgres.start()
        try:
            return await _measured(postgres, directory)
        finally:
            postgres.stop()


async def _measured(postgres: EmbeddedPostgres, directory: Path) -> list[Result]:
    large, small = directory / "large.csv", directory / "small.csv"
    rows = _write(large, _ROWS)
    lesser_rows = _write(small, max(_ROWS // 10, 3 * BATCH_ROWS))  # fewer would not fill a batch
    ours: list[float] = []
    theirs: list[float] = []
    for number in range(_RUNS):
        url = await _database(postgres, f"ours_{number}")
        first = await _imported(url, large)
        ours.append(first["seconds"])
        theirs.append(await _copied(url, await _database(postgres, f"theirs_{number}"), directory))
    before = await _counts(url)
    again = await _imported(url, large)
    grown = sum((await _counts(url)).values()) - sum(before.values()) - rows  # the second report
    lesser = await _imported(await _database(postgres, "small"), small)
    words = f"{rows:,} rows, {rows / min(ours):,.0f} a second"
    return [
        Result("import / COPY to staging + INSERT SELECT", ">= 0.8 x", ratio_of(theirs, ours), _RUNS, words),
        Result(
            f"import, memory of {rows:,} rows / {lesser_rows:,}", "<= 1.2 x",
            first["peak"] / lesser["peak"], 1, f"peak {first['peak'] >> 20} MiB",
        ),
        Result("repeated import, rows written beside its report", "<= 0 rows", grown, 1),
        Result(
            "repeated import / first", "<= 1.0 x", again["seconds"] / ours[-1], 1, f"{again['seconds']:.0f} s"
        ),
    ]  # fmt: skip


def _write(file: Path, rows: int) -> int:
    licences = made_up("B", holders=rows // _ROWS_TO_A_HOLDER)
    licences.write(file)
    return len(licences.rows)


async def _database(postgres: EmbeddedPostgres, name: str) -> str:
    await asyncio.to_thread(postgres.create_database, name)
    await asyncio.to_thread(migrate, "licet_credentials", postgres.url(name))
    return postgres.url(name)


async def _imported(url: str, file: Path) -> dict[str, Any]:
    """Import a file in a process of its own; returns its seconds and its peak of memory in bytes."""
    command = [sys.executable, "-m", "support.importing.alone", url, str(file), "chicago"]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False, text=True)
    if done.returncode:
        raise RuntimeError(done.stderr)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


async def _counts(url: str) -> dict[str, int]:
    conn = await asyncpg.connect(url)
    try:
        return {table: await conn.fetchval(f"select count(*) from {table}") for table in _WRITTEN}
    finally:
        await conn.close()


async def _copied(source: str, target: str, directory: Path) -> float:
    """Copy what the source has into the target, by way of staging tables; returns the seconds."""
    conn = await asyncpg.connect(source)
    try:
        for table in _WRITTEN:
            await conn.copy_from_table(table, output=directory / table, format="binary")
    finally:
        await conn.close()
    conn = await asyncpg.connect(target)
    try:
        await conn.execute("checkpoint")
        began = time.perf_counter()
        for table in _WRITTEN:
            await conn.execute(f"create unlogged table staged (like {table})")
            await conn.copy_to_table("staged", source=directory / table, format="binary")
            await conn.execute(f"insert into {table} overriding system value select * from staged")
            await conn.execute("drop table staged")
        return time.perf_counter() - began
    finally:
        await conn.close()
