"""Rosters: candidates among 200,000 holders, against one page of a plain list of the same service.

Both are whole answers: the route, its queries and its JSON, without a socket. `LICET_BENCH_RUNS` (40) says
how often.
A database server comes as for the tests.
"""

import asyncio
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from benchmarks.report import Result, ratio_of
from licet_certifications.app import create_app
from licet_certifications.settings import Settings
from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database
from licet_chassis.http.auth import Principal
from licet_chassis.migrations import migrate
from licet_chassis.service import Runtime
from support.servers.postgres import make_postgres

_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "40"))
_HOLDERS, _LOCATIONS, _TEAM = 200_000, 40, 200
_FILL = """
insert into holders (id, version, active, team, location, targets)
select lpad(to_hex(n), 32, '0')::uuid, 1, true, 'team-' || n / $1::int, 'site-' || n % $2::int,
    array['role:nurse']
from generate_series(1, $3::int) n;
"""
_TIMELINES = """
insert into timelines (holder_id, target, location, version, edges, intervals, facts, computed_at)
select h.id, 'role:nurse', place, 1,
    array[now() - interval '1 year', now() + make_interval(hours => (abs(hashtext(h.id::text)) % 20000))],
    array[
        '{"verdict": "ineligible", "reasons": [{"code": "not_yet_valid", "type": "rn"}]}',
        '{"verdict": "eligible", "reasons": [{"code": "valid", "type": "rn"}]}',
        '{"verdict": "ineligible", "reasons": [{"code": "expired", "type": "rn"}]}'
    ]::json[],
    '[]', now()
from holders h cross join unnest(array['*', h.location]) place;
"""
_SPANS = """
insert into eligible_spans (holder_id, target, location, starts_at, ends_at, elsewhere)
select t.holder_id, t.target, t.location, t.edges[1], t.edges[2],
    case when t.location = '*' then array[h.location] else '{}' end
from timelines t join holders h on h.id = t.holder_id;
"""
_SHIFTS = """
insert into shifts (
    id, version, platform, external_id, holder_id, target, location, starts_at, ends_at, revision,
    occurred_at, booked_verdict, verdict, reasons, created_at, updated_at
)
select gen_random_uuid(), 1, 'roster', 'S' || row_number() over (), id, 'role:nurse', location,
    now() + interval '1 day', now() + interval '2 days', 1, now(), 'eligible', 'eligible',
    '[{"code": "valid", "type": "rn"}]', now(), now()
from holders limit 20000;
"""


class _AnyToken:
    async def authenticate(self, _authorization: Any) -> Principal:
        return Principal("bench", frozenset({"certifications:read", "eligibility:read"}))

    async def close(self) -> None:
        pass


async def run() -> list[Result]:
    """Measure what issue 12 says of candidates."""
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = make_postgres(Path(directory))
        try:
            url = await postgres.create_database()
            await asyncio.to_thread(migrate, "licet_certifications", url)
            async with _service(url) as http:
                return await _measure(http)
        finally:
            postgres.close()


@asynccontextmanager
async def _service(url: str) -> AsyncIterator[httpx.AsyncClient]:
    database = await Database.open(url, service="certifications", max_size=2, command_timeout=600)
    settings = Settings(
        database_url="postgresql://nobody@nowhere/nothing", kafka_url="nowhere:1", issuer_url="http://nowhere"
    )
    async with database.reading() as conn:
        await conn.execute(_FILL, _TEAM, _LOCATIONS, _HOLDERS)
        for statement in (_TIMELINES, _SPANS, _SHIFTS, "vacuum analyze"):
            await conn.execute(statement)
    app = create_app(settings)
    app.state.runtime = Runtime(
        "certifications",
        settings,
        database,
        BusinessClock(movable=False),
        _AnyToken(),  # type: ignore[arg-type]  # stands in for the issuer's
    )
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://bench") as http:
        yield http
    await database.close()


async def _measure(http: httpx.AsyncClient) -> list[Result]:
    start, end = "2026-12-24T06:00:00Z", "2026-12-24T14:00:00Z"
    asked: dict[str, Any] = {"target": "role:nurse", "start": start, "end": end, "limit": 50}
    kinds = {
        "anywhere": asked,
        "at a location": asked | {"location": "site-7"},
        "of a team": asked | {"team": "team-77"},
        "where everybody has no timeline": asked | {"location": "nowhere"},
    }
    pages: list[float] = []
    times: dict[str, list[float]] = {name: [] for name in kinds}
    for number in range(_RUNS + 3):
        page = await _time(http, "GET", "/v1/shifts?limit=50", None)
        found = {
            name: await _time(http, "POST", "/v1/eligibility/candidates", body)
            for name, body in kinds.items()
        }
        if number < 3:
            continue  # statements are prepared and pages read
        pages.append(page)
        for name, seconds in found.items():
            times[name].append(seconds)
    return [
        Result(f"candidates {name} / a page of shifts", "<= 3 x", ratio_of(several, pages), _RUNS,
               f"{_HOLDERS:,} holders, {_LOCATIONS} locations")
        for name, several in times.items()
    ]  # fmt: skip


async def _time(http: httpx.AsyncClient, method: str, path: str, body: Any) -> float:
    began = time.perf_counter()
    answer = await http.request(method, path, json=body)
    seconds = time.perf_counter() - began
    if answer.status_code != 200 or len(answer.json()["items"]) != 50:
        raise AssertionError(f"{method} {path} answered {answer.status_code} with {answer.text[:200]}")
    return seconds
