"""Gaps by team: many holders against few, and how close the longest statement comes to its timeout.

`LICET_BENCH_GAPS` (40,000; the promise is 200,000) is how many holders the larger organisation has, each with
two targets; the smaller one has a twentieth. `LICET_BENCH_RUNS` (5) says how often each is read.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import mean
from tempfile import TemporaryDirectory
from typing import Any, cast

from benchmarks.report import Result, ratio_of
from licet_certifications.gaps import store
from licet_certifications.gaps.model import Dimension, GapTally
from licet_certifications.gaps.store import GapQuery
from licet_certifications.visibility import Visibility
from licet_chassis.connection import Connection
from licet_chassis.database import Database
from licet_chassis.migrations import migrate
from support.servers.postgres import PostgresServer, make_postgres

_MANY = int(os.environ.get("LICET_BENCH_GAPS", "40000"))
_TIMES = 20
_FEW = _MANY // _TIMES
_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "5"))
_NOW = datetime(2026, 3, 1, tzinfo=UTC)
_TIMEOUT = 30.0
"""Seconds that a service gives a statement."""

# A tenth of the holders lose what they have within 90 days, a tenth have nothing, and every third of both is
# enrolled in the programme that leads to it.
_FILL = """
insert into programmes (code, version, name, credential_type, created_at, updated_at)
values ('forklift', 1, 'Forklift', 'licence', $1, $1);

insert into holders (id, version, active, team, location, targets)
select ('01900000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 1, true, 'team-' || n % 100,
    'site-' || n % 20, '{role:driver,queue:loading}'
from generate_series(1, {count}) as n;

insert into requirements (id, version, target, state)
select gen_random_uuid(), 1, target, '{}' from unnest('{role:driver,queue:loading}'::text[]) as target;
insert into requirement_versions (requirement_id, version, target, types, match_jurisdiction, state)
select id, version, target, '{licence}', false, state from requirements;

insert into timelines (holder_id, target, location, version, edges, intervals, facts, computed_at)
select h.id, target, h.location, 1,
    array[
        $1 - interval '1 year',
        $1 + (case when h.n % 10 = 1 then h.n % 90 + 1 else 400 end) * interval '1 day'
    ],
    array[
        '{"verdict": "ineligible", "reasons": [{"code": "missing", "type": "licence"}]}',
        case when h.n % 10 = 0
            then '{"verdict": "ineligible", "reasons": [{"code": "missing", "type": "licence"}]}'
            else '{"verdict": "eligible", "reasons": [{"code": "valid", "type": "licence"}]}' end,
        '{"verdict": "ineligible", "reasons": [{"code": "expired", "type": "licence"}]}'
    ]::json[],
    '{}', $1
from (select *, row_number() over (order by id) as n from holders) as h
cross join unnest(h.targets) as target;

insert into enrolments (
    id, version, holder_id, programme, programme_version, kind, stage, status, settled_at, open, opened_at,
    updated_at, state, internals
)
select gen_random_uuid(), 1, id, 'forklift', 1, 'first', 'in_progress', 'in_progress', $1, true, $1, $1,
    '{}', '{}'
from (select *, row_number() over (order by id) as n from holders) as h
where n % 3 = 0;
"""


async def run() -> list[Result]:
    """Measure what issue 12 says of gaps."""
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = make_postgres(Path(directory))
        try:
            return await _measure(postgres)
        finally:
            postgres.close()


async def _measure(postgres: PostgresServer) -> list[Result]:
    async with AsyncExitStack() as stack:
        few = await stack.enter_async_context(_organisation(postgres, _FEW))
        many = await stack.enter_async_context(_organisation(postgres, _MANY))
        large: list[float] = []
        small: list[float] = []
        longest = 0.0
        for _ in range(_RUNS):
            # As many holders on either side, half of the small reads before and half after, so that a slow
            # moment of the machine is in both.
            before = [await _gaps_by(few, Dimension.TEAM) for _ in range(_TIMES // 2)]
            took, statement = await _gaps_by(many, Dimension.TEAM)
            after = [await _gaps_by(few, Dimension.TEAM) for _ in range(_TIMES // 2)]
            large.append(took)
            small.append(mean(seconds for seconds, _ in before + after))
            longest = max(longest, statement)
        others = [(await _gaps_by(many, by))[1] for by in Dimension]
    note = f"{_MANY:,} / {_FEW:,} holders with two targets each"
    return [
        Result("gaps by team, many / few holders", "<= 20 x", ratio_of(large, small), _RUNS, note),
        Result(
            "gaps by anything, longest statement / its timeout", "<= 0.5 x",
            max(longest, *others) / _TIMEOUT, _RUNS, f"{_MANY:,} holders",
        ),
    ]  # fmt: skip


@asynccontextmanager
async def _organisation(postgres: PostgresServer, count: int) -> AsyncIterator[Database]:
    url = await postgres.create_database()
    await asyncio.to_thread(migrate, "licet_certifications", url)
    database = await Database.open(url, service="certifications", max_size=1, command_timeout=_TIMEOUT)
    try:
        async with database.reading() as conn:
            script = _FILL.replace("{count}", str(count)).replace("$1", f"timestamptz '{_NOW.isoformat()}'")
            await conn.execute(script, timeout=1800)
            for table in ("holders", "timelines", "enrolments"):
                await conn.execute(f"vacuum (analyze) {table}", timeout=1800)
        yield database
    finally:
        await database.close()


async def _gaps_by(database: Database, by: Dimension) -> tuple[float, float]:
    """Read gaps as the route does; return how long that took, and the longest statement of it, in seconds."""
    query = GapQuery(_NOW, 90, Visibility())
    tally = GapTally([by], "UTC", query.start, query.within_days)
    began = time.perf_counter()
    async with database.listing() as conn:
        timed = _Timed(conn)
        # It has what templates need of a connection.
        lent = cast("Connection", timed)
        async for gaps in store.read_gaps(lent, query):
            tally.add(gaps)
        summaries = tally.summaries(await store.count_holders(lent, query, [by]))
    took = time.perf_counter() - began
    assert sum(summary.losing for summary in summaries) > 0
    assert sum(summary.without for summary in summaries) > 0
    return took, timed.longest


class _Timed:
    """A connection that notes how long its longest statement took."""

    def __init__(self, conn: Connection) -> None:
        self._conn = conn
        self.longest = 0.0

    async def prepare(self, sql: str, *, name: str) -> "_Timed._Statement":
        return _Timed._Statement(self, await self._conn.prepare(sql, name=name))

    class _Statement:
        def __init__(self, timed: "_Timed", statement: Any) -> None:
            self._timed = timed
            self._statement = statement

        async def fetch(self, *arguments: object) -> Any:
            began = time.perf_counter()
            rows = await self._statement.fetch(*arguments)
            self._timed.longest = max(self._timed.longest, time.perf_counter() - began)
            return rows
