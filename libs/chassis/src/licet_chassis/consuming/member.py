"""One consumer as a member of its Kafka group: what it has in hand, its offsets, its commits."""

import asyncio
from collections.abc import Iterable, Sequence
from time import monotonic
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError

from licet_chassis.consuming.dispatcher import Dispatcher

ASK_SECONDS = 10.0
"""How long a question to the broker may take."""
COMMIT_SECONDS = 10.0
_log = structlog.get_logger("licet.consuming")


class Member(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """Tracks a consumer's membership, its partitions' offsets and the batches FastStream has of it."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.name = dispatcher.consumer.name
        self.subscriber: Any = None
        self.joined = False
        self.rebalances = 0
        """Counts joins and losses: a batch read at another count may belong to another member now."""
        self.offsets: dict[TopicPartition, int] = {}
        """The next offset to handle of the assigned partitions; none yet for one that just came."""
        self.unanswered: list[Sequence[Any]] = []
        """Batches that FastStream took and whose handler has not returned yet."""
        self.in_hand = False
        self.attempt_since = monotonic()
        self.still_since = monotonic()
        self.suspected_since: float | None = None
        self._progressed = -1
        self._to_commit: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None

    @property
    def consumer(self) -> Any:
        """The `AIOKafkaConsumer`, `None` before FastStream has started it."""
        return self.subscriber.consumer

    def commit(self, ends: dict[TopicPartition, int]) -> None:
        """Commit these offsets while the next batch is handled; of several for a partition the newest.

        Awaited one by one, commits would cost a third of the throughput. The work is in the database
        already: a commit that is late in a crash costs a repetition.
        """
        self._to_commit.update(ends)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_all())

    async def committed(self) -> None:
        """Wait until every offset given to `commit` has been committed or refused."""
        if self._committing is not None:
            await self._committing

    async def _commit_all(self) -> None:
        while self._to_commit:
            ends, self._to_commit = self._to_commit, {}
            await commit(self.consumer, ends)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002  # all are
        """Forget all offsets: in this protocol every rebalance takes all partitions away."""
        self.rebalances += 1
        self.joined = False
        self.still_since = monotonic()
        self.offsets.clear()
        self._to_commit.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:  # noqa: ARG002  # asked for
        """Start from the offsets that the group has committed."""
        self.rebalances += 1
        self.joined = True
        self.still_since = monotonic()
        self.suspected_since = None
        self.offsets.clear()

    @property
    def alive(self) -> bool:
        """Whether FastStream still reads; its task ends for good if a handler is cancelled or exits."""
        return any(not task.done() for task in self.subscriber.tasks)

    @property
    def ended(self) -> str | None:
        """Say which task of aiokafka has ended by itself, and of what; `None` while all go on.

        It starts none again: a connection that breaks while it joins its group ends the coordination
        (aiokafka 0.14), and then nothing is read for ever.
        """
        consumer = self.consumer
        for name, task in (
            ("coordination", getattr(getattr(consumer, "_coordinator", None), "_coordination_task", None)),
            ("fetching", getattr(getattr(consumer, "_fetcher", None), "_fetch_task", None)),
        ):
            if task is not None and task.done():
                error = None if task.cancelled() else task.exception()
                return f"{name} has ended: {error or 'cancelled'}"
        return None

    def moved(self) -> bool:
        """Return whether any record was finished since the last call."""
        before, self._progressed = self._progressed, self.dispatcher.progressed
        return before != self._progressed

    async def lag(self) -> int:
        """Return how many records of the assigned partitions are not handled; 1 while it has not joined."""
        consumer = self.consumer
        if consumer is None or not self.joined:
            return 1
        total = 0
        async with asyncio.timeout(ASK_SECONDS):
            for tp, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
                total += max(0, end - await self._handled(tp, end))
        return total

    async def _handled(self, tp: TopicPartition, end: int) -> int:
        known = self.offsets.get(tp)
        if known is None:
            if end == 0:
                return 0
            known = await self.consumer.committed(tp)
            if known is None:
                known = (await self.consumer.beginning_offsets([tp]))[tp]
        return int(known)

    async def has_unread(self) -> bool:
        """Return whether the log goes on after what the consumer was given last."""
        consumer = self.consumer
        async with asyncio.timeout(ASK_SECONDS):
            for tp, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
                if tp in consumer.assignment() and await consumer.position(tp) < end:
                    return True
        return False

    def rewind(self) -> None:
        """Seek back to the first record of the unanswered batches, and forget these."""
        first: dict[TopicPartition, int] = {}
        for record in [record for batch in self.unanswered for record in batch]:
            first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
        for tp, offset in first.items():
            if tp in self.consumer.assignment():
                self.consumer.seek(tp, offset)
        self.unanswered.clear()


async def commit(consumer: Any, ends: dict[TopicPartition, int]) -> None:
    """Commit the offsets of those partitions that are still assigned; a refused commit is only logged.

    The records are handled and noted: they are read again and recognised.
    """
    mine = {tp: offset for tp, offset in ends.items() if tp in consumer.assignment()}
    if not mine:
        return
    try:
        async with asyncio.timeout(COMMIT_SECONDS):
            await consumer.commit(mine)
    except (CommitFailedError, IllegalStateError) as error:
        _log.info("consumer.commit_refused", error=type(error).__name__)
    except Exception as error:  # noqa: BLE001  # whatever it is, a repetition is all it costs
        _log.warning("consumer.commit_failed", error=type(error).__name__)
