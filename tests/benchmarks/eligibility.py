"""Eligibility: answering from stored timelines, against a look-up by key and against computing on read.

A database server comes as for the tests. `LICET_BENCH_RUNS` (15) says how often each ratio is taken.
"""

import asyncio
import os
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar
from uuid import UUID

from benchmarks.report import Result, ratio_of
from licet_certifications.eligibility import commands, model
from licet_certifications.eligibility.store import Pair, Shift
from licet_certifications.facts.store import upsert_credentials, upsert_holders
from licet_certifications.requirements.commands import make_requirement
from licet_certifications.requirements.model import Rule
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.database import Database
from licet_chassis.migrations import migrate
from licet_events import Event, EventData, civil
from licet_events.catalogue import Category, Expression
from licet_events.credentials import CredentialCreated, CredentialState, Origin, RunState, Validity
from licet_events.eligibility import Verdict
from licet_events.holders import HolderKind, HolderRegistered, HolderState
from support.servers.postgres import PostgresServer, make_postgres

D = TypeVar("D", bound=EventData)
_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "15"))
_HOLDERS = 5_000
_ROSTER = 500
_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_TARGET = "role:forklift"
_TYPES = ("licence", "course", "medical")


async def run() -> list[Result]:
    """Measure the targets of answering."""
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = make_postgres(Path(directory))
        try:
            return await _measure(postgres)
        finally:
            postgres.close()


async def _measure(postgres: PostgresServer) -> list[Result]:
    url = await postgres.create_database()
    await asyncio.to_thread(migrate, "licet_certifications", url)
    database = await Database.open(url, service="certifications")
    try:
        await _fill(database)
        async with database.reading() as conn:
            await conn.execute("vacuum analyze")
            return await _ratios(conn)
    finally:
        await database.close()


async def _ratios(conn: Connection) -> list[Result]:
    shuffled = random.Random(7)  # the same holders in every run
    looked_up, checked, roster, computed, single = [], [], [], [], []
    for number in range(_RUNS + 1):
        holders = [UUID(int=shuffled.randrange(_HOLDERS)) for _ in range(_ROSTER)]
        times = (
            await _time(_look_up_each, conn, holders),
            await _time(_check_each, conn, holders),
            await _time(_check, conn, holders),
            await _time(_compute, conn, holders),
        )
        if number == 0:
            continue  # statements are prepared and pages read
        looked_up.append(times[0])
        checked.append(times[1])
        single.append(times[1] / _ROSTER)
        roster.append(times[2])
        computed.append(times[3])
    facts = f"{len(_TYPES)} credentials each"
    return [
        Result(
            "eligibility: one check / one look-up by key", ">= 0.5 x", ratio_of(looked_up, checked), _RUNS
        ),
        Result("eligibility: roster of 500 / computing", ">= 5 x", ratio_of(computed, roster), _RUNS, facts),
        Result("eligibility: roster of 500 in checks", "<= 30 x", ratio_of(roster, single), _RUNS),
    ]


async def _look_up_each(conn: Connection, holders: Sequence[UUID]) -> None:
    """Read one row by its key, for each holder."""
    for holder in holders:
        await conn.fetchrow(
            "select version, edges, intervals from timelines "
            "where holder_id = $1 and target = $2 and location = $3",
            holder, _TARGET, "*",
        )  # fmt: skip


async def _check_each(conn: Connection, holders: Sequence[UUID]) -> None:
    for holder in holders:
        await _check(conn, [holder])


async def _check(conn: Connection, holders: Sequence[UUID]) -> None:
    """Answer for a shift of each holder, in one query."""
    end = _NOW + timedelta(hours=8)
    shifts = [Shift(holder, _TARGET, "*", _NOW, end) for holder in holders]
    for assessment in await commands.check(conn, shifts):
        _must_be_eligible(assessment.verdict)


async def _compute(conn: Connection, holders: Sequence[UUID]) -> None:
    """Answer the same from the facts, as if no timeline were stored."""
    end = _NOW + timedelta(hours=8)
    for decisions in (await commands.compute(conn, [Pair(holder, _TARGET) for holder in holders])).values():
        assessment = model.worst(model.within(decisions["*"].stretches, _NOW, end))
        _must_be_eligible(assessment.verdict)


def _must_be_eligible(verdict: Verdict) -> None:
    if verdict is not Verdict.ELIGIBLE:
        raise AssertionError(f"the benchmark's holders are eligible, this one is {verdict}")


async def _time(
    work: Callable[[Connection, Sequence[UUID]], Awaitable[None]], conn: Connection, holders: Sequence[UUID]
) -> float:
    started = time.perf_counter()
    await work(conn, holders)
    return time.perf_counter() - started


async def _fill(database: Database) -> None:
    cause = Cause.new("service:certifications")
    rule = Rule(_TARGET, Expression(kind="all_of", types=_TYPES), date(2026, 1, 1), "UTC")
    for first in range(0, _HOLDERS, 500):
        numbers = range(first, min(first + 500, _HOLDERS))
        async with database.transaction(cause) as tx:
            await upsert_holders(tx.conn, [_event(HolderRegistered(holder=_holder(n))) for n in numbers])
            await upsert_credentials(
                tx.conn,
                [
                    _event(CredentialCreated(credential=_credential(n, index), origin=Origin.API))
                    for n in numbers
                    for index in range(len(_TYPES))
                ],
            )
    async with database.transaction(cause) as tx:
        await make_requirement(tx, rule, now=_NOW)
    done = 1
    while done:
        async with database.transaction(cause) as tx:
            done = await commands.queue_affected(tx)
            done += await commands.recompute(tx, now=_NOW)


def _event(data: D) -> Event[D]:
    return Event.of(data, source="/benchmark", time=_NOW, recorded_time=_NOW, correlation_id="benchmark")


def _holder(number: int) -> HolderState:
    return HolderState(
        id=UUID(int=number), version=1, kind=HolderKind.EMPLOYEE, name="Ada Example", roles=("forklift",),
        created_at=_NOW, updated_at=_NOW,
    )  # fmt: skip


def _credential(number: int, index: int) -> CredentialState:
    first, last = date(2025, 6, 1 + index), date(2026, 9, 1 + number % 28)
    run = RunState(
        starts_at=civil.starts_at(first, "UTC"), expires_at=civil.expires_at(last, "UTC"), expires_on=last,
        time_zone="UTC", term_id=UUID(int=1), term_revision=1,
    )  # fmt: skip
    return CredentialState(
        id=UUID(int=10 * number + index), version=1, holder_id=UUID(int=number), type=_TYPES[index],
        category=Category.LICENSE, name=_TYPES[index], terms=(), runs=(run,), ladder=(), grace_days=7,
        validity=Validity.ACTIVE, created_at=_NOW, updated_at=_NOW,
    )  # fmt: skip
