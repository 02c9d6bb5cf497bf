"""Finding enrolments costs the same in a small register and in a large one, and never reads a whole table.

`LICET_TEST_MANY` (60,000) is how many enrolments the large one has; the promise is 1,000,000.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from licet_certifications.register import store
from licet_certifications.register.model import EnrolmentFilter, Sort
from licet_chassis.database import Database
from licet_chassis.migrations import migrate
from support.registering.enrolments import CASES, Case, make_enrolments
from support.registering.many import NOW
from support.registering.plans import Explained

FEW, MANY = 10_000, int(os.environ.get("LICET_TEST_MANY", "60000"))
PAGE = 51


@pytest.fixture(scope="module")
def registers(postgres: Any) -> tuple[str, str]:
    """A small and a large register."""

    async def make(count: int) -> str:
        url: str = await postgres.create_database()
        await asyncio.to_thread(migrate, "licet_certifications", url)
        conn = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
        await make_enrolments(conn, count)
        await conn.close()
        return url

    async def both() -> tuple[str, str]:
        return await make(FEW), await make(MANY)

    return asyncio.run(both())


@asynccontextmanager
async def explained(url: str) -> AsyncIterator[Any]:
    database = await Database.open(url, service="test", max_size=1)
    async with database.listing() as conn:
        yield Explained(conn)
    await database.close()


async def cost(url: str, case: Case, **more: Any) -> tuple[int, Explained]:
    """Return how many rows the first page has, and what was done for it."""
    async with explained(url) as conn:
        found = await store.find_enrolments(
            conn, case.wanted, now=NOW, time_zone="UTC", limit=PAGE, sight=case.sight, **more
        )
        assert len(await store.read_lines(conn, found[:3], now=NOW)) == min(len(found), 3)
        return len(found), conn


async def compare(registers: tuple[str, str], case: Case, **more: Any) -> None:
    (rows, small), (as_many, large) = [await cost(url, case, **more) for url in registers]
    plans = f"\n{small}\n{large}"
    assert 0 < as_many <= rows * 1.5, plans
    assert not small.scanned, plans
    assert not large.scanned, plans
    assert large.buffers <= 3 * small.buffers, plans


@pytest.mark.parametrize("name", CASES)
async def test_a_page_of_enrolments_costs_what_is_found(registers, name):
    await compare(registers, CASES[name])


@pytest.mark.parametrize("sort", Sort)
async def test_a_page_of_all_costs_the_same_in_every_order(registers, sort):
    await compare(registers, Case(EnrolmentFilter()), sort=sort)


async def test_counting_all_reads_an_index_alone(registers):
    _, large = registers
    async with explained(large) as conn:
        counts = await store.count_by_status(conn, EnrolmentFilter(), now=NOW, time_zone="UTC")
    assert sum(counts.values()) == MANY
    assert "Index Only Scan enrolments_status" in str(conn), f"\n{conn!s}"
    assert not conn.scanned, f"\n{conn!s}"
