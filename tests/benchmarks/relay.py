"""The relay against aiokafka without a database, idle, and beside an old snapshot.

`LICET_BENCH_KAFKA` (host:port) names an Apache Kafka to use, else it is the mock broker; a database
server comes as for the tests. `LICET_BENCH_ROWS` (200000) is how many rows the drain beside an old
snapshot has, `LICET_BENCH_RUNS` (5) how often each ratio is taken.
"""

import asyncio
import gc
import os
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID, uuid5

import asyncpg
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder

from benchmarks.report import Result, ratio_of
from licet_chassis.kafka import KafkaAccess
from licet_chassis.outbox.append import append
from licet_chassis.outbox.relay import Relay
from licet_events import Record, Topic
from licet_events.partition import partition_for
from support.servers.kafka import GivenKafka, KafkaServer, MockKafka
from support.servers.postgres import PostgresServer, make_postgres

_ROWS = 40_000
_DRAIN_ROWS = int(os.environ.get("LICET_BENCH_ROWS", "200000"))
_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "5"))
_DRAINS = 3
_IDLE_SECONDS = 5
_BATCH_BYTES = 256 << 10
_PARTITIONS = Topic.CREDENTIALS.partitions


async def run() -> list[Result]:
    """Measure all four targets of the relay."""
    given = os.environ.get("LICET_BENCH_KAFKA")
    kafka: KafkaServer = GivenKafka(given) if given else MockKafka()
    broker = "Apache Kafka" if given else "mock broker"
    await kafka.create_topics()
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = make_postgres(Path(directory))
        try:
            return [
                *await _throughput(postgres, kafka, broker),
                await _idle(postgres, kafka),
                await _old_snapshot(postgres, kafka, broker),
            ]
        finally:
            postgres.close()
            kafka.close()


def records(count: int) -> list[Record]:
    """Return events as long as ours are: thirteen headers, about 700 bytes of JSON, 5,000 holders."""
    made = []
    for number in range(count):
        holder = str(uuid5(UUID(int=0), str(number % 5_000)))
        event = str(uuid5(UUID(int=1), str(number)))
        headers = {
            "ce_specversion": "1.0",
            "ce_id": event,
            "ce_source": "/licet/credentials",
            "ce_type": "licet.credential.renewed.v1",
            "ce_subject": event,
            "ce_time": "2026-11-23T03:04:05.678901Z",
            "ce_dataschema": "urn:licet:schema:licet.credential.renewed.v1",
            "ce_partitionkey": holder,
            "ce_sequence": f"{number:020d}",
            "ce_correlationid": event,
            "ce_causationid": event,
            "ce_recordedtime": "2026-11-23T03:04:05.678901Z",
            "content-type": "application/json",
        }
        encoded = tuple((name, value.encode()) for name, value in headers.items())
        value = f'{{"holder":"{holder}","credential":"{event}","text":"{"x" * 600}"}}'.encode()
        made.append(Record(Topic.CREDENTIALS.value, f"{holder}/{event}".encode(), holder, encoded, value))
    return made


async def _throughput(postgres: PostgresServer, kafka: KafkaServer, broker: str) -> list[Result]:
    rows = records(_ROWS)
    gc.freeze()  # what the benchmark holds is none of the collector's business
    relayed, sent, batched = [], [], []
    for _ in range(_RUNS):
        sent.append(await _send_and_gather(kafka, rows))
        relayed.append(await _relay(postgres, kafka, rows))
        batched.append(await _send_batches(kafka, rows))
    note = f"{broker}, {_ROWS} rows"
    return [
        Result("relay / aiokafka send + gather", ">= 2 x", ratio_of(sent, relayed), _RUNS, note),
        Result("relay / aiokafka send_batch", ">= 0.6 x", ratio_of(batched, relayed), _RUNS, note),
    ]


async def _send_and_gather(kafka: KafkaServer, rows: Sequence[Record]) -> float:
    ready = [(row, list(row.headers)) for row in rows]
    async with _producer(kafka) as producer:
        began = time.perf_counter()
        for start in range(0, len(rows), 1_000):
            await asyncio.gather(
                *[
                    await producer.send(row.topic, row.value, row.key, headers=headers)
                    for row, headers in ready[start : start + 1_000]
                ]
            )
        return time.perf_counter() - began


async def _send_batches(kafka: KafkaServer, rows: Sequence[Record]) -> float:
    ready = [(row, list(row.headers)) for row in rows]
    partitions = {row.partition_key: partition_for(row.partition_key, _PARTITIONS) for row in rows}
    async with _producer(kafka) as producer:
        began = time.perf_counter()
        builders: dict[int, BatchBuilder] = {}
        futures = []
        for row, headers in ready:
            partition = partitions[row.partition_key]
            builder = builders.get(partition)
            if builder is None:
                builder = builders[partition] = producer.create_batch()
            if builder.append(timestamp=None, key=row.key, value=row.value, headers=headers) is None:
                futures.append(await producer.send_batch(builder, row.topic, partition=partition))
                builder = builders[partition] = producer.create_batch()
                builder.append(timestamp=None, key=row.key, value=row.value, headers=headers)
        for partition, builder in builders.items():
            futures.append(await producer.send_batch(builder, rows[0].topic, partition=partition))
        await asyncio.gather(*futures)
        return time.perf_counter() - began


