"""Events about the run of the system itself."""

from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import WithJsonSchema

from licet_events.event import EventData, Instant
from licet_events.partition import partition_for
from licet_events.topics import Topic


class BackfillFinished(EventData):
    """A backfill has published everything it has for one partition of a topic.

    A reader that lost its place is up to date again once it has read this on every partition. Its
    partition key is chosen so that the default partitioner sends it to the partition it is about.
    """

    event_type: ClassVar[str] = "licet.backfill.finished.v1"
    topic: ClassVar[Topic] = Topic.SCHEDULE
    # A new topic is no new kind of answer here: who reads a topic knows its name.
    of: Annotated[Topic, WithJsonSchema({"type": "string"})]
    """The topic whose partition is complete."""
    run: UUID
    """Identifies the backfill."""
    started_at: Instant
    """When it began."""
    partition: int
    """The partition on which everything has been published."""
    route: str
    """A text that the partitioner maps to `partition`."""
    by: str | None = None
    """The service that published; absent from markers of the first builds. A topic of several services
    is complete once each of them has said so."""

    @classmethod
    def topics(cls) -> frozenset[Topic]:
        """Return the topics that can be published again: those that keep states, and the schedule."""
        return frozenset({topic for topic in Topic if topic.compacted} | {Topic.SCHEDULE})

    @property
    def destination(self) -> Topic:
        """The topic it is about."""
        return self.of

    @property
    def key(self) -> str:
        """`backfill/<service>/<partition>`: two services that own one topic each keep their own marker."""
        return f"backfill/{self.by}/{self.partition}" if self.by else f"backfill/{self.partition}"

    @property
    def partition_key(self) -> str:
        """The text that leads to the partition."""
        return self.route


class TopicMarked(EventData):
    """Nothing has happened; readers pass it over. It keeps a compacted topic's partition moving.

    Kafka compacts only segments that are no longer written to, and begins the next segment when a record
    arrives. Where nothing else is written, what was erased would stay for ever. The record's value is null
    and its key is its own, so it ends no state and goes itself when compaction removes tombstones.
    """

    event_type: ClassVar[str] = "licet.topic.marked.v1"
    topic: ClassVar[Topic] = Topic.HOLDERS
    tombstone: ClassVar[bool] = True
    by: str
    """The service that wrote it."""
    number: int
    """Chosen so that the default partitioner sends the key to the partition that is meant."""
    of: Annotated[Topic, WithJsonSchema({"type": "string"})] = Topic.HOLDERS
    """The topic that it is on. It is not on the wire: a record knows its topic."""

    @classmethod
    def topics(cls) -> frozenset[Topic]:
        """Return the topics that keep states."""
        return frozenset(topic for topic in Topic if topic.compacted)

    @classmethod
    def on_each_partition(cls, of: Topic, by: str) -> "tuple[TopicMarked, ...]":
        """Return one marker for each partition of a topic."""
        found: dict[int, TopicMarked] = {}
        number = 0
        while len(found) < of.partitions:
            marker = cls(by=by, number=number, of=of)
            found.setdefault(partition_for(marker.key, of.partitions), marker)
            number += 1
        return tuple(found[partition] for partition in range(of.partitions))

    @property
    def destination(self) -> Topic:
        """The topic that it is on."""
        return self.of

    @property
    def key(self) -> str:
        """`marker/<service>/<number>`: each service keeps one on each partition."""
        return f"marker/{self.by}/{self.number}"

    @property
    def partition_key(self) -> str:
        """The whole key."""
        return self.key

    @classmethod
    def of_key(cls, key: str, sequence: int | None) -> Self:  # noqa: ARG003  # it has no sequence
        """Return the marker with this key; raises `ValueError`."""
        word, by, number = key.split("/")
        if word != "marker":
            raise ValueError(f"{key!r} is not the key of a marker")
        return cls(by=by, number=int(number))
