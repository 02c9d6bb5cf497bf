"""The scheduler: finding what is due among many timers, and catching up after an outage.

`LICET_BENCH_FULL=1` takes full sizes (10M timers, 500k overdue), which needs some
gigabytes and many minutes; else it is a tenth of the timers and a twentieth of the overdue. A database
server comes as for the tests. `LICET_BENCH_RUNS` (5) is how often each ratio is taken.
"""

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from benchmarks.report import Result, ratio_of
from licet_chassis import migrations
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.database import Database, Transaction
from licet_scheduler.timers import commands, store
from support.scheduling.states import DAY, credential, term
from support.servers.postgres import PostgresServer, make_postgres

_FULL = os.environ.get("LICET_BENCH_FULL") == "1"
_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "5"))
_FEW_TIMERS, _MANY_TIMERS = 100_000, 10_000_000 if _FULL else 1_000_000
_FEW_OVERDUE, _MANY_OVERDUE = 5_000, 500_000 if _FULL else 25_000
_DUE = 1_000
_SCANS = 9
_PER_CLAIM = 500
_ENTRY = datetime(2026, 9, 1, tzinfo=UTC)
_BEGIN, _END = date(2026, 9, 2), date(2026, 12, 31)
_NOW = datetime(2026, 12, 10, tzinfo=UTC)


async def run() -> list[Result]:
    """Measure both targets of timers."""
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = make_postgres(Path(directory))
        try:
            return [*await _due_scan(postgres), *await _catch_up(postgres)]
        finally:
            postgres.close()


@asynccontextmanager
async def _database(postgres: PostgresServer) -> AsyncIterator[Database]:
    url = await postgres.create_database()
    await asyncio.to_thread(migrations.migrate, "licet_scheduler", url)
    database = await Database.open(url, service="scheduler", max_size=2, command_timeout=900)
    yield database
    await database.close()


# ── due scan ──────────────────────────────────────────────────────────────────────────────────────


async def _due_scan(postgres: PostgresServer) -> list[Result]:
    async with _database(postgres) as few, _database(postgres) as many:
        await _fill(few, _FEW_TIMERS)
        await _fill(many, _MANY_TIMERS)
        seconds: dict[Database, list[float]] = {few: [], many: []}
        buffers: dict[Database, list[int]] = {few: [], many: []}
        for number in range(_SCANS + 1):
            for database in (few, many):
                took, touched = await _scan(database)
                if number:  # the first of each reads from disk
                    seconds[database].append(took)
                    buffers[database].append(touched)
    sizes = f"{_DUE} due, {_MANY_TIMERS:,} / {_FEW_TIMERS:,} timers"
    more = median(buffers[many]) - median(buffers[few])
    return [
        Result("due scan, many / few", "<= 1.2 x", ratio_of(seconds[many], seconds[few]), _SCANS, sizes),
        Result("due scan, buffers more", "<= 3 buffers", more, _SCANS, f"{median(buffers[few]):.0f} at few"),
    ]


async def _fill(database: Database, count: int) -> None:
    # What is due lies together in the order in which it is due: then the tables' sizes are all the
    # difference, and not which way to the same rows the planner takes.
    async with database.reading() as conn:
        await conn.execute(
            """
            insert into timers (credential_id, due_at)
            select gen_random_uuid(),
                case when n <= $2 then $3::timestamptz - interval '1 second' * ($2 - n)
                else $3::timestamptz + interval '1 hour' + interval '700 days' * random() end
            from generate_series(1, $1::integer) as n
            """,
            count,
            _DUE,
            _NOW,
        )
        await conn.execute("vacuum (freeze, analyze) timers")
        await conn.execute("checkpoint")


async def _scan(database: Database) -> tuple[float, int]:
    """Claim what is due and let it go; return how long it took and how many buffers it touched."""
    async with database.reading() as conn:
        transaction = conn.transaction()
        await transaction.start()
        began = time.perf_counter()
        claimed = await store.claim_timers(conn, _NOW, _DUE)
        took = time.perf_counter() - began
        await transaction.rollback()
        assert len(claimed) == _DUE
        transaction = conn.transaction()
        await transaction.start()
        explained = await conn.fetchval(
            f"explain (analyze, buffers, format json) {store.QUERIES['claim_timers']}", _NOW, _DUE
        )
        await transaction.rollback()
        plan = json.loads(explained)[0]["Plan"]
        return took, plan["Shared Hit Blocks"] + plan["Shared Read Blocks"]


# ── catch-up ──────────────────────────────────────────────────────────────────────────────────────


async def _catch_up(postgres: PostgresServer) -> list[Result]:
    growth, against_bare, rates = [], [], []
    for _ in range(1 if _FULL else min(_RUNS, 3)):
        few, _, _ = await _decide_overdue(postgres, _FEW_OVERDUE)
        many, bare, rate = await _decide_overdue(postgres, _MANY_OVERDUE)
        growth.append(many / few)
        against_bare.append(bare / many)
        rates.append(rate)
    runs = len(growth)
    sizes = f"{_MANY_OVERDUE:,} / {_FEW_OVERDUE:,} credentials"
    return [
        Result("catch-up per reminder, many / few", "<= 1.3 x", median(growth), runs, sizes),
        Result(
            "catch-up / bare insert into outbox",
            ">= 0.5 x",
            median(against_bare),
            runs,
            f"one process, {median(rates):,.0f} credentials/s, 4 decisions and 2 events each",
        ),
    ]


async def _decide_overdue(postgres: PostgresServer, count: int) -> tuple[float, float, float]:
    """Return seconds per event of a catch-up and of a bare insert, and credentials per second."""
    async with _database(postgres) as database:
        await _learn(database, count)
        began = time.perf_counter()
        while await _decide(database):
            pass
        took = time.perf_counter() - began
        async with database.reading() as conn:
            events: int = await conn.fetchval("select count(*) from outbox")
            await conn.execute("create table copy as select * from outbox")
            await conn.execute("truncate outbox")
            bare = await _bare_insert(conn)
            assert not await store.count_due(conn, _NOW)
        return took / events, bare / events, count / took


async def _learn(database: Database, count: int) -> None:
    """Enter credentials of which, at the time of the catch-up, three steps have been reached."""
    cause = Cause.new("bench")
    for start in range(0, count, 1_000):
        states = [
            credential(
                term(
                    f"term {number}",
                    date(2026, 8, 1),
                    date(2026, 12, 31) + number % 20 * DAY,
                    recorded_at=_ENTRY,
                ),
                name=number,
                holder=number // 3,
                created_at=_ENTRY,
            )
            for number in range(start, min(start + 1_000, count))
        ]
        async with database.transaction(cause) as tx:
            await commands.apply_credentials(tx, states, now=_ENTRY)
    async with database.reading() as conn:
        await conn.execute("vacuum analyze")
        await conn.execute("checkpoint")


async def _decide(database: Database) -> int:
    async def work(tx: Transaction) -> int:
        return await commands.decide_due(tx, limit=_PER_CLAIM, now=_NOW)

    return await database.run(Cause.new("bench"), work)


async def _bare_insert(conn: Connection) -> float:
    began = time.perf_counter()
    await conn.execute(
        "insert into outbox (shard, topic, partition_key, record_key, headers, value)"
        " select shard, topic, partition_key, record_key, headers, value from copy"
    )
    return time.perf_counter() - began
