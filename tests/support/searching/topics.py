"""Looking for texts in everything that is on topics."""

from collections.abc import Iterable
from dataclasses import dataclass

from aiokafka import AIOKafkaConsumer, TopicPartition

from licet_events import Topic
from support.searching.tables import Found, search_text


@dataclass(frozen=True)
class Kept:
    """The bytes of a record, and where it stands."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None


async def read_topics(kafka_url: str, topics: Iterable[Topic] = tuple(Topic)) -> list[Kept]:
    """Return every record there is, from the beginning of each partition to its end now."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka_url, enable_auto_commit=False, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        places = [TopicPartition(topic, number) for topic in topics for number in range(topic.partitions)]
        consumer.assign(places)
        ends, starts = await consumer.end_offsets(places), await consumer.beginning_offsets(places)
        unread = {place for place in places if ends[place] > starts[place]}
        kept = []
        while unread:
            for place, records in (await consumer.getmany(timeout_ms=500)).items():
                kept += [
                    Kept(place.topic, each.partition, each.offset, each.key, each.value) for each in records
                ]
            # Where the end was compacted away, the position passes it without a record.
            for place in list(unread):
                if await consumer.position(place) >= ends[place]:
                    unread.discard(place)
        return kept
    finally:
        await consumer.stop()


def compacted(records: Iterable[Kept]) -> list[Kept]:
    """Return what compaction leaves: the last record of each key, none of a key that has ended."""
    last = {(each.topic, each.key): each for each in records}
    return [each for each in last.values() if each.value is not None]


def search_records(records: Iterable[Kept], texts: Iterable[str]) -> list[Found]:
    """Return the records in which one of the texts stands."""
    texts = list(texts)
    return [
        found
        for each in records
        for found in search_text(
            ((each.key or b"") + b" " + (each.value or b"")).decode("utf-8", "backslashreplace"),
            texts,
            f"{each.topic} {each.partition}/{each.offset}",
        )
    ]
