"""Completions by topic with enrolments that follow them, against the rate of a plain projection.

Each holder is enrolled in a programme of two components, and both are reported. `LICET_BENCH_COMPLETIONS`
(20,000) is how many completions there are; `LICET_BENCH_RUNS` does not matter, since each is new only once.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from benchmarks import projection
from benchmarks.report import Result
from licet_certifications.consumers import FACTS
from licet_certifications.enrolments import commands as enrolments
from licet_certifications.enrolments.model import Entry
from licet_certifications.intake.consumers import COMPLETIONS
from licet_certifications.programmes import commands as programmes
from licet_certifications.programmes.model import Component, ComponentKind, Definition, Source
from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming import Consumer
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.records import Raw
from licet_chassis.database import Database
from licet_chassis.migrations import migrate
from licet_events import Event, EventData, encode
from licet_events.completions import CompletionRecorded, CompletionResult, Learner
from licet_events.holders import HolderKind, HolderRegistered, HolderState
from licet_events.partition import partition_for
from support.servers.postgres import PostgresServer, make_postgres

_COMPLETIONS = int(os.environ.get("LICET_BENCH_COMPLETIONS", "20000"))
_HOLDERS = _COMPLETIONS // 2
_BATCH = 500
_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_COURSES = ("FS-101", "FS-EX")


async def run() -> list[Result]:
    """Measure the row of the issue about completions by topic."""
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = make_postgres(Path(directory))
        try:
            return [await _measure(postgres)]
        finally:
            postgres.close()


async def _measure(postgres: PostgresServer) -> Result:
    url = await postgres.create_database()
    await asyncio.to_thread(migrate, "licet_certifications", url)
    database = await Database.open(url, service="certifications")
    try:
        await _fill(database)
        async with database.reading() as conn:
            await conn.execute("create table projected (id uuid primary key, version bigint, name text)")
            await conn.execute("vacuum analyze")
        plain = projection.dispatcher_of(database)
        projected = [
            Raw(r.topic, partition_for(r.partition_key, 12), offset, r.key, r.headers, r.value)
            for offset, r in enumerate(projection.records(_COMPLETIONS))
        ]
        ours = _dispatcher(COMPLETIONS, database)
        # Alternately, in ten parts, so that a slow moment of the machine is in both.
        part = max(_COMPLETIONS // 10, _BATCH)
        reports = _raws(_reports())
        slow, fast = 0.0, 0.0
        for start in range(0, _COMPLETIONS, part):
            fast += await _handle(plain, projected[start : start + part])
            slow += await _handle(ours, reports[start : start + part])
        async with database.reading() as conn:
            completed = await conn.fetchval(
                "select count(*) from enrolments where state::jsonb ->> 'stage' = 'completed'"
            )
        if completed != _HOLDERS:
            raise AssertionError(f"{completed} of {_HOLDERS} enrolments were completed")
        note = f"{_COMPLETIONS:,} completions, two components a programme"
        return Result("completions by topic / projection", ">= 0.5 x", fast / slow, 1, note)
    finally:
        await database.close()


async def _fill(database: Database) -> None:
    holders = [
        HolderRegistered(
            holder=HolderState(
                id=UUID(int=number), version=1, kind=HolderKind.EMPLOYEE, external_id=f"E{number}",
                name=f"Holder {number}", created_at=_NOW, updated_at=_NOW,
            )
        )
        for number in range(_HOLDERS)
    ]  # fmt: skip
    await _handle(_dispatcher(FACTS, database), _raws(holders))
    components = tuple(
        Component(
            code=course.lower(), name=course, kind=ComponentKind.COURSE,
            sources=(Source(source="lms", id=course),),
        )
        for course in _COURSES
    )  # fmt: skip
    async with database.transaction(Cause.new("user:bench")) as tx:
        await programmes.define_programme(tx, "food-safety", "Food safety", None, now=_NOW)
        await programmes.draft_version(tx, "food-safety", Definition(components=components), now=_NOW)
        await programmes.publish_version(tx, "food-safety", 1, now=_NOW)
    for start in range(0, _HOLDERS, _BATCH):
        async with database.transaction(Cause.new("user:bench")) as tx:
            for number in range(start, min(start + _BATCH, _HOLDERS)):
                await enrolments.open_enrolment(
                    tx, UUID(int=number), "food-safety", entry=Entry.STAFF, now=_NOW
                )


def _reports() -> list[EventData]:
    return [
        CompletionRecorded(
            source="lms", source_id=f"c-{number}", learner=Learner(external_id=f"E{number % _HOLDERS}"),
            course=_COURSES[number // _HOLDERS], completed_at=_NOW + timedelta(hours=number // _HOLDERS + 1),
            result=CompletionResult.PASSED,
        )
        for number in range(2 * _HOLDERS)
    ]  # fmt: skip


def _raws(data: Sequence[EventData]) -> list[Raw]:
    raws = []
    for offset, one in enumerate(data):
        record = encode(Event.of(one, source="/bench", time=_NOW, recorded_time=_NOW, correlation_id="c"))
        partition = partition_for(record.partition_key, 12)
        raws.append(Raw(record.topic, partition, offset, record.key, record.headers, record.value))
    return raws


def _dispatcher(consumer: Consumer, database: Database) -> Dispatcher:
    return Dispatcher(consumer, database, BusinessClock(movable=False), "certifications")


async def _handle(dispatcher: Dispatcher, raws: Sequence[Raw]) -> float:
    began = time.perf_counter()
    for start in range(0, len(raws), _BATCH):
        await dispatcher.handle(raws[start : start + _BATCH], "bench")
    return time.perf_counter() - began
