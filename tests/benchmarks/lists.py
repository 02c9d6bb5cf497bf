"""Lists of credentials: a page among few and among many, and an export against PostgreSQL's own.

`LICET_BENCH_FULL=1` takes a million credentials, which needs two gigabytes and some minutes to make; else it
is a hundred thousand. `LICET_BENCH_RUNS` (5) is how often the ratios of an export are taken.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import psutil

from benchmarks.report import Result, ratio_of
from licet_chassis import migrations
from licet_chassis.database import Database
from licet_chassis.http.csv import csv_of
from licet_credentials.credentials.views import CredentialOut
from licet_credentials.register import store
from licet_credentials.register.model import CredentialFilter, Sort
from licet_credentials.register.store import Position
from support.registering.many import NOW, make_many
from support.servers.postgres import PostgresServer, make_postgres

_FULL = os.environ.get("LICET_BENCH_FULL") == "1"
_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "5"))
_FEW, _MANY = 10_000, 1_000_000 if _FULL else 100_000
_PAGES = 40
_FIRST, _FAR = 50, 10  # among 10,000 there is a thousandth page only of ten
_ALL = CredentialFilter()


async def run() -> list[Result]:
    """Measure what issue 4 says of list pages and exports."""
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = make_postgres(Path(directory))
        try:
            async with _register(postgres, _FEW) as few, _register(postgres, _MANY) as many:
                return [*await _pages(few, many), *await _exports(few, many)]
        finally:
            postgres.close()


@asynccontextmanager
async def _register(postgres: PostgresServer, count: int) -> AsyncIterator[Database]:
    url = await postgres.create_database()
    await asyncio.to_thread(migrations.migrate, "licet_credentials", url)
    database = await Database.open(url, service="credentials", max_size=2, command_timeout=1800)
    async with database.reading() as conn:
        await make_many(conn, count)
    yield database
    await database.close()


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────


async def _pages(few: Database, many: Database) -> list[Result]:
    results = []
    sizes = f"{_MANY:,} / {_FEW:,} credentials"
    for sort in (Sort.ENTRY, Sort.EXPIRES_ON):
        for name, limit, number in (("first page", _FIRST, 1), ("1,000th page", _FAR, 1_000)):
            after = {each: await _end_of(each, sort, limit * (number - 1)) for each in (few, many)}
            seconds: dict[Database, list[float]] = {few: [], many: []}
            for turn in range(_PAGES + 5):
                for database in (few, many):
                    took = await _page(database, sort, limit, after[database])
                    if turn >= 5:  # the first of each read from disk
                        seconds[database].append(took)
            seen = median(seconds[many]) / median(seconds[few])
            what = f"{name} of {limit} by {sort.value}, many / few"
            note = f"{sizes}, {median(seconds[many]) * 1000:.1f} ms"
            results.append(Result(what, "<= 1.3 x", seen, _PAGES, note))
    return results


async def _end_of(database: Database, sort: Sort, count: int) -> Position | None:
    if not count:
        return None
    async with database.listing() as conn:
        return (await store.find_credentials(conn, _ALL, now=NOW, limit=count, sort=sort))[-1]


async def _page(database: Database, sort: Sort, limit: int, after: Position | None) -> float:
    began = time.perf_counter()
    async with database.listing() as conn:
        found = await store.find_credentials(conn, _ALL, now=NOW, limit=limit + 1, sort=sort, after=after)
        credentials = await store.read_found(conn, found[:limit])
    shown = [CredentialOut.of(credential, NOW) for credential in credentials]
    took = time.perf_counter() - began
    assert len(shown) == limit
    return took


# ── exports ───────────────────────────────────────────────────────────────────────────────────────


async def _exports(few: Database, many: Database) -> list[Result]:
    runs = 1 if _FULL else min(_RUNS, 3)
    _, peak_of_few = await _export(few)
    theirs, ours, peaks = [], [], []
    for _ in range(runs):
        theirs.append(await _copy(many))
        took, peak = await _export(many)
        ours.append(took)
        peaks.append(peak)
    rate = f"{_MANY / median(ours):,.0f} lines/s"
    return [
        Result("export / COPY TO of the same", ">= 0.05 x", ratio_of(theirs, ours), runs, rate),
        Result(
            "memory of an export, many / few",
            "<= 1.2 x",
            max(peaks) / peak_of_few,
            runs,
            f"{_MANY:,} / {_FEW:,} lines, {max(peaks) / (1 << 20):.0f} MiB",
        ),
    ]


async def _export(database: Database) -> tuple[float, int]:
    """Return how long it takes to make all lines, and the most memory that this process had."""
    process = psutil.Process()
    began = time.perf_counter()
    after, lines, peak = None, 0, 0
    while True:
        async with database.listing() as conn:
            found = await store.find_credentials(conn, _ALL, now=NOW, limit=1_000, after=after)
            rows = await store.read_lines(conn, found, now=NOW)
        lines += csv_of(rows).count(b"\r\n")
        peak = max(peak, process.memory_info().rss)
        if len(found) < 1_000:
            break
        after = found[-1]
    took = time.perf_counter() - began
    async with database.reading() as conn:
        assert lines == await conn.fetchval("select count(*) from credentials")
    return took, peak


_SAME = """
select c.id, c.version, c.holder_id, h.external_id, h.name, h.team, h.location, c.type, t.category, c.name,
    c.number, c.country, c.subdivision, c.issuer, c.issued_on, x.validity, r.expires_on, term.valid_from,
    term.expires_on, term.expiry, term.time_zone, x.verified_until, c.attributes, c.notes, c.created_at,
    c.updated_at
from credentials c join holders h on h.id = c.holder_id join credential_types t on t.code = c.type
join register x on x.credential_id = c.id
join runs r on r.credential_id = c.id and r.current_from <= $1 and $1 < r.current_until
join terms term on term.id = r.term_id and term.revision = r.term_revision
where not c.voided order by c.id
"""


async def _copy(database: Database) -> float:
    async def nowhere(_data: bytes) -> None:
        pass

    began = time.perf_counter()
    async with database.reading() as conn:
        await conn.copy_from_query(_SAME, NOW, output=nowhere, format="csv", timeout=1800)
    return time.perf_counter() - began