async def _relay(postgres: PostgresServer, kafka: KafkaServer, rows: Sequence[Record]) -> float:
    url = await _database(postgres)
    await _fill(url, rows)
    opened = asyncio.Event()

    async def gate() -> bool:
        return opened.is_set()

    relay, stop = Relay(url, KafkaAccess(kafka.bootstrap), gate=gate), asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    while True:  # the others' producers are connected too when their time begins
        if relay.shards:
            break
        await asyncio.sleep(0.01)
    opened.set()
    began = time.perf_counter()
    await _published(relay, len(rows))
    elapsed = time.perf_counter() - began
    stop.set()
    await running
    return elapsed


async def _idle(postgres: PostgresServer, kafka: KafkaServer) -> Result:
    """Count what an idle relay touches after a drain that nothing has vacuumed."""
    url = await _database(postgres)
    await _fill(url, records(_ROWS))
    relay, stop = Relay(url, KafkaAccess(kafka.bootstrap)), asyncio.Event()
    running = asyncio.create_task(relay.run(stop))
    conn = await asyncpg.connect(url)
    await _published(relay, _ROWS)
    await asyncio.sleep(4)  # a backend reports its statistics once a second
    buffers, polls = await _touched(conn)
    await asyncio.sleep(_IDLE_SECONDS)
    buffers_after, polls_after = await _touched(conn)
    await conn.close()
    stop.set()
    await running
    polls = polls_after - polls
    return Result(
        "relay, idle poll after a drain",
        "<= 6 buffers",
        (buffers_after - buffers) / polls,
        polls,
        "autovacuum off",
    )


async def _touched(conn: "asyncpg.Connection[asyncpg.Record]") -> tuple[int, int]:
    """Return buffers of the outbox touched and transactions ended, both since ever."""
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


async def _old_snapshot(postgres: PostgresServer, kafka: KafkaServer, broker: str) -> Result:
    """Drain a long outbox while a transaction keeps every dead row from being removed."""
    firsts, lasts = [], []
    for _ in range(_DRAINS):
        url = await _database(postgres)
        await _fill(url, records(10_000))
        conn = await asyncpg.connect(url)
        await conn.execute(_MULTIPLY, _DRAIN_ROWS // 10_000 - 1)
        rows: int = await conn.fetchval("select count(*) from outbox")
        holding = conn.transaction(isolation="repeatable_read")
        await holding.start()
        await conn.fetchval("select count(*) from outbox")
        relay, stop = Relay(url, KafkaAccess(kafka.bootstrap)), asyncio.Event()
        running = asyncio.create_task(relay.run(stop))
        reached = dict.fromkeys((1, 2, 9, 10), 0.0)
        for tenth in reached:
            await _published(relay, rows * tenth // 10)
            reached[tenth] = time.perf_counter()
        stop.set()
        await running
        await holding.rollback()
        await conn.close()
        # The very first tenth has the start-up in it, so the second stands for it.
        firsts.append(reached[2] - reached[1])
        lasts.append(reached[10] - reached[9])
    return Result(
        "relay beside an old snapshot, last / first tenth",
        ">= 0.9 x",
        ratio_of(firsts, lasts),
        _DRAINS,
        f"{broker}, {_DRAIN_ROWS} rows",
    )


_MULTIPLY = """
    insert into outbox (shard, topic, partition_key, record_key, headers, value)
    select shard, topic, partition_key, record_key, headers, value
    from generate_series(1, $1) cross join outbox
"""


async def _database(postgres: PostgresServer) -> str:
    url = await postgres.create_database()
    conn = await asyncpg.connect(url)
    await conn.execute(files("licet_chassis.schema").joinpath("0001.sql").read_text(encoding="utf-8"))
    await conn.execute("alter table outbox set (autovacuum_enabled = false)")
    await conn.close()
    return url


async def _published(relay: Relay, rows: int) -> None:
    while True:
        if relay.published >= rows:
            return
        await asyncio.sleep(0.001)


async def _fill(url: str, rows: Sequence[Record]) -> None:
    conn = await asyncpg.connect(url)
    for start in range(0, len(rows), 1_000):
        await append(conn, rows[start : start + 1_000])
    await conn.close()


@asynccontextmanager
async def _producer(kafka: KafkaServer) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer set up like the relay's, with its metadata fetched."""
    producer = AIOKafkaProducer(
        bootstrap_servers=kafka.bootstrap, enable_idempotence=True, acks="all", max_batch_size=_BATCH_BYTES
    )
    await producer.start()
    try:
        await producer.partitions_for(Topic.CREDENTIALS.value)
        yield producer
    finally:
        await producer.stop()
