"""Servers that go away: what is asked for meanwhile is done once, and nothing is held in memory for it.

`LICET_CHAOS_SECONDS` (15) is how long Kafka is away, `LICET_CHAOS_RATE` (50) how many writes a second come
meanwhile, `LICET_CHAOS_ROWS` (10000) how long the import is during which PostgreSQL is restarted five times,
`LICET_CHAOS_KILLS` (2) how often Kafka is stopped for a moment. The promise of docs is 600 seconds at 200
writes a second, and fifty such moments.
"""

import asyncio
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psutil
import pytest

from chaos.agreement import wait_until_agreed
from chaos.scenarios import MAPPING, attempt
from chaos.service_process import CredentialsService

SECONDS = float(os.environ.get("LICET_CHAOS_SECONDS", "15"))
RATE = int(os.environ.get("LICET_CHAOS_RATE", "50"))
ROWS = int(os.environ.get("LICET_CHAOS_ROWS", "10000"))
"""More than some 20,000 outrun what the embedded broker keeps of a partition."""
KILLS = int(os.environ.get("LICET_CHAOS_KILLS", "2"))
RESTARTED_AT = (0.0, 0.0, 0.0, 0.4, 0.4)
"""How far the import has come at each restart of PostgreSQL."""


def memory(service: CredentialsService) -> int:
    """Proportional bytes of the service's process."""
    process = psutil.Process(service.pid)
    return int(process.memory_full_info().pss)


@pytest.mark.timeout(SECONDS * 3 + 300)
def test_without_kafka_the_api_answers_memory_stays_and_everything_is_sent_after(
    service: CredentialsService, kafka_server: Any
) -> None:
    wanted = attempt(service.client, kafka_server, "outage-1")
    wait_until_agreed(service)
    answered: Counter[int] = Counter()
    slowest = 0.0

    def register(http: httpx.Client, number: int) -> None:
        nonlocal slowest
        began = time.monotonic()
        answer = http.post("/holders", json={"kind": "contact", "name": f"Outage {number}"})
        slowest = max(slowest, time.monotonic() - began)
        answered[answer.status_code] += 1

    def write_for(seconds: float) -> tuple[int, float]:
        """Send `RATE` writes a second; return how many, and how long it took until all were answered."""
        began, sent = time.monotonic(), 0
        with service.client() as http, ThreadPoolExecutor(8) as callers:
            while (passed := time.monotonic() - began) < seconds:
                while sent < passed * RATE:
                    callers.submit(register, http, sent)
                    sent += 1
                time.sleep(0.01)
        return sent, time.monotonic() - began

    warming, _ = write_for(2)  # so that what a first request costs is there before
    asyncio.run(kafka_server.down())
    try:
        before = memory(service)
        sent, took = write_for(SECONDS)
        after = memory(service)
        assert wanted.get("/holders", limit=1)["items"]
    finally:
        asyncio.run(kafka_server.up())
    assert answered == {201: sent + warming}
    began = time.monotonic()
    facts = wait_until_agreed(service, bound=120 + SECONDS / 2)
    print(
        f"\n{sent} writes, {sent / took:.0f} a second for {took:.0f} s without Kafka; the slowest answer took"
        f" {slowest:.2f} s, memory {after / before:.2f} times what it was;"
        f" all of it sent and agreed after {time.monotonic() - began:.0f} s"
    )
    assert after <= before * 1.2 + (16 << 20)
    assert len(facts.current) >= sent


@pytest.mark.timeout(600)
def test_postgresql_restarted_five_times_during_an_import(
    service: CredentialsService, kafka_server: Any, postgres: Any
) -> None:
    rows = [f"r-{n // 4},licence,r-{n},2024-01-01,2030-12-31" for n in range(ROWS)]
    content = "\n".join(["person,type,number,from,to", *rows, ""])
    wanted = attempt(service.client, kafka_server, "restart-1")
    answer = wanted.send(
        "POST", "/imports", data={"mapping": MAPPING}, files={"file": ("a.csv", content, "text/csv")}
    )
    path = f"/imports/{answer.json()['id']}"
    restarts, shown = 0, answer.json()
    deadline = time.monotonic() + 400
    while shown["state"] in {"queued", "running"}:
        assert time.monotonic() < deadline, shown
        if restarts < 5 and shown["progress"] >= RESTARTED_AT[restarts]:
            asyncio.run(postgres.restart())
            restarts += 1
        time.sleep(0.05)
        shown = patiently(wanted, path)
    assert (shown["state"], restarts) == ("finished", 5)
    assert shown["counts"]["credentials_created"] == ROWS
    assert shown["counts"]["rejected"] == 0
    facts = wait_until_agreed(service, bound=120)
    assert sum(key.count("/") for key in facts.current) >= ROWS


def patiently(wanted: Any, path: str) -> Any:
    """Ask until the service has its database again."""
    for _ in range(200):
        with wanted.client() as http:
            answer = http.get(path)
        if answer.status_code == 200:
            return answer.json()
        assert answer.status_code == 503, answer.text
        time.sleep(0.1)
    raise AssertionError("the database never came back")


@pytest.mark.timeout(KILLS * 90 + 120)
def test_events_flow_within_ten_seconds_after_each_of_many_short_outages_of_kafka(
    service: CredentialsService, kafka_server: Any
) -> None:
    """Both ways: what is written is published, and the consumers have joined and are behind by nothing."""
    attempt(service.client, kafka_server, "flaps-1")
    wait_until_agreed(service)
    _wait_until_nothing_is_left(service)
    silences = []
    for _ in range(KILLS):
        asyncio.run(kafka_server.down())
        with service.client() as http:
            http.post("/holders", json={"kind": "contact", "name": "During an outage"}).raise_for_status()
        asyncio.run(kafka_server.up())
        silences.append(_wait_until_nothing_is_left(service))
    print(f"\n{KILLS} outages of Kafka; the longest silence after one took {max(silences):.1f} s")
    assert max(silences) < 10


def _wait_until_nothing_is_left(service: CredentialsService) -> float:
    """Wait until everything is published and read; return how many seconds that took."""
    began = time.monotonic()
    while _left(service) != (0, 0):
        assert time.monotonic() - began < 60
        time.sleep(0.05)
    return time.monotonic() - began


def _left(service: CredentialsService) -> tuple[int, int] | None:
    """Return the lengths of the outbox and of the consumers' lag; `None` while Kafka does not answer."""
    with service.client() as http:
        answer = http.get("/work", timeout=30)
    if answer.status_code == 503:
        return None
    pending = answer.raise_for_status().json()["pending"]
    return pending["outbox"], pending["lag"]
