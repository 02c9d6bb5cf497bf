"""What recurs: periods that have begun by a rule, and the scheduler's sign of life."""

from typing import ClassVar

from licet_events.event import EventData, Instant
from licet_events.topics import Topic


class PeriodEvent(EventData):
    """Any event that says that a period of a schedule has begun.

    Published once for each period. Periods that went by while no scheduler ran give one event, for the first
    of them.
    """

    topic: ClassVar[Topic] = Topic.SCHEDULE
    schedule: str
    """The schedule's name."""
    at: Instant
    """When the period began."""
    next_at: Instant | None = None
    """When the next one begins; absent where the rule has ended."""
    rule: str
    """The recurrence rule (RFC 5545), in `time_zone`."""
    time_zone: str
    """The IANA zone in which its days are meant."""

    @property
    def key(self) -> str:
        """The schedule's name."""
        return self.schedule

    @property
    def partition_key(self) -> str:
        """The schedule's name."""
        return self.schedule


class DigestDue(PeriodEvent):
    """A period of a schedule for digests has begun."""

    event_type: ClassVar[str] = "licet.digest.due.v1"


class AuditDue(PeriodEvent):
    """A period of a schedule for audits that others carry out has begun.

    Audits of Licet itself have schedules in certifications, and are told of as `licet.audit.opened.v1`.
    """

    event_type: ClassVar[str] = "licet.audit.due.v1"


class Heartbeat(EventData):
    """The scheduler runs, reaches its database, and Kafka is reached from there. Follows machine time."""

    event_type: ClassVar[str] = "licet.heartbeat.v1"
    topic: ClassVar[Topic] = Topic.SCHEDULE
    at: Instant
    """When it was sent, in machine time."""
    every_seconds: int
    """When the next one is missing longer than that, something is wrong."""

    @property
    def key(self) -> str:
        """Always `heartbeat`."""
        return "heartbeat"

    @property
    def partition_key(self) -> str:
        """Always `heartbeat`."""
        return "heartbeat"
