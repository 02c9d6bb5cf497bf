"""What Apache Kafka leaves on a compacted topic of a holder who was erased, whose time is up."""

import asyncio
import time
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from licet_events import Event, Record, encode
from licet_events.holders import HolderErased, HolderKind, HolderRegistered, HolderState
from licet_events.operations import TopicMarked

NOW = datetime(2026, 3, 1, tzinfo=UTC)
PATIENCE = 100.0
"""Seconds; the cleaner of a broker rests for fifteen between its rounds."""
# As in deploy/topics.toml, but for the times.
SETTINGS = {
    "cleanup.policy": "compact",
    "min.compaction.lag.ms": "0",
    "max.compaction.lag.ms": "1000",
    "delete.retention.ms": "0",
    "segment.ms": "500",
    "min.cleanable.dirty.ratio": "0.01",
}


def holder(holder_id, name: str) -> Record:
    state = HolderState(
        id=holder_id, version=1, kind=HolderKind.EMPLOYEE, name=name, created_at=NOW, updated_at=NOW
    )
    return record(HolderRegistered(holder=state))


def record(data) -> Record:
    return encode(Event.of(data, source="/test", time=NOW, recorded_time=NOW, correlation_id="c"))


@pytest.mark.only_on("apache")
async def test_compaction_removes_what_was_said_of_the_erased_and_leaves_the_others(kafka_server):
    topic, gone, other = f"licet.compaction-{uuid4().hex[:8]}", uuid4(), uuid4()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=SETTINGS)])
        await send(kafka_server, topic, holder(gone, "Zerlina Quastel"), holder(other, "Berta Bleibt"))
        assert b"Zerlina" in await said(kafka_server, topic)
        await send(kafka_server, topic, record(HolderErased(holder_id=gone)))
        deadline = time.monotonic() + PATIENCE
        while b"Zerlina" in (left := await said(kafka_server, topic)):
            assert time.monotonic() < deadline, "it was not compacted"
            # The segment that is written to is not compacted; a record now and then begins the next.
            await send(kafka_server, topic, holder(uuid4(), "somebody"))
            await asyncio.sleep(1)
        assert b"Berta Bleibt" in left
    finally:
        await admin.delete_topics([topic])
        await admin.close()


@pytest.mark.only_on("apache")
async def test_markers_alone_move_a_quiet_partition_so_that_the_erased_are_gone(kafka_server):
    """Nobody writes about anybody after the erasure. Without markers its segment would never be compacted."""
    topic, gone = f"licet.compaction-{uuid4().hex[:8]}", uuid4()
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka_server.bootstrap)
    await admin.start()
    try:
        await admin.create_topics([NewTopic(topic, 1, 1, topic_configs=SETTINGS)])
        await send(kafka_server, topic, holder(gone, "Zerlina Quastel"), record(HolderErased(holder_id=gone)))
        marker = record(TopicMarked(by="credentials", number=0))
        deadline = time.monotonic() + PATIENCE
        while b"Zerlina" in await said(kafka_server, topic):
            assert time.monotonic() < deadline, "it was not compacted"
            await send(kafka_server, topic, marker)
            await asyncio.sleep(1)
    finally:
        await admin.delete_topics([topic])
        await admin.close()


async def send(kafka, topic: str, *records: Record) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        for each in records:
            await producer.send_and_wait(topic, each.value, key=each.key, headers=list(each.headers))
    finally:
        await producer.stop()


async def said(kafka, topic: str) -> bytes:
    """Every value on the topic, one after the other."""
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        place = TopicPartition(topic, 0)
        consumer.assign([place])
        ends, values = await consumer.end_offsets([place]), b""
        while await consumer.position(place) < ends[place]:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                values += b"".join(each.value or b"" for each in records)
        return values
    finally:
        await consumer.stop()
