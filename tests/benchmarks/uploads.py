"""Fifty uploads of twelve megapixels at once: memory of the API and its workers, and how others fare.

The service is a process of its own, on PostgreSQL and an S3 server of this machine. Memory is the
proportional set size of its process tree, looked at all the time; whoever is told to come again has waited
no longer than half a minute; and somebody else reads a credential meanwhile.
"""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx

from benchmarks.report import Result
from chaos.service_process import CredentialsService
from licet_cli.embedded.postgres import EmbeddedPostgres
from licet_cli.embedded.processes import memory_bytes
from support.servers.s3 import S3Server, make_s3
from unit.credentials.pictures import photograph, saved

_UPLOADS = 50
_PATIENCE = 30.0
"""Seconds, of which LICET_IMAGE_WAIT_SECONDS leaves some to the machine."""
_PAUSE = 0.01


async def run() -> list[Result]:
    """Measure what the issue on images asks about load."""
    with TemporaryDirectory(prefix="licet-bench-") as name:
        directory = Path(name)
        postgres = EmbeddedPostgres(directory / "data", log=directory / "postgres.log")
        await asyncio.to_thread(postgres.start)
        s3 = await asyncio.to_thread(make_s3, directory)
        try:
            return await _measure(directory, postgres, s3)
        finally:
            s3.close()
            postgres.stop()


async def _measure(directory: Path, postgres: EmbeddedPostgres, s3: S3Server) -> list[Result]:
    postgres.create_database("licet")
    service = CredentialsService(
        directory, database_url=postgres.url("licet"), kafka="127.0.0.1:9", s3=s3, parts=("http",)
    )
    try:
        await asyncio.to_thread(service.start)
        limits = httpx.Limits(max_connections=None)
        headers = {"Authorization": f"Bearer {service.token()}"}
        async with httpx.AsyncClient(
            base_url=f"{service.url}/v1", headers=headers, timeout=120, limits=limits
        ) as client:
            path = await _a_credential(client)
            photo = saved(photograph(4000, 3000), "JPEG", quality=92)
            await _upload(client, path, photo)  # what is made once is made: the worker, connections
            alone, _ = await _reading(client, path, asyncio.create_task(asyncio.sleep(3)))
            burst = asyncio.gather(*(_upload(client, path, photo) for _ in range(_UPLOADS)))
            watching = asyncio.create_task(_largest(service, burst))
            others, failed = await _reading(client, path, burst)
            return _results(await burst, await watching, alone, others, failed, len(photo))
    finally:
        service.close()


def _results(
    answers: list[tuple[int, float, bool]],
    largest: int,
    alone: list[float],
    others: list[float],
    failed: int,
    size: int,
) -> list[Result]:
    kept = sum(status == 201 for status, _, _ in answers)
    waits = [seconds for status, seconds, _ in answers if status == 503]
    odd = sum(not (status == 201 or (status == 503 and again)) for status, _, again in answers)
    note = f"{kept} kept, {len(waits)} told to come again, {size >> 10} KiB each"
    return [
        Result("50 uploads of 12 MP at once, MiB of API and workers", "<= 768 MiB", largest / 2**20, 1, note),
        Result("answers but kept or 503 with Retry-After", "<= 0", odd, _UPLOADS),
        Result("longest wait for a 503 / half a minute", "<= 1 x", max(waits, default=0) / _PATIENCE, 1),
        Result("other calls that failed meanwhile", "<= 0", failed, len(others)),
        Result(
            "other calls, p99 meanwhile / alone", "<= 20 x", _p99(others) / _p99(alone), len(others),
            f"p99 {_p99(others) * 1000:.0f} ms",
        ),
    ]  # fmt: skip


async def _a_credential(client: httpx.AsyncClient) -> str:
    holder = (await client.post("/holders", json={"kind": "contact", "name": "Ana Muster"})).json()
    kind = {"code": "licence", "name": "Licence", "category": "license"}
    (await client.post("/credential-types", json=kind)).raise_for_status()
    body = {"holder_id": holder["id"], "type": "licence"}
    return f"/credentials/{(await client.post('/credentials', json=body)).raise_for_status().json()['id']}"


async def _upload(client: httpx.AsyncClient, path: str, photo: bytes) -> tuple[int, float, bool]:
    """Return the status, the seconds, and whether it was said when to come again."""
    began = time.perf_counter()
    # What follows the end of a JPEG is not looked at, but makes it another file.
    answer = await client.post(f"{path}/images", files={"file": ("photo.jpg", photo + uuid4().bytes)})
    return answer.status_code, time.perf_counter() - began, "retry-after" in answer.headers


async def _reading(
    client: httpx.AsyncClient, path: str, until: "asyncio.Future[Any]"
) -> tuple[list[float], int]:
    """Read the credential again and again; return how long each took, and how many failed."""
    seconds, failed = [], 0
    while not until.done():
        began = time.perf_counter()
        answer = await client.get(path)
        seconds.append(time.perf_counter() - began)
        failed += answer.status_code != 200
        await asyncio.sleep(_PAUSE)
    return seconds, failed


async def _largest(service: CredentialsService, until: "asyncio.Future[Any]") -> int:
    largest = 0
    while not until.done():
        largest = max(largest, await asyncio.to_thread(memory_bytes, service.pid))
        await asyncio.sleep(0.05)
    return largest


def _p99(seconds: list[float]) -> float:
    return sorted(seconds)[int(len(seconds) * 0.99)]
