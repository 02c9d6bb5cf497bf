"""A whole HTTP command, one worker, against pgbench with a command's statements on the same cores.

The command enters a holder: token, input, two statements, event, answer. Eight connections, kept open, each
with one request at a time; each transaction synced to disk. `LICET_BENCH_RUNS` (5) is how often the ratio is
taken.
"""

import asyncio
import json
import os
import shutil
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace

from benchmarks.command import pgbench_script, pgbench_tps, prepared_database
from benchmarks.report import Result, ratio_of
from chaos.service_process import CredentialsService
from licet_cli.embedded.postgres import EmbeddedPostgres

_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "5"))
_SECONDS = 5
_CONNECTIONS = 8


async def run() -> list[Result]:
    """Measure the target of whole commands; nothing where there is no pgbench."""
    pgbench = shutil.which("pgbench")
    if pgbench is None:
        print("http_command: skipped, pgbench is not on this machine")
        return []
    with TemporaryDirectory(prefix="licet-bench-") as name:
        directory = Path(name)
        postgres = EmbeddedPostgres(directory / "data", log=directory / "postgres.log")
        await asyncio.to_thread(postgres.start)
        try:
            return [await _compare(postgres, pgbench, directory)]
        finally:
            postgres.stop()


async def _compare(postgres: EmbeddedPostgres, pgbench: str, directory: Path) -> Result:
    script = directory / "command.sql"
    async with prepared_database(postgres.url()) as database:
        script.write_text(await pgbench_script(database))
    postgres.create_database("licet")
    nowhere = SimpleNamespace(
        endpoint="http://127.0.0.1:9", access_key="none", secret_key="none", region="us-east-1",
        create_bucket=lambda: "none",
    )  # fmt: skip
    service = CredentialsService(
        directory, database_url=postgres.url("licet"), kafka="127.0.0.1:9", s3=nowhere, parts=("http",),
        killable=False,
    )  # fmt: skip
    try:
        await asyncio.to_thread(service.start)
        await _requests(service, 1)
        theirs, ours = [], []
        for _ in range(_RUNS):
            theirs.append(await pgbench_tps(pgbench, postgres.url(), script))
            ours.append(await _requests(service, _SECONDS))
    finally:
        service.close()
    return Result(
        "whole HTTP command / pgbench", ">= 0.25 x", ratio_of(ours, theirs), _RUNS,
        f"one worker, {_CONNECTIONS} connections, synced commits",
    )  # fmt: skip


async def _requests(service: CredentialsService, seconds: float) -> float:
    """Return answered commands a second."""
    body = json.dumps({"kind": "contact", "name": "Ana Muster", "team": "blue"}).encode()
    head = (
        f"POST /v1/holders HTTP/1.1\r\nHost: bench\r\nAuthorization: Bearer {service.token()}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    request = head.encode() + body
    end = time.perf_counter() + seconds
    done = 0

    async def client() -> None:
        nonlocal done
        reader, writer = await asyncio.open_connection("127.0.0.1", service.port)
        try:
            while time.perf_counter() < end:
                writer.write(request)
                await _answer(reader)
                done += 1
        finally:
            writer.close()

    began = time.perf_counter()
    async with asyncio.timeout(seconds + 30):
        await asyncio.gather(*(client() for _ in range(_CONNECTIONS)))
    return done / (time.perf_counter() - began)


async def _answer(reader: asyncio.StreamReader) -> None:
    head = await reader.readuntil(b"\r\n\r\n")
    if not head.startswith(b"HTTP/1.1 201"):
        raise RuntimeError((head + await reader.read(500)).decode())
    length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
    await reader.readexactly(int(length.split(b":")[1]))
