"""The database part of a command against pgbench with the same statements.

Both lock a row, save it and append the event, on eight connections, each transaction synced to disk.
`LICET_BENCH_RUNS` (5) is how often the ratio is taken.
"""

import asyncio
import os
import random
import re
import shutil
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid5

from benchmarks.report import Result, ratio_of
from licet_chassis.cause import Cause
from licet_chassis.database import Database, Transaction
from licet_chassis.queries import load_queries
from licet_cli.embedded.postgres import EmbeddedPostgres
from licet_events.holders import HolderKind, HolderState, HolderUpdated

_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "5"))
_SECONDS = 5
_CONNECTIONS = 8
_HOLDERS = 10_000
_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_LOCK = "select version from bench_holders where number = $1 for update"
_SAVE = "update bench_holders set version = version + 1, name = $2 where number = $1"


async def run() -> list[Result]:
    """Measure the target of commands; nothing where there is no pgbench."""
    pgbench = shutil.which("pgbench")
    if pgbench is None:
        print("command: skipped, pgbench is not on this machine")
        return []
    with TemporaryDirectory(prefix="licet-bench-") as name:
        directory = Path(name)
        postgres = EmbeddedPostgres(directory / "data", log=directory / "postgres.log")
        postgres.start()
        try:
            async with prepared_database(postgres.url()) as database:
                return [await _compare(database, postgres.url(), pgbench, directory)]
        finally:
            postgres.stop()


@asynccontextmanager
async def prepared_database(url: str) -> AsyncIterator[Database]:
    """Make the tables of the comparison in an empty database and lend it."""
    database = await Database.open(url, service="bench", min_size=_CONNECTIONS, max_size=_CONNECTIONS)
    try:
        async with database.reading() as conn:
            await conn.execute(files("licet_chassis.schema").joinpath("0001.sql").read_text())
            await conn.execute(
                "create table bench_holders (number int primary key, version bigint not null, name text);"
                f"insert into bench_holders select n, 1, 'x' from generate_series(1, {_HOLDERS}) n"
            )
        yield database
    finally:
        await database.close()


async def _compare(database: Database, url: str, pgbench: str, directory: Path) -> Result:
    script = directory / "command.sql"
    script.write_text(await pgbench_script(database))
    theirs, ours = [], []
    for _ in range(_RUNS):
        theirs.append(await pgbench_tps(pgbench, url, script))
        ours.append(await _commands(database))
    return Result(
        "command, database part / pgbench", ">= 0.75 x", ratio_of(ours, theirs), _RUNS,
        f"{_CONNECTIONS} connections, synced commits",
    )  # fmt: skip


def _event(number: int) -> HolderUpdated:
    return HolderUpdated(
        holder=HolderState(
            id=uuid5(UUID(int=0), str(number)), version=2, kind=HolderKind.EMPLOYEE, name="New Name",
            created_at=_NOW, updated_at=_NOW,
        )
    )  # fmt: skip


async def _one(database: Database, number: int) -> None:
    async def work(tx: Transaction) -> None:
        await tx.conn.fetchval(_LOCK, number)
        await tx.conn.execute(_SAVE, number, "New Name")
        await tx.publish(_event(number), now=_NOW)

    await database.run(Cause.new("user:bench"), work)


async def _commands(database: Database) -> float:
    """Return transactions a second of the chassis' way."""
    end = time.perf_counter() + _SECONDS
    done = 0

    async def client() -> None:
        nonlocal done
        while time.perf_counter() < end:
            await _one(database, random.randint(1, _HOLDERS))  # not a secret
            done += 1

    began = time.perf_counter()
    await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
    return done / (time.perf_counter() - began)


async def _appended(database: Database) -> dict[str, str]:
    """Return the arguments of the outbox's insert as it really is, as SQL literals."""
    await _one(database, 1)
    async with database.reading() as conn:
        row = await conn.fetchrow(
            """
            delete from outbox returning shard, quote_literal(topic) as topic,
                quote_literal(partition_key) as partition_key,
                quote_literal(record_key::text) as record_key, quote_literal(headers::text) as headers,
                quote_literal(value::text) as value
            """
        )
    assert row is not None
    return {name: str(value) for name, value in row.items()}


async def pgbench_script(database: Database) -> str:
    """Return what pgbench repeats: lock a row, save it, append the event as it really is."""
    row = await _appended(database)
    append = load_queries("licet_chassis.outbox")["append"]
    append = re.sub(r"--.*", "", append)
    arrays = ["shard", "topic", "partition_key", "record_key", "headers", "value"]
    for place, name in enumerate(arrays, start=1):
        append = append.replace(f"${place}::", f"array[{row[name]}]::")
    lines = [
        rf"\set number random(1, {_HOLDERS})",
        "begin;",
        _LOCK.replace("$1", ":number") + ";",
        _SAVE.replace("$1", ":number").replace("$2", "'New Name'") + ";",
        " ".join(append.split()) + ";",
        "commit;",
    ]
    return "\n".join(lines) + "\n"


async def pgbench_tps(pgbench: str, url: str, script: Path) -> float:
    """Return transactions a second of pgbench."""
    process = await asyncio.create_subprocess_exec(
        pgbench, "-n", "-M", "prepared", "-c", str(_CONNECTIONS), "-j", "1", "-T", str(_SECONDS),
        "-f", str(script), url,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    said, complained = await process.communicate()
    found = re.search(r"tps = ([0-9.]+)", said.decode())
    if found is None:
        raise RuntimeError(f"pgbench failed: {complained.decode()[-500:]}")
    return float(found[1])
