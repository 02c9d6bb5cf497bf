"""The embedded broker keeps 5 MB of a partition; the relay waits for who reads, so that nothing is lost."""

import asyncio
from uuid import uuid4

import asyncpg
import pytest

from licet_chassis.clock import BusinessClock
from licet_chassis.consuming import Consumer, Effect
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.reader import Reader
from licet_chassis.kafka import KafkaAccess
from licet_chassis.outbox.append import append
from licet_chassis.outbox.relay import Relay
from licet_cli.embedded.broker_room import BrokerRoom
from licet_cli.embedded.service import claim_positions
from licet_events import Record, Topic, encode
from licet_events.holders import HolderRegistered, HolderUpdated
from support.consuming import effect_count, holder_event, reading

pytestmark = pytest.mark.faults

ROOM = 2 << 20


async def fill(url: str, count: int, bytes_each: int) -> None:
    """Put records of one key, hence one partition, into the outbox."""
    holder = uuid4()
    conn = await asyncpg.connect(url)
    try:
        for start in range(0, count, 100):
            records = []
            for number in range(start, start + 100):
                record = encode(holder_event(holder, number + 1, HolderUpdated))
                value = (record.value or b"").replace(b'"name":"', b'"name":"' + b"x" * bytes_each)
                records.append(Record(record.topic, record.key, record.partition_key, record.headers, value))
            await append(conn, records)
    finally:
        await conn.close()


@pytest.mark.only_on("mock")
@pytest.mark.timeout(180)
async def test_a_slow_consumer_loses_nothing_of_twenty_megabytes_on_one_partition(
    empty_kafka, database, database_url, effects
):
    count, size = 2_000, 10_000
    await fill(database_url, count, size)

    async def slowly() -> None:
        await asyncio.sleep(0.005)

    effects.before = slowly
    dispatcher = Dispatcher(
        Consumer("slow", (Topic.HOLDERS,), (Effect((HolderRegistered, HolderUpdated), effects.handle),)),
        database, BusinessClock(movable=False), f"test-{uuid4().hex[:8]}",
    )  # fmt: skip
    access = KafkaAccess(empty_kafka.bootstrap)
    room = BrokerRoom(access, database, [f"licet-{dispatcher.service}.slow"], ROOM)
    relay = Relay(database_url, access, gate=room.is_open, batch_size=room.batch_size)
    stop = asyncio.Event()
    relaying = asyncio.create_task(relay.run(stop))
    await asyncio.sleep(1)
    assert relay.published == 0, "nobody reads yet, and it publishes"
    reader = Reader([dispatcher], database, access, dispatcher.service, on_joined=claim_positions)
    reads = asyncio.create_task(reader.run(stop))
    ahead = 0
    async with asyncio.timeout(150):
        while not await effect_count(database, count)():
            ahead = max(ahead, relay.published - dispatcher.progressed)
            await asyncio.sleep(0.05)
    stop.set()
    await asyncio.gather(relaying, reads)
    await room.close()
    assert relay.published == count
    assert ahead * size < 2 * ROOM + ROOM // 2
    async with database.reading() as conn:
        versions = [row["version"] for row in await conn.fetch("select version from effects order by n")]
    assert versions == list(range(1, count + 1))


@pytest.mark.only_on("mock")
async def test_without_the_gate_the_broker_drops_unread_records(
    empty_kafka, database, database_url, dispatcher
):
    """The promise broken on purpose: the same log without the gate does lose records."""
    await fill(database_url, 1_000, 10_000)
    relay = Relay(database_url, KafkaAccess(empty_kafka.bootstrap))
    stop = asyncio.Event()
    relaying = asyncio.create_task(relay.run(stop))
    async with asyncio.timeout(60):
        while relay.published < 1_000:  # noqa: ASYNC110  # the relay only counts
            await asyncio.sleep(0.05)
    async with reading(dispatcher, database, empty_kafka) as reader:
        async with asyncio.timeout(60):
            while not reader.connected or await reader.lag():  # noqa: ASYNC110  # the state is on the broker
                await asyncio.sleep(0.1)
    stop.set()
    await relaying
    async with database.reading() as conn:
        assert await conn.fetchval("select count(*) from effects") < 1_000
