"""Recomputes what a changed requirement touches, in whichever build `PYTHONPATH` names first.

It uses only what both builds have. Commands come as lines of JSON on standard input and each is answered by
one line: `{"do": "fill", "url": …, "holders": n}`, then any of `round`, `profile` and `checks`.
"""

import asyncio
import cProfile
import io
import json
import logging
import os
import pstats
import resource
import sys
import time
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import structlog

from licet_certifications.app import create_app, work_off
from licet_certifications.consumers import FACTS
from licet_certifications.requirements import commands
from licet_certifications.requirements.model import Rule
from licet_certifications.settings import Settings
from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database
from licet_chassis.http.auth import Principal
from licet_chassis.migrations import migrate
from licet_chassis.service import Runtime
from licet_events import Event, EventData, civil
from licet_events.catalogue import Category, Expression
from licet_events.credentials import CredentialCreated, CredentialState, Origin, RunState, Validity
from licet_events.holders import HolderKind, HolderRegistered, HolderState

NOW = datetime(2026, 3, 1, tzinfo=UTC)
TARGET = "role:forklift"
TYPES = ("licence", "course", "medical")
CAUSE = Cause.new("service:certifications")
CHECKS = 400


class AnyToken:
    """Takes every request for one who may ask for verdicts."""

    async def authenticate(self, _authorization: Any) -> Principal:
        return Principal("bench", frozenset({"eligibility:read"}))

    async def close(self) -> None:
        pass


class Build:
    """One build and its database."""

    def __init__(self, database: Database, holders: int) -> None:
        self.database = database
        self.holders = holders
        self.versions = count(1)
        settings = Settings(
            database_url="postgresql://nobody@nowhere/nothing",
            kafka_url="nowhere:1",
            issuer_url="http://nowhere",
        )
        clock = BusinessClock(movable=False)
        self.runtime = Runtime("certifications", settings, database, clock, AnyToken())  # type: ignore[arg-type]  # a stand-in
        self.requirement: Any = None
        app = create_app(settings)
        app.state.runtime = self.runtime
        self.http = httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://certifications"
        )

    async def fill(self) -> None:
        async with self.database.transaction(CAUSE) as tx:
            rule = Rule(TARGET, Expression(kind="all_of", types=TYPES), date(2026, 1, 1), "UTC")
            self.requirement = await commands.make_requirement(tx, rule, now=NOW)
        for first in range(0, self.holders, 500):
            numbers = range(first, min(first + 500, self.holders))
            await self._tell([HolderRegistered(holder=_holder(n)) for n in numbers])
            await self._tell(
                [
                    CredentialCreated(credential=_credential(n, index), origin=Origin.API)
                    for n in numbers
                    for index in range(len(TYPES))
                ]
            )
        await self.drain()
        async with self.database.reading() as conn:
            await conn.execute("truncate outbox")
            await conn.execute("vacuum analyze")

    async def _tell(self, data: Sequence[EventData]) -> None:
        handler: Any = FACTS.handler_of(type(data[0]))
        events = [
            Event.of(one, source="/bench", time=NOW, recorded_time=NOW, correlation_id="bench")
            for one in data
        ]
        async with self.database.transaction(CAUSE) as tx:
            await handler.apply(tx, events, NOW)

    async def drain(self) -> None:
        while await work_off(self.runtime):
            pass

    async def change(self) -> None:
        """Ask for something else, so that every timeline differs."""
        days = next(self.versions)
        async with self.database.transaction(CAUSE) as tx:
            self.requirement = await commands.change_requirement(
                tx, self.requirement.id, {"min_days_remaining": days},
                expected_version=self.requirement.version, now=NOW,
            )  # fmt: skip

    async def round(self) -> dict[str, float]:
        await self.change()
        before = resource.getrusage(resource.RUSAGE_SELF)
        began = time.perf_counter()
        await self.drain()
        seconds = time.perf_counter() - began
        after = resource.getrusage(resource.RUSAGE_SELF)
        async with self.database.reading() as conn:
            told = await conn.fetchval("select count(*) from outbox")
            await conn.execute("truncate outbox")
            await conn.execute("truncate past_timelines")
            await conn.execute("vacuum timelines, recomputations, changes")
        if told < self.holders:
            raise AssertionError(f"{told} events for {self.holders} holders")
        return {
            "rate": self.holders / seconds,
            "cpu": after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime,
            "memory": after.ru_maxrss / 1024,
        }

    async def profile(self) -> str:
        await self.change()
        profiler = cProfile.Profile()
        profiler.enable()
        await self.drain()
        profiler.disable()
        text = io.StringIO()
        pstats.Stats(profiler, stream=text).sort_stats("tottime").print_stats(14)
        async with self.database.reading() as conn:
            await conn.execute("truncate outbox")
        return text.getvalue()

    async def checks(self) -> dict[str, float]:
        """Return the p95 of a check, idle and while a changed requirement is recomputed."""
        await self._check(CHECKS)
        idle = await self._check(CHECKS)
        await self.change()
        work = asyncio.create_task(self.drain())
        await asyncio.sleep(0.5)
        busy: list[float] = []
        while not work.done() and len(busy) < 20 * CHECKS:
            busy += await self._check(20)
        await work
        async with self.database.reading() as conn:
            await conn.execute("truncate outbox")
        return {"idle": _p95(idle), "busy": _p95(busy), "count": len(busy)}

    async def _check(self, number: int) -> list[float]:
        times = []
        for index in range(number):
            check = {
                "holder_id": str(UUID(int=index * 7919 % self.holders)), "target": TARGET,
                "start": NOW.isoformat(), "end": (NOW + timedelta(hours=8)).isoformat(),
            }  # fmt: skip
            began = time.perf_counter()
            answer = await self.http.post("/v1/eligibility/checks", json={"checks": [check]})
            times.append(time.perf_counter() - began)
            answer.raise_for_status()
            await asyncio.sleep(0.002)
        return times


def _p95(times: list[float]) -> float:
    return sorted(times)[int(len(times) * 0.95)]


def _holder(number: int) -> HolderState:
    return HolderState(
        id=UUID(int=number), version=1, kind=HolderKind.EMPLOYEE, name="Ada Example", roles=("forklift",),
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip


def _credential(number: int, index: int) -> CredentialState:
    first, last = date(2025, 6, 1 + index), date(2026, 9, 1 + number % 28)
    run = RunState(
        starts_at=civil.starts_at(first, "UTC"), expires_at=civil.expires_at(last, "UTC"), expires_on=last,
        time_zone="UTC", term_id=UUID(int=1), term_revision=1,
    )  # fmt: skip
    return CredentialState(
        id=UUID(int=10 * number + index), version=1, holder_id=UUID(int=number), type=TYPES[index],
        category=Category.LICENSE, name=TYPES[index], terms=(), runs=(run,), ladder=(), grace_days=7,
        validity=Validity.ACTIVE, created_at=NOW, updated_at=NOW,
    )  # fmt: skip


async def main() -> None:
    """Carry out commands until the input ends."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    loop = asyncio.get_running_loop()
    build: Build | None = None
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        command = SimpleNamespace(**json.loads(line))
        answer: Any
        if command.do == "fill":
            await asyncio.to_thread(migrate, "licet_certifications", command.url)
            build = Build(await Database.open(command.url, service="certifications"), command.holders)
            await build.fill()
            answer = {"pid": os.getpid()}
        else:
            answer = await getattr(build, command.do)()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
