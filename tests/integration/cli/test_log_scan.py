"""`licet erase --status` reads the log for what it still has of the erased."""

from datetime import UTC, datetime
from uuid import uuid4

from aiokafka import AIOKafkaProducer

from licet_cli.log_scan import left_in_log
from licet_events import Event, encode
from licet_events.holders import HolderErased, HolderKind, HolderRegistered, HolderState

NOW = datetime(2026, 3, 1, tzinfo=UTC)


async def test_records_with_a_value_are_counted_and_tombstones_are_not(kafka_server):
    await kafka_server.create_topics()
    gone, other = uuid4(), uuid4()
    states = [
        HolderState(id=each, version=1, kind=HolderKind.EMPLOYEE, name="Ada", created_at=NOW, updated_at=NOW)
        for each in (gone, gone, other)
    ]
    told = [*(HolderRegistered(holder=state) for state in states), HolderErased(holder_id=gone)]
    producer = AIOKafkaProducer(bootstrap_servers=kafka_server.bootstrap)
    await producer.start()
    for data in told:
        record = encode(Event.of(data, source="/test", time=NOW, recorded_time=NOW, correlation_id="c"))
        partition_key = record.partition_key.encode()
        assert record.key == partition_key
        await producer.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))
    await producer.stop()
    nobody = str(uuid4())
    assert await left_in_log(kafka_server.bootstrap, [str(gone), nobody]) == {str(gone): 2, nobody: 0}
    assert await left_in_log(kafka_server.bootstrap, []) == {}
