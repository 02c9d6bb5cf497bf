"""Events about the run of the system itself."""

from typing import ClassVar
from uuid import UUID

from licet_events.event import EventData, Instant
from licet_events.topics import Topic


class BackfillFinished(EventData):
    """A backfill has published everything it has for one partition of a topic.

    A reader that lost its place is up to date again once it has read this on every partition. Its
    partition key is chosen so that the default partitioner sends it to the partition it is about.
    """

    event_type: ClassVar[str] = "licet.backfill.finished.v1"
    topic: ClassVar[Topic] = Topic.SCHEDULE
    of: Topic
    """The topic whose partition is complete."""
    run: UUID
    started_at: Instant
    partition: int
    route: str
    """A text that the partitioner maps to `partition`."""

    @property
    def destination(self) -> Topic:
        return self.of

    @property
    def key(self) -> str:
        return f"backfill/{self.partition}"

    @property
    def partition_key(self) -> str:
        return self.route
