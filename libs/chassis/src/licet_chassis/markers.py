"""Markers on the compacted topics of a service, so that erasures take effect on quiet partitions too.

See `TopicMarked`. Several processes each write their own round; the same keys replace one another.
"""

from collections.abc import Callable, Sequence
from time import monotonic

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database, Transaction
from licet_events import Topic
from licet_events.operations import TopicMarked

_SETTLING = 60.0
"""Seconds from the start until the first round, so that a process that starts over and over writes none."""


class Markers:
    """Writes a marker to each partition of some topics, again and again."""

    def __init__(
        self,
        topics: Sequence[Topic],
        database: Database,
        clock: BusinessClock,
        *,
        every: float,
        first_after: float = _SETTLING,
        elapsed: Callable[[], float] = monotonic,
    ) -> None:
        """`every` seconds of machine time a round is written, the first `first_after` seconds from now."""
        self._topics = tuple(topics)
        self._database = database
        self._clock = clock
        self._every = every
        self._elapsed = elapsed
        self._next = elapsed() + min(first_after, every)

    async def step(self) -> bool:
        """Write a round if it is time; there is never more to do at once."""
        if self._elapsed() >= self._next:
            await self._database.run(Cause.new(f"service:{self._database.service}"), self._write)
            self._next = self._elapsed() + self._every
        return False

    async def _write(self, tx: Transaction) -> None:
        service = self._database.service
        for topic in self._topics:
            await tx.publish(*TopicMarked.on_each_partition(topic, service), now=self._clock.now())
