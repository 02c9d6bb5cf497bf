"""Licet behind PgBouncer in transaction mode: Debian's, which keeps no prepared statements."""

import asyncio
from collections.abc import Iterator

import pytest
import pytest_asyncio

from licet_chassis.cause import Cause
from licet_chassis.clock import machine_now
from licet_chassis.database import Database
from licet_chassis.kafka import KafkaAccess
from licet_chassis.outbox.relay import Relay
from licet_chassis.pooler import NEEDS_SESSIONS
from licet_events.ids import uuid7
from licet_events.operations import BackfillFinished
from support.servers.choice import needed
from support.servers.pgbouncer import PgBouncer

CAUSE = Cause.new("service:test")


@pytest.fixture(scope="module")
def pgbouncer(postgres) -> Iterator[PgBouncer]:
    with needed("PgBouncer"):
        pooler = PgBouncer(postgres.url())
    yield pooler
    pooler.close()


@pytest_asyncio.fixture
async def urls(postgres, pgbouncer) -> tuple[str, str]:
    direct = await postgres.migrated("licet_notifier")
    return direct, pgbouncer.url(direct)


async def test_commands_and_reads_work_with_the_settings_as_they_come(urls):
    database = await Database.open(urls[1], service="notifier", max_size=20)
    marker = {"of": "licet.holders.v1", "started_at": machine_now(), "route": "a", "by": "notifier"}

    async def write(number: int) -> None:
        async with database.transaction(CAUSE) as tx:
            async with tx.conn.transaction():  # a savepoint
                await tx.conn.execute("insert into inbox (consumer, event_id) values ($1, $2)", "t", uuid7())
            await tx.publish(BackfillFinished(run=uuid7(), partition=number % 3, **marker), now=machine_now())
            assert tx.xid is not None

    async def read() -> None:
        for _ in range(5):
            async with database.reading() as conn:
                assert await conn.fetchval("show timezone") == "UTC"
                await conn.fetch("select count(*) from inbox where consumer = $1", "t")
            async with database.listing() as conn:
                await conn.fetch("select * from outbox order by id limit $1", 2)

    try:
        assert database.pools_transactions
        assert database._options["statement_cache_size"] == 0, "Debian's keeps none"
        await asyncio.gather(*(write(number) for number in range(40)), *(read() for _ in range(20)))
        async with database.reading() as conn:
            assert await conn.fetchval("select count(*) from outbox") == 40
    finally:
        await database.close()


async def test_a_relay_behind_it_says_what_to_set_instead_of_failing_later(urls):
    relay = Relay(urls[1], KafkaAccess("127.0.0.1:1"))
    stop = asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    try:
        async with asyncio.timeout(10):
            while relay.problem is None:  # noqa: ASYNC110  # a state that is asked for, as `/readyz` does
                await asyncio.sleep(0.02)
        assert relay.problem == NEEDS_SESSIONS
        assert "LICET_DATABASE_DIRECT_URL" in relay.problem
    finally:
        stop.set()
        await running


async def test_a_database_without_a_pooler_is_used_as_it_is(urls):
    database = await Database.open(urls[0], service="notifier")
    assert not database.pools_transactions
    async with database.reading() as conn:
        assert await conn.fetchval("show jit") == "off"
        assert await conn.fetchval("show idle_in_transaction_session_timeout") == "1min"
    await database.close()
