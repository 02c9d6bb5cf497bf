"""Reads events from Kafka and decodes them for display."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from licet_events import Event, MalformedEvent, Topic, UnknownEventType, decode_event
from licet_events.event import attributes_of
from licet_events.operations import TopicMarked


@dataclass(frozen=True)
class Seen:
    """A record, and the event in it if it is one that this release knows."""

    topic: str
    partition: int
    offset: int
    key: str | None
    attributes: dict[str, str]
    event: Event[Any] | None
    error: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as one JSON object."""
        return {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "key": self.key,
            "attributes": self.attributes,
            "data": self.event.data.model_dump(mode="json", by_alias=True) if self.event else None,
            "error": self.error,
        }

    def line(self) -> str:
        """Return it as one plain line: ids, codes and dates, nothing personal."""
        kind = self.attributes.get("type", "?").removeprefix("licet.").removesuffix(".v1")
        when = self.attributes.get("time", "")[:16].replace("T", " ")
        return f"{when}  {kind:<28} {self.key or ''}{self._gist()}".rstrip()

    def _gist(self) -> str:
        if self.error is not None:
            return f"  {self.error}"
        data = self.event.data.model_dump(mode="json", by_alias=True) if self.event else {}
        parts = [
            f"{name} {data[name]}"
            for name in ("from", "to", "step", "days_left", "mode", "reason")
            if name in data
        ]
        for interval in data.get("eligibility", {}).get("intervals", []):
            reasons = "+".join(reason["code"] for reason in interval["reasons"])
            parts.append(f"{interval['verdict']}({reasons}) until {(interval['end'] or 'ever')[:10]}")
        return f"  {', '.join(parts)}" if parts else ""


def seen(record: Any) -> Seen:
    """Return a Kafka record for display; never raises, whatever its content."""
    key = None if record.key is None else record.key.decode("utf-8", "backslashreplace")
    headers = tuple((name, value or b"") for name, value in record.headers)
    attributes: dict[str, str] = {}
    event, error = None, None
    try:
        attributes = attributes_of(headers)
        event = decode_event(headers, record.key, record.value)
    except UnknownEventType as unknown:
        error = f"unknown type {unknown.event_type}"
    except MalformedEvent as malformed:
        error = f"malformed: {malformed}"
    return Seen(record.topic, record.partition, record.offset, key, attributes, event, error)


async def follow(
    kafka_url: str,
    topics: Sequence[Topic] = tuple(Topic),
    *,
    from_start: bool = False,
    until_end: bool = False,
) -> AsyncIterator[Seen]:
    """Yield what is on the topics, in order per partition: from now on, or from their start.

    With `until_end` it ends where the topics end now; else it goes on for as long as it is asked.
    """
    consumer = AIOKafkaConsumer(
        bootstrap_servers=kafka_url,
        enable_auto_commit=False,
        auto_offset_reset="earliest" if from_start else "latest",
    )
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for topic in topics for number in range(topic.partitions)]
        consumer.assign(partitions)
        ends = await consumer.end_offsets(partitions) if until_end else {}
        starts = await consumer.beginning_offsets(partitions) if until_end else {}
        open_partitions = {tp for tp in partitions if not until_end or ends[tp] > starts[tp]}
        while open_partitions:
            for tp, records in (await consumer.getmany(timeout_ms=500)).items():
                for record in records:
                    one = seen(record)
                    # A marker says nothing; see `TopicMarked`.
                    if one.event is None or not isinstance(one.event.data, TopicMarked):
                        yield one
                if until_end and records and records[-1].offset + 1 >= ends[tp]:
                    open_partitions.discard(tp)
    finally:
        await consumer.stop()
