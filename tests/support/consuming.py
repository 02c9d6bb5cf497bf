"""What the tests of consuming share: events, effects that are counted in the database, readers."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from uuid import UUID

from aiokafka import AIOKafkaProducer

from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.reader import Reader
from licet_chassis.consuming.records import Raw
from licet_chassis.consuming.store import QUERIES
from licet_chassis.database import Database
from licet_chassis.kafka import KafkaAccess
from licet_events import Event, Record, Topic
from licet_events.holders import HolderKind, HolderRegistered, HolderState
from licet_events.partition import partition_for

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PATIENCE = 20.0


def holder_event(holder_id: UUID, version: int = 1, kind: type = HolderRegistered) -> Event:
    state = HolderState(
        id=holder_id, version=version, kind=HolderKind.EMPLOYEE, name=f"Holder {version}",
        created_at=NOW, updated_at=NOW,
    )  # fmt: skip
    return Event.of(kind(holder=state), source="/test", time=NOW, recorded_time=NOW, correlation_id="c")


class Effects:
    """Counts what took effect, in the database, so that what is rolled back does not count."""

    def __init__(self) -> None:
        self.failing: dict[UUID, Exception] = {}
        self.before: Callable[[], Awaitable[object]] | None = None

    async def handle(self, tx, event, now):
        if self.before is not None:
            await self.before()
        error = self.failing.get(event.data.holder.id)
        if error is not None:
            raise error
        await tx.conn.execute(
            "insert into effects (event_id, holder_id, version) values ($1, $2, $3)",
            event.id, event.data.holder.id, event.data.holder.version,
        )  # fmt: skip


@asynccontextmanager
async def reading(dispatcher: Dispatcher, database: Database, kafka) -> AsyncIterator[Reader]:
    reader = Reader([dispatcher], database, KafkaAccess(kafka.bootstrap), dispatcher.service)
    stop = asyncio.Event()
    task = asyncio.create_task(reader.run(stop))
    try:
        yield reader
    finally:
        stop.set()
        await asyncio.wait_for(task, 30)


@asynccontextmanager
async def producing(kafka) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def send(kafka, *records: Record) -> None:
    async with producing(kafka) as producer:
        for record in records:
            partitions = Topic(record.topic).partitions
            await producer.send_and_wait(
                record.topic, value=record.value, key=record.key, headers=list(record.headers),
                partition=partition_for(record.partition_key, partitions),
            )  # fmt: skip


async def until(condition: Callable[[], Awaitable[object]], what: str) -> None:
    """Poll the database until a condition holds; the promise is that it comes to hold."""
    async with asyncio.timeout(PATIENCE):
        while not await condition():  # noqa: ASYNC110  # the state is in a database, which has no signal
            await asyncio.sleep(0.02)


def effect_count(database: Database, at_least: int):
    async def enough() -> bool:
        async with database.reading() as conn:
            return await conn.fetchval("select count(*) from effects") >= at_least

    return enough


def parked_count(database: Database, at_least: int):
    async def enough() -> bool:
        async with database.reading() as conn:
            return await conn.fetchval(QUERIES["count_parked"]) >= at_least

    return enough


def raw(record: Record, offset: int):
    return Raw(record.topic, 0, offset, record.key, record.headers, record.value)
