"""Enrolments: the first page of each filter among few and many, and moving many to another version.

`LICET_BENCH_FULL=1` takes a million enrolments for lists and a hundred thousand to move, which takes most of
an hour; else it is a hundred thousand, and a thousand.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import psutil

from benchmarks.report import Result
from licet_certifications.bulk import commands as bulk
from licet_certifications.bulk.job import bulk_jobs
from licet_certifications.bulk.model import Asker, Migrate
from licet_certifications.enrolments.commands import open_enrolment
from licet_certifications.enrolments.model import Entry
from licet_certifications.programmes import commands as programmes
from licet_certifications.programmes.model import Component, ComponentKind, Definition
from licet_certifications.register import store
from licet_certifications.register.views import EnrolmentLine
from licet_chassis import migrations
from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database
from support.registering.enrolments import CASES, Case, make_enrolments
from support.registering.many import NOW
from support.servers.postgres import PostgresServer, make_postgres

_FULL = os.environ.get("LICET_BENCH_FULL") == "1"
_FEW, _MANY = 10_000, 1_000_000 if _FULL else 100_000
_FEW_MOVED, _MANY_MOVED = (10_000, 100_000) if _FULL else (100, 1_000)
_PAGES = 20
_LIMIT = 50


async def run() -> list[Result]:
    """Measure what issue 11 says of lists of enrolments and of migrations."""
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = make_postgres(Path(directory))
        try:
            return [await _pages(postgres), await _migrations(postgres)]
        finally:
            postgres.close()


@asynccontextmanager
async def _database(postgres: PostgresServer) -> AsyncIterator[Database]:
    url = await postgres.create_database()
    await asyncio.to_thread(migrations.migrate, "licet_certifications", url)
    database = await Database.open(url, service="certifications", max_size=2, command_timeout=1800)
    yield database
    await database.close()


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────


async def _pages(postgres: PostgresServer) -> Result:
    async with _database(postgres) as few, _database(postgres) as many:
        for database, count in ((few, _FEW), (many, _MANY)):
            async with database.reading() as conn:
                await make_enrolments(conn, count)
        ratios = {name: await _compare(few, many, case) for name, case in CASES.items()}
    worst = max(ratios, key=lambda name: ratios[name])
    note = f"{_MANY:,} / {_FEW:,} enrolments; the worst of {len(ratios)} filters: {worst}"
    return Result("first page of a filter, many / few", "<= 1.3 x", ratios[worst], _PAGES, note)


async def _compare(few: Database, many: Database, case: Case) -> float:
    seconds: dict[Database, list[float]] = {few: [], many: []}
    for turn in range(_PAGES + 3):
        for database in (few, many):
            took = await _page(database, case)
            if turn >= 3:  # the first of each read from disk
                seconds[database].append(took)
    # The fastest of each: whatever else the machine does only adds.
    return min(seconds[many]) / min(seconds[few])


async def _page(database: Database, case: Case) -> float:
    began = time.perf_counter()
    async with database.listing() as conn:
        found = await store.find_enrolments(
            conn, case.wanted, now=NOW, time_zone="UTC", limit=_LIMIT + 1, sight=case.sight
        )
        rows = await store.read_lines(conn, found[:_LIMIT], now=NOW)
    shown = [EnrolmentLine.of(row) for row in rows]
    assert shown
    return time.perf_counter() - began


# ── moving to another version ─────────────────────────────────────────────────────────────────────

# As many enrolments as are asked for, each like the first one.
_COPIES = """
insert into holders (id, version, active, targets)
select ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, true, '{{}}'
from generate_series(1, {count} - 1) as n;
insert into enrolments (
    id, version, holder_id, programme, programme_version, kind, stage, status, settled_at, open, lacking,
    opened_at, updated_at, state, internals
)
select c.id, version, c.holder_id, programme, programme_version, kind, stage, status, settled_at, open,
    lacking, opened_at, updated_at,
    state || jsonb_build_object('id', c.id, 'holder_id', c.holder_id), internals
from enrolments e
cross join lateral (
    select ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid as id,
        ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid as holder_id
    from generate_series(1, {count} - 1) as n
) as c;
"""


async def _migrations(postgres: PostgresServer) -> Result:
    peaks = {}
    for count in (_FEW_MOVED, _MANY_MOVED):
        async with _database(postgres) as database:
            await _enrol(database, count)
            peaks[count] = await _move(database, count)
    note = f"{_MANY_MOVED:,} / {_FEW_MOVED:,} enrolments, {peaks[_MANY_MOVED] / (1 << 20):.0f} MiB"
    ratio = peaks[_MANY_MOVED] / peaks[_FEW_MOVED]
    return Result("memory of a migration, many / few", "<= 1.2 x", ratio, 1, note)


async def _enrol(database: Database, count: int) -> None:
    holder_id = UUID("01900000-0000-7000-9000-000000000000")
    async with database.transaction(Cause.new("user:bench")) as tx:
        await tx.conn.execute(
            "insert into holders (id, version, active, targets) values ($1, 1, true, '{}')", holder_id
        )
        await programmes.define_programme(tx, "scheme", "Scheme", None, now=NOW)
        for number in (1, 2):
            components = tuple(
                Component(code=f"c{each}", name="C", kind=ComponentKind.TASK) for each in range(number + 1)
            )
            await programmes.draft_version(tx, "scheme", Definition(components=components), now=NOW)
        await programmes.publish_version(tx, "scheme", 1, now=NOW)
        await open_enrolment(tx, holder_id, "scheme", entry=Entry.STAFF, now=NOW)
        await tx.conn.execute(_COPIES.format(count=count), timeout=1800)
        await programmes.publish_version(tx, "scheme", 2, now=NOW)


async def _move(database: Database, count: int) -> int:
    """Return the most memory that this process had while it moved all enrolments."""
    asker = Asker("user:bench", frozenset(), None, None)
    async with database.transaction(Cause.new("user:bench")) as tx:
        job = await bulk.migrate_enrolments(tx, Migrate("scheme", 2), asker, dry_run=False, now=NOW)
    assert job.total == count
    jobs = bulk_jobs(database, BusinessClock(movable=False))
    process, peak = psutil.Process(), 0
    while await jobs.step():
        peak = max(peak, process.memory_info().rss)
    async with database.reading() as conn:
        assert not await conn.fetchval("select count(*) from enrolments where programme_version <> 2")
    return peak
