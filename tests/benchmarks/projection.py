"""A projection in batches against one transaction an event; our wrapper against raw `getmany`.

`LICET_BENCH_KAFKA` (host:port) names an Apache Kafka to use, else it is the mock broker; the database
is an embedded one that keeps its promises on disk. `LICET_BENCH_RUNS` (5) is how often each ratio is
taken.
"""

import asyncio
import os
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID, uuid4, uuid5

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition

from benchmarks.report import Result, ratio_of
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming import Consumer, Projection
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.reader import Reader
from licet_chassis.consuming.records import Raw, decode_raw
from licet_chassis.database import Database, Transaction
from licet_chassis.kafka import KafkaAccess
from licet_cli.embedded.postgres import EmbeddedPostgres
from licet_events import Event, Record, Topic, decode_event, encode
from licet_events.holders import HolderKind, HolderState, HolderUpdated
from licet_events.partition import partition_for
from support.servers.kafka import GivenKafka, KafkaServer, MockKafka

_RUNS = int(os.environ.get("LICET_BENCH_RUNS", "5"))
_BATCHED, _SINGLE, _BATCH = 20_000, 500, 500
_READ = 30_000
_NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def run() -> list[Result]:
    """Measure the target of projections."""
    given = os.environ.get("LICET_BENCH_KAFKA")
    kafka: KafkaServer = GivenKafka(given) if given else MockKafka()
    with TemporaryDirectory(prefix="licet-bench-") as directory:
        postgres = EmbeddedPostgres(Path(directory) / "data", log=Path(directory) / "postgres.log")
        postgres.start()
        try:
            database = await Database.open(postgres.url(), service="bench")
            try:
                async with database.reading() as conn:
                    await conn.execute(files("licet_chassis.schema").joinpath("0001.sql").read_text())
                    await conn.execute(
                        "create table projected (id uuid primary key, version bigint, name text)"
                    )
                return [
                    await _batches(database),
                    await _wrapper(database, kafka, "Apache Kafka" if given else "mock broker"),
                ]
            finally:
                await database.close()
        finally:
            postgres.stop()
            kafka.close()


def records(count: int) -> list[Record]:
    """Return events of 5,000 holders with one small model each."""
    made = []
    for number in range(count):
        state = HolderState(
            id=uuid5(UUID(int=0), str(number % 5_000)), version=number // 5_000 + 1, kind=HolderKind.EMPLOYEE,
            name=f"Holder {number}", created_at=_NOW, updated_at=_NOW,
        )  # fmt: skip
        data = HolderUpdated(holder=state)
        event = Event.of(data, source="/bench", time=_NOW, recorded_time=_NOW, correlation_id="c")
        made.append(encode(event))
    return made


async def _project(tx: Transaction, events: Sequence[Event[Any]], _: datetime) -> None:
    newest = {event.data.holder.id: event.data.holder for event in events}
    await tx.conn.execute(
        """
        insert into projected select * from unnest($1::uuid[], $2::bigint[], $3::text[])
        on conflict (id) do update set version = excluded.version, name = excluded.name
        where projected.version < excluded.version
        """,
        list(newest),
        [holder.version for holder in newest.values()],
        [holder.name for holder in newest.values()],
    )


def dispatcher_of(database: Database) -> Dispatcher:
    """Return what projects them into the table `projected`."""
    consumer = Consumer("bench", (Topic.HOLDERS,), (Projection((HolderUpdated,), _project),))
    return Dispatcher(consumer, database, BusinessClock(movable=False), "bench")


async def _batches(database: Database) -> Result:
    raws = [
        Raw(r.topic, partition_for(r.partition_key, 12), offset, r.key, r.headers, r.value)
        for offset, r in enumerate(records(_BATCHED))
    ]
    dispatcher = dispatcher_of(database)
    single: list[float] = []
    batched: list[float] = []
    for _ in range(_RUNS):
        for size, count, seconds in ((1, _SINGLE, single), (_BATCH, _BATCHED, batched)):
            async with database.reading() as conn:
                await conn.execute("truncate projected")
            began = time.perf_counter()
            for start in range(0, count, size):
                await dispatcher.handle(raws[start : start + size], "bench")
            seconds.append((time.perf_counter() - began) / count)
    ratio = ratio_of(single, batched)
    return Result("projection, batches of 500 / one by one", ">= 25 x", ratio, _RUNS, "synced commits")


class _Decoding(Dispatcher):
    """Decodes what it gets and does nothing with it."""

    async def handle(self, records: Sequence[Raw], cluster_id: str) -> None:  # as declared
        self.progressed += sum(decode_raw(raw, self.wanted) is not None for raw in records)


async def _wrapper(database: Database, kafka: KafkaServer, broker: str) -> Result:
    await kafka.reset_topics()
    async with _producer(kafka) as producer:
        futures = [
            await producer.send(
                record.topic, record.value, record.key, headers=list(record.headers),
                partition=partition_for(record.partition_key, 12),
            )
            for record in records(_READ)
        ]  # fmt: skip
        await asyncio.gather(*futures)
    raw, ours = [], []
    for _ in range(_RUNS):
        raw.append(await _raw(kafka))
        ours.append(await _ours(database, kafka))
    return Result("our wrapper / raw getmany", ">= 0.75 x", ratio_of(raw, ours), _RUNS, broker)


async def _raw(kafka: KafkaServer) -> float:
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka.bootstrap, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        consumer.assign([TopicPartition(Topic.HOLDERS, number) for number in range(12)])
        await consumer.seek_to_beginning()
        read, began = 0, 0.0
        while read < _READ:
            for records in (await consumer.getmany(timeout_ms=50, max_records=500)).values():
                began = began or time.perf_counter()  # from the first records on, as below
                for record in records:
                    decode_event(record.headers, record.key, record.value)
                read += len(records)
        return time.perf_counter() - began
    finally:
        await consumer.stop()


async def _ours(database: Database, kafka: KafkaServer) -> float:
    dispatcher = _Decoding(dispatcher_of(database).consumer, database, BusinessClock(movable=False), "bench")
    service = f"bench-{uuid4().hex[:8]}"
    reader = Reader([dispatcher], database, KafkaAccess(kafka.bootstrap), service)
    stop = asyncio.Event()
    reading = asyncio.create_task(reader.run(stop))
    while not dispatcher.progressed:  # noqa: ASYNC110  # a signal would be measured too
        await asyncio.sleep(0.001)
    began, already = time.perf_counter(), dispatcher.progressed
    while dispatcher.progressed < _READ:  # noqa: ASYNC110  # as above
        await asyncio.sleep(0.002)
    elapsed = time.perf_counter() - began
    stop.set()
    await reading
    return elapsed * _READ / (_READ - already)


def _producer(kafka: KafkaServer) -> AIOKafkaProducer:
    return AIOKafkaProducer(bootstrap_servers=kafka.bootstrap, acks="all")
