"""Events about the run of the system itself."""

from typing import Annotated, ClassVar
from uuid import UUID

from pydantic import WithJsonSchema

from licet_events.event import EventData, Instant
from licet_events.topics import Topic


class BackfillFinished(EventData):
    """A backfill has published everything it has for one partition of a topic.

    A reader that lost its place is up to date again once it has read this on every partition. Its
    partition key is chosen so that the default partitioner sends it to the partition it is about.
    """

    event_type: ClassVar[str] = "licet.backfill.finished.v1"
    topic: ClassVar[Topic] = Topic.SCHEDULE
    everywhere: ClassVar[bool] = True
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
