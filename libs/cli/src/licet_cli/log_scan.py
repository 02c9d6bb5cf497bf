"""Reads the log for what it still has of erased holders, until Kafka compacts it."""

from collections.abc import Collection

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from licet_cli.client import CommandFailed
from licet_events import Topic
from licet_events.partition import partition_for

_KEYED_BY_HOLDER = tuple(topic for topic in Topic if topic.compacted and topic is not Topic.CATALOGUE)


async def left_in_log(kafka_url: str, holder_ids: Collection[str]) -> dict[str, int]:
    """Return how many records with a value the compacted topics still have of each holder.

    Reads only the partitions on which these holders are, once each, to their present end. Raises
    `CommandFailed` if Kafka does not answer.
    """
    left = dict.fromkeys(holder_ids, 0)
    if not left:
        return left
    places = sorted(
        {(topic.value, partition_for(each, topic.partitions)) for each in left for topic in _KEYED_BY_HOLDER}
    )
    try:
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka_url, enable_auto_commit=False, auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            for topic, partition in places:
                await _count(consumer, TopicPartition(topic, partition), left)
        finally:
            await consumer.stop()
    except KafkaError as error:
        raise CommandFailed(f"Kafka at {kafka_url} does not tell what is on it: {error}.") from error
    return left


async def _count(consumer: AIOKafkaConsumer, place: TopicPartition, left: dict[str, int]) -> None:
    consumer.assign([place])
    end = (await consumer.end_offsets([place]))[place]
    await consumer.seek_to_beginning(place)
    # The position moves past what compaction removed too.
    while await consumer.position(place) < end:
        for records in (await consumer.getmany(timeout_ms=500)).values():
            for record in records:
                holder_id = (record.key or b"").decode("utf-8", "replace").split("/", 1)[0]
                if record.value is not None and holder_id in left:
                    left[holder_id] += 1
