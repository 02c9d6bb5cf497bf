"""Finding costs the same in a small register and in a large one, and never reads a whole table.

`LICET_TEST_MANY` (60,000) is how many credentials the large one has; the promise is 1,000,000.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import pytest

from licet_chassis.database import Database
from licet_chassis.migrations import migrate
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.store import HolderFilter, HolderSort
from licet_credentials.register import store
from licet_credentials.register.model import CredentialFilter, Sort
from licet_credentials.visibility.model import Sees
from support.registering.cases import CREDENTIALS, HOLDERS, NARROWED
from support.registering.many import NOW, make_many
from support.registering.plans import Explained

FEW, MANY = 10_000, int(os.environ.get("LICET_TEST_MANY", "60000"))
PAGE = 51


@pytest.fixture(scope="module")
def registers(postgres: Any) -> tuple[str, str]:
    """A small and a large register."""

    async def make(count: int) -> str:
        url: str = await postgres.create_database()
        await asyncio.to_thread(migrate, "licet_credentials", url)
        conn = await asyncpg.connect(url, server_settings={"timezone": "UTC"})
        await make_many(conn, count)
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


async def cost(url: str, wanted: CredentialFilter | HolderFilter, **more: Any) -> tuple[int, Explained]:
    """Return how many rows the first page has, and what was done for it."""
    async with explained(url) as conn:
        if isinstance(wanted, HolderFilter):
            rows = await holder_store.list_holders(conn, wanted, limit=PAGE, **({"sees": Sees()} | more))
            return len(rows), conn
        found = await store.find_credentials(conn, wanted, now=NOW, limit=PAGE, **more)
        await store.read_found(conn, found[:3])
        return len(found), conn


async def compare(registers: tuple[str, str], wanted: Any, **more: Any) -> None:
    (rows, small), (as_many, large) = [await cost(url, wanted, **more) for url in registers]
    plans = f"\n{small}\n{large}"
    assert 0 < as_many <= rows * 1.5, plans
    assert not small.scanned, plans
    assert not large.scanned, plans
    assert large.buffers <= 3 * small.buffers, plans


@pytest.mark.parametrize("name", CREDENTIALS)
async def test_the_cost_of_a_page_of_credentials_follows_its_matches(registers, name):
    await compare(registers, CREDENTIALS[name])


@pytest.mark.parametrize("name", HOLDERS)
async def test_the_cost_of_a_page_of_holders_follows_its_matches(registers, name):
    await compare(registers, HOLDERS[name])


@pytest.mark.parametrize("sort", Sort)
async def test_a_page_of_all_credentials_costs_the_same_in_every_order(registers, sort):
    await compare(registers, CredentialFilter(), sort=sort)


@pytest.mark.parametrize("sort", HolderSort)
async def test_a_page_of_all_holders_costs_the_same_in_every_order(registers, sort):
    await compare(registers, HolderFilter(), sort=sort)


async def test_the_cost_for_a_narrowed_token_follows_its_matches(registers):
    await compare(registers, CredentialFilter(), sees=NARROWED)
    await compare(registers, HolderFilter(), sees=NARROWED)


@pytest.mark.parametrize("sort", Sort)
async def test_a_page_deep_in_the_list_costs_as_much_as_the_first(registers, sort):
    _, large = registers
    _, first = await cost(large, CredentialFilter(), sort=sort)
    async with explained(large) as conn:
        (after,) = (
            await store.find_credentials(conn.conn, CredentialFilter(), now=NOW, limit=20_000, sort=sort)
        )[-1:]
        far: Any = Explained(conn.conn)
        await store.find_credentials(far, CredentialFilter(), now=NOW, limit=PAGE, sort=sort, after=after)
    assert far.buffers <= 2 * first.buffers, far
