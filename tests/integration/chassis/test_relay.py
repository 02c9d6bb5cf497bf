"""The relay's promises, on a real PostgreSQL and a broker."""

import asyncio
import random
import signal
import sys
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib.resources import files
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import pytest
import pytest_asyncio
from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from structlog.testing import capture_logs

from licet_chassis.kafka import KafkaAccess
from licet_chassis.outbox.append import LARGEST_RECORD, SHARDS, RecordTooLarge, append
from licet_chassis.outbox.connections import LEASE_SECONDS
from licet_chassis.outbox.relay import Relay, pending
from licet_cli.embedded.ports import free_port
from licet_events import Record
from support.servers.kafka import KafkaServer

PARTITIONS = 4
PRODUCE = 0  # API key
OUT_OF_ORDER_SEQUENCE_NUMBER, MESSAGE_TOO_LARGE = 45, 10

Connection = asyncpg.Connection


async def until(condition: Callable[[], bool | Awaitable[bool]], seconds: float = 30) -> None:
    """Wait for something that nobody signals."""
    async with asyncio.timeout(seconds):
        while True:
            holds = condition()
            if holds is True or (holds is not False and await holds):
                return
            await asyncio.sleep(0.01)


@dataclass
class Bench:
    """An outbox, a topic of its own, and the means to run relays between them."""

    url: str
    kafka: KafkaServer
    topic: str
    conn: Connection

    def relay(self, **options) -> Relay:
        settings: dict[str, Any] = {"partitions": lambda _: PARTITIONS, "share_interval": 0.1}
        settings["max_batch_size"] = 2_000
        return Relay(self.url, KafkaAccess(self.kafka.bootstrap), **(settings | options))

    @asynccontextmanager
    async def running(self, relay: Relay) -> AsyncIterator[asyncio.Event]:
        stop = asyncio.Event()
        task = asyncio.create_task(relay.run(stop))
        try:
            yield stop
        finally:
            stop.set()
            await asyncio.wait_for(task, 30)

    def record(self, key: str, version: int, *, topic: str | None = None, size: int = 0) -> Record:
        value = f"{version} ".encode() + b"x" * size
        headers = (("ce_id", f'"{key}" \\ {version}, é'.encode()), ("empty", b""))
        return Record(topic or self.topic, f"{key}/aggregate".encode(), key, headers, value)

    async def append(self, *records: Record) -> None:
        await append(self.conn, records)

    async def empty(self) -> bool:
        return await pending(self.conn) == 0

    async def published(self, topic: str | None = None) -> list[ConsumerRecord]:
        """Return what is on the topic, by partition and offset."""
        consumer = AIOKafkaConsumer(bootstrap_servers=self.kafka.bootstrap, auto_offset_reset="earliest")
        await consumer.start()
        try:
            partitions = [TopicPartition(topic or self.topic, number) for number in range(PARTITIONS)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            records: list[ConsumerRecord] = []
            while len(records) < sum(ends.values()):
                for found in (await consumer.getmany(timeout_ms=200)).values():
                    records += found
            return records
        finally:
            await consumer.stop()

    @contextmanager
    def slow(self, milliseconds: int) -> Iterator[None]:
        """Let the broker take its time, if it is one that can be told to."""
        if self.kafka.kind != "mock":
            yield
            return
        self.kafka.mock.set_latency(milliseconds)
        try:
            yield
        finally:
            self.kafka.mock.set_latency(0)

    @asynccontextmanager
    async def process(self) -> AsyncIterator[asyncio.subprocess.Process]:
        """Run a relay as a process of its own."""
        script = Path(__file__).with_name("relay_process.py")
        process = await asyncio.create_subprocess_exec(
            sys.executable, str(script), self.url, self.kafka.bootstrap, str(PARTITIONS)
        )
        try:
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()


@pytest_asyncio.fixture
async def bench(database_url: str, kafka_server: KafkaServer) -> AsyncIterator[Bench]:
    topic = f"relay-{uuid4().hex}"
    await kafka_server.create_topic(topic, PARTITIONS)
    conn = await asyncpg.connect(database_url)
    await conn.execute(files("licet_chassis.schema").joinpath("0001.sql").read_text(encoding="utf-8"))
    await conn.execute("alter table outbox set (autovacuum_enabled = false)")
    yield Bench(database_url, kafka_server, topic, conn)
    await conn.close(timeout=5)


def versions(records: Sequence[ConsumerRecord]) -> dict[str, list[int]]:
    """Return the versions of each key in the order of their first publication."""
    seen: dict[str, list[int]] = defaultdict(list)
    for record in records:
        key, version = record.key.decode().split("/")[0], int(record.value.split()[0])
        if version not in seen[key]:
            seen[key].append(version)
    return seen


def counted(keys: int, to: int) -> dict[str, list[int]]:
    return {f"key-{number}": list(range(1, to + 1)) for number in range(keys)}


async def fill(bench: Bench, keys: int, to: int, first: int = 1) -> None:
    for version in range(first, to + 1):
        await bench.append(*[bench.record(f"key-{key}", version) for key in range(keys)])


async def test_a_row_arrives_with_its_bytes_and_leaves_the_table(bench: Bench):
    ended = Record(bench.topic, b"h/c", "h", (("ce_type", b"licet.credential.erased.v1"),), None)
    large = bench.record("large", 1, size=500_000)
    await bench.append(bench.record("key-0", 1), ended, large)
    async with bench.running(bench.relay()):
        await until(bench.empty)
    found = {record.key: record for record in await bench.published()}
    assert found[b"key-0/aggregate"].value == b"1 "
    assert found[b"key-0/aggregate"].headers == (("ce_id", '"key-0" \\ 1, é'.encode()), ("empty", b""))
    assert found[b"h/c"].value is None
    assert found[b"large/aggregate"].value == large.value


async def test_append_refuses_a_record_too_large_before_writing_any(bench: Bench):
    with pytest.raises(RecordTooLarge, match=bench.topic):
        await bench.append(bench.record("key-0", 1), bench.record("key-1", 1, size=LARGEST_RECORD))
    assert await pending(bench.conn) == 0


async def test_a_transaction_that_commits_late_is_published(bench: Bench):
    relay = bench.relay()
    late = await asyncpg.connect(bench.url)
    async with bench.running(relay):
        async with late.transaction():
            await append(late, [bench.record("late", 1)])
            # Others commit higher ids meanwhile, and the relay has been past them many times.
            for version in range(1, 6):
                await bench.append(bench.record("key-0", version))
                await until(bench.empty)
        await until(bench.empty)
    await late.close()
    assert versions(await bench.published()) == {"late": [1], "key-0": [1, 2, 3, 4, 5]}


async def test_what_is_rolled_back_is_never_published(bench: Bench):
    transaction = bench.conn.transaction()
    relay = bench.relay()
    async with bench.running(relay):
        await transaction.start()
        await bench.append(bench.record("undone", 1))
        await transaction.rollback()
        await bench.append(bench.record("done", 1))
        await until(bench.empty)
    assert versions(await bench.published()) == {"done": [1]}


@dataclass
class Writers:
    """Sixteen writers on a few keys, each committing after a random delay, some rolling back."""

    bench: Bench
    keys: int = 6
    rounds: int = 40

    async def write(self) -> dict[str, list[int]]:
        await self.bench.conn.execute("create table aggregate (key text primary key, version bigint)")
        await self.bench.conn.executemany(
            "insert into aggregate values ($1, 0)", [(f"key-{number}",) for number in range(self.keys)]
        )
        await asyncio.gather(*[self._writer(number) for number in range(16)])
        rows = await self.bench.conn.fetch("select key, version from aggregate")
        return {row["key"]: list(range(1, row["version"] + 1)) for row in rows}

    async def _writer(self, number: int) -> None:
        chance = random.Random(number)
        conn = await asyncpg.connect(self.bench.url)
        for _ in range(self.rounds):
            transaction = conn.transaction()
            await transaction.start()
            key = f"key-{chance.randrange(self.keys)}"
            version = await conn.fetchval(
                "update aggregate set version = version + 1 where key = $1 returning version", key
            )
            await append(conn, [self.bench.record(key, version)])
            await asyncio.sleep(chance.random() * 0.01)
            await (transaction.rollback() if chance.random() < 0.1 else transaction.commit())
        await conn.close()


async def test_versions_are_in_order_while_a_relay_is_killed(bench: Bench):
    relay = bench.relay()
    async with bench.running(relay), bench.process() as other:
        await until(lambda: len(relay.shards) == SHARDS // 2)
        writing = asyncio.create_task(Writers(bench).write())
        await until(lambda: relay.published > 100)
        other.kill()
        committed = await writing
        await until(bench.empty)
        assert len(relay.shards) == SHARDS
    assert versions(await bench.published()) == committed


async def test_relays_share_the_shards_fairly_and_give_them_up_for_others(bench: Bench):
    relays = [bench.relay() for _ in range(3)]
    first, second, third = relays
    async with bench.running(first):
        await until(lambda: len(first.shards) == SHARDS)
        async with bench.running(second):
            async with bench.running(third):
                await until(lambda: sorted(len(relay.shards) for relay in relays) == [5, 5, 6])
                assert first.shards | second.shards | third.shards == set(range(SHARDS))
            await until(lambda: len(first.shards) == len(second.shards) == 8)
        await until(lambda: len(first.shards) == SHARDS)


async def test_rows_of_shards_that_change_hands_are_published_once_and_in_order(bench: Bench):
    await fill(bench, keys=20, to=100)
    first, second = bench.relay(), bench.relay()
    with bench.slow(50):  # so that much is under way when the second joins
        async with bench.running(first):
            await until(lambda: first.published > 0)
            async with bench.running(second):
                await until(lambda: len(second.shards) == 8)
                await until(bench.empty)
    records = await bench.published()
    assert versions(records) == counted(20, 100)
    assert len(records) == 20 * 100


@pytest.mark.only_on("mock")
async def test_a_relay_whose_session_is_gone_sends_nothing_more(bench: Bench):
    await fill(bench, keys=1, to=400)
    bench.kafka.mock.set_latency(200)
    relay = bench.relay(max_batch_size=500)
    try:
        async with bench.running(relay):
            await until(lambda: relay.published > 0)
            admin = await asyncpg.connect(bench.url.rsplit("/", 1)[0] + "/postgres")
            name = bench.url.rsplit("/", 1)[1]
            await bench.conn.close()
            await admin.execute(f"alter database {name} allow_connections false")
            await admin.execute(
                "select pg_terminate_backend(pid) from pg_stat_activity where datname = $1", name
            )
            await until(lambda: not relay.shards)
            bench.kafka.mock.set_latency(0)
            sent = len(await bench.published())
            await asyncio.sleep(0.5)  # nothing signals that nothing comes
            assert len(await bench.published()) == sent < 400
            await admin.execute(f"alter database {name} allow_connections true")
            await admin.close()
            bench.conn = await asyncpg.connect(bench.url)
            await until(bench.empty)
        assert versions(await bench.published()) == counted(1, 400)
    finally:
        bench.kafka.mock.set_latency(0)


@pytest.mark.only_on("mock")
@pytest.mark.parametrize("error", [OUT_OF_ORDER_SEQUENCE_NUMBER, MESSAGE_TOO_LARGE])
async def test_after_a_refused_batch_the_producer_is_rebuilt_and_order_holds(bench: Bench, error: int):
    mock = bench.kafka.mock
    await fill(bench, keys=3, to=300)
    relay = bench.relay(max_batch_size=500)
    mock.fail_next(PRODUCE, [0, 0, error, 0, 0, 0, error])
    try:
        async with bench.running(relay):
            await until(bench.empty)
    finally:
        mock.clear_failures(PRODUCE)
    assert relay.rebuilt >= 2
    assert versions(await bench.published()) == counted(3, 300)


async def test_an_outage_of_the_broker_raises_an_alarm_and_is_waited_for(bench: Bench):
    relay = bench.relay(delivery_timeout=1.0, stalled_after=0.5)
    with capture_logs() as logs:
        async with bench.running(relay):
            await fill(bench, keys=3, to=10)
            await until(bench.empty)
            await bench.kafka.down()
            try:
                await fill(bench, keys=3, to=20, first=11)
                await until(lambda: relay.stalled > 0 and relay.rebuilt > 0 and not relay.ready)
                assert relay.published == 30
            finally:
                await bench.kafka.up()
            await until(bench.empty, 60)
    assert versions(await bench.published()) == counted(3, 20)
    assert {"outbox.stalled", "outbox.kafka_unreachable", "outbox.producer_rebuilt"} <= {
        log["event"] for log in logs
    }


async def test_a_relay_that_cannot_reach_kafka_leaves_the_shards_to_others(bench: Bench):
    stranded = Relay(bench.url, KafkaAccess(f"127.0.0.1:{free_port()}"), share_interval=0.1)
    relay = bench.relay()
    async with bench.running(stranded), bench.running(relay):
        await until(lambda: len(relay.shards) == SHARDS)
        assert not stranded.shards
        assert not stranded.ready


async def test_a_topic_with_trouble_holds_up_no_other(bench: Bench):
    narrow = f"{bench.topic}-narrow"
    await bench.kafka.create_topic(narrow, 1)
    await bench.append(bench.record("key-0", 1, topic=narrow))
    relay = bench.relay()
    with capture_logs() as logs:
        async with bench.running(relay):
            await fill(bench, keys=3, to=10)
            await until(lambda: relay.published == 30)
    assert await pending(bench.conn) == 1
    told = [log for log in logs if log["event"] == "outbox.topic_too_narrow"]
    assert told
    assert told[0]["topic"] == narrow


async def test_a_missing_topic_is_named_and_not_made_in_passing(bench: Bench):
    missing = f"{bench.topic}-missing"
    await bench.append(bench.record("key-0", 1, topic=missing))
    relay = bench.relay()
    with capture_logs() as logs:
        async with bench.running(relay):
            await fill(bench, keys=1, to=3)
            await until(lambda: any(log["event"] == "outbox.topic_missing" for log in logs))
            await until(lambda: relay.published == 3)
    assert missing not in await bench.kafka.list_topics()
    assert await pending(bench.conn) == 1


async def test_the_database_may_restart(bench: Bench, postgres):
    relay = bench.relay()
    async with bench.running(relay):
        await fill(bench, keys=3, to=10)
        await until(bench.empty)
        await bench.conn.close()
        await postgres.restart()
        bench.conn = await asyncpg.connect(bench.url)
        await fill(bench, keys=3, to=20, first=11)
        await until(bench.empty)
    assert versions(await bench.published()) == counted(3, 20)


async def test_stop_finishes_what_is_under_way_and_leaves_the_rest(bench: Bench):
    await fill(bench, keys=1, to=300)
    relay = bench.relay(max_batch_size=500)
    with bench.slow(100):
        async with bench.running(relay):
            await until(lambda: relay.published > 0)
    records = await bench.published()
    assert len(records) == relay.published
    assert len(records) + await pending(bench.conn) == 300
    assert await pending(bench.conn) > 0


async def test_nothing_is_sent_while_the_gate_is_closed(bench: Bench):
    asked = count()
    opened = False

    async def gate() -> bool:
        next(asked)
        return opened

    relay = bench.relay(gate=gate)
    await fill(bench, keys=3, to=10)
    async with bench.running(relay):
        await until(lambda: next(asked) > 20)
        assert relay.published == 0
        opened = True
        await until(bench.empty)
    assert relay.published == 30


async def test_an_idle_poll_is_cheap_while_an_old_snapshot_keeps_dead_rows(bench: Bench):
    await fill(bench, keys=50, to=100)
    old = await asyncpg.connect(bench.url)
    transaction = old.transaction(isolation="repeatable_read")
    await transaction.start()
    assert await pending(old) == 5_000
    relay = bench.relay()
    async with bench.running(relay):
        await until(bench.empty)
        # A backend reports its statistics once a second, this one now.
        await bench.conn.execute("select pg_stat_force_next_flush()")
        await asyncio.sleep(3)
        buffers, polls = await touched(bench.conn)
        await asyncio.sleep(3)
        buffers_after, polls_after = await touched(bench.conn)
    await transaction.rollback()
    await old.close()
    assert polls_after - polls > 20
    assert (buffers_after - buffers) / (polls_after - polls) <= 6


async def touched(conn: Connection) -> tuple[int, int]:
    """Return buffers of the outbox touched and transactions ended, since ever."""
    row = await conn.fetchrow(
        """
        select
            t.heap_blks_hit + t.heap_blks_read + t.idx_blks_hit + t.idx_blks_read + s.blks_hit + s.blks_read,
            d.xact_commit
        from pg_statio_user_tables as t, pg_statio_user_sequences as s, pg_stat_database as d
        where t.relname = 'outbox' and s.relname = 'outbox_id_seq' and d.datname = current_database()
        """
    )
    assert row is not None
    return int(row[0]), int(row[1])


@pytest.mark.faults
async def test_a_frozen_relay_loses_its_shards_and_sends_nothing_when_it_wakes(bench: Bench):
    relay = bench.relay()
    async with bench.running(relay), bench.process() as frozen:
        await until(lambda: len(relay.shards) == SHARDS // 2)
        frozen.send_signal(signal.SIGSTOP)
        await fill(bench, keys=SHARDS, to=5)
        began = time.monotonic()
        await until(bench.empty, LEASE_SECONDS + 5)
        print(f"\nthe shards of a frozen relay were free after {time.monotonic() - began:.1f} s")
        assert len(relay.shards) == SHARDS
        sent = len(await bench.published())
        frozen.send_signal(signal.SIGCONT)
        await until(lambda: len(relay.shards) == SHARDS // 2)  # it has come back as a new member
        assert len(await bench.published()) == sent
    assert versions(await bench.published()) == counted(SHARDS, 5)
