"""The Kafka side of consuming: FastStream with aiokafka, acknowledged by hand.

FastStream's automatic policies lose messages or spin on them, and its parser drops what it cannot
parse. So records are taken raw, the batch's offsets are committed explicitly and only after
`Dispatcher` is done with every record of it, and the start-up check below refuses any other policy.
"""

import asyncio
import logging
from collections.abc import Coroutine, Iterable, Sequence
from datetime import timedelta
from time import monotonic
from typing import Any

import structlog
from aiokafka import ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from licet_chassis.backoff import Backoff
from licet_chassis.consuming.dispatcher import HANDLING_SECONDS, NOT_ITS_FAULT, QUERIES, Dispatcher
from licet_chassis.consuming.records import Raw
from licet_chassis.database import TRANSIENT, Database
from licet_chassis.kafka import KafkaAccess
from licet_chassis.loops import wait_for_stop
from licet_events import Topic

_log = structlog.get_logger("licet.consuming")
_LONGEST_BACKOFF = 15.0
_START_SECONDS = 120.0
_COMMIT_SECONDS = 10.0
_FETCH_WAIT_MS = 100
"""How long a fetch that finds nothing waits at the broker. Whatever else the connection is asked, such as
the ends of partitions, waits behind it; and librdkafka's mock broker answers no sooner when records come."""
_ASK_SECONDS = 10.0
_FINISH_SECONDS = 15
"""How long a stop waits for the batches in hand."""
_TOUCH_EVERY = 600.0
_UNREAD_LIMIT = timedelta(days=30)
"""`delete.retention.ms` of the compacted topics: who read nothing for longer may have missed an end."""
_NEVER_BACKFILLED = frozenset({Topic.COMPLETIONS, Topic.NOTIFICATIONS})
"""What comes from outside, and what is only history: nobody can publish it again, so nobody waits."""


class Stuck(Exception):
    """A consumer has work and makes no progress; the process should end and be started again."""


class AutomaticAck(Exception):
    """A subscriber would acknowledge by itself, and so lose or repeat what fails."""


class _Reading(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    """One consumer's place in its group, and how far it is with what it has in hand."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self.name = dispatcher.consumer.name
        self.subscriber: Any = None
        self.joined = False
        self.rebalances = 0
        """Counts joins and losses: what was in hand at another count may belong to somebody else."""
        self.positions: dict[TopicPartition, int] = {}
        """What is handled of the partitions assigned now; says nothing of one that just came."""
        self.unanswered: list[Sequence[Any]] = []
        """Batches that FastStream has, and of whose end we have not heard."""
        self.in_hand = False
        self.attempt_since = monotonic()
        self.progressed = -1
        self.still_since = monotonic()
        self.suspected_since: float | None = None
        self.claimed = -1
        self._to_commit: dict[TopicPartition, int] = {}
        self._committing: asyncio.Task[None] | None = None

    def commit(self, consumer: Any, ends: dict[TopicPartition, int]) -> None:
        """Commit these offsets beside the next batch; while that takes its time, the newest are kept.

        Awaited one by one, commits would cost a third of the throughput. What is done is in the
        database: a commit that is late in a crash costs a repetition.
        """
        self._to_commit.update(ends)
        if self._committing is None or self._committing.done():
            self._committing = asyncio.create_task(self._commit_all(consumer))

    async def committed(self) -> None:
        """Wait until everything that was to be committed has been, or has been refused."""
        if self._committing is not None:
            await self._committing

    async def _commit_all(self, consumer: Any) -> None:
        while self._to_commit:
            ends, self._to_commit = self._to_commit, {}
            await _commit(consumer, ends)

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002  # all are
        """Forget all places: in this protocol every rebalance takes all partitions away."""
        self.rebalances += 1
        self.joined = False
        self.still_since = monotonic()
        self.positions.clear()
        self._to_commit.clear()

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:  # noqa: ARG002  # asked for
        """Begin anew, from the offsets that the group has committed."""
        self.rebalances += 1
        self.joined = True
        self.still_since = monotonic()
        self.suspected_since = None
        self.positions.clear()

    @property
    def alive(self) -> bool:
        """Whether FastStream still reads; its task ends for good if a handler is cancelled or exits."""
        return any(not task.done() for task in self.subscriber.tasks)

    def moved(self) -> bool:
        """Return whether anything was done since the last look, and remember."""
        before, self.progressed = self.progressed, self.dispatcher.progressed
        return before != self.progressed


class Reader:
    """Reads a service's consumers from Kafka for as long as the process runs.

    With `claim_places` the group's place is committed as soon as it has one, before anything is read:
    so others can see what the group reads, where a broker must not run ahead of it.
    """

    def __init__(
        self,
        dispatchers: Sequence[Dispatcher],
        database: Database,
        kafka: KafkaAccess,
        service: str,
        *,
        claim_places: bool = False,
        stuck_after: float = 90.0,
        watch_every: float = 1.0,
    ) -> None:
        self._dispatchers = dispatchers
        self._database = database
        self._kafka = kafka
        self._service = service
        self._claim_places = claim_places
        self._stuck_after = stuck_after
        self._watch_every = watch_every
        self._stop = asyncio.Event()
        self._cluster_id = ""
        self._readings: list[_Reading] = []
        self.connected = False
        """Whether every consumer has joined its group and none has been lost."""

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set, then finish the batches in hand and leave the groups.

        While Kafka is away it is tried again; raises `Stuck` when a consumer with work makes no
        progress.
        """
        self._stop = stop
        backoff = Backoff(0.5, _LONGEST_BACKOFF)
        while not stop.is_set():
            broker = self._broker()
            try:
                async with asyncio.timeout(2 * _ASK_SECONDS):
                    self._cluster_id = await self._kafka.cluster_id()
                await self._lose_places()
                await self._start(broker)
                self.connected = not stop.is_set()
                backoff.reset()
                await self._watch(stop)
            except Stuck:
                raise
            except Exception as error:  # noqa: BLE001  # Kafka or the database is away, or not as it should be
                pause = backoff.next()
                _log.warning(
                    "consumer.start_failed", error=type(error).__name__, detail=str(error)[:300],
                    retry_in=round(pause, 2),
                )  # fmt: skip
                await wait_for_stop(stop, pause)
            finally:
                self.connected = False
                await self._end(broker)

    def _broker(self) -> KafkaBroker:
        broker = KafkaBroker(
            self._kafka.url, security=self._kafka.broker_security(), client_id=f"licet-{self._service}",
            graceful_timeout=_FINISH_SECONDS,
            logger=logging.getLogger("licet.faststream"), log_level=logging.DEBUG,
            allow_auto_create_topics=False, apply_types=False,
        )  # fmt: skip
        self._readings = [_Reading(dispatcher) for dispatcher in self._dispatchers]
        for reading in self._readings:
            self._subscribe(broker, reading)
        refuse_automatic_acks(broker)
        return broker

    def _subscribe(self, broker: KafkaBroker, reading: _Reading) -> None:
        consumer = reading.dispatcher.consumer

        async def parse(records: Any) -> KafkaMessage:
            # Never raises, so that no record is passed over before we have seen it.
            reading.unanswered.append(records)
            return KafkaMessage(raw_message=records, body=b"", consumer=reading.subscriber.consumer)

        async def decode(message: Any) -> Any:
            return message.raw_message

        reading.subscriber = subscriber = broker.subscriber(
            *consumer.topics, group_id=f"licet-{self._service}.{consumer.name}", batch=True,
            batch_timeout_ms=50, max_records=500, auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL, parser=parse, decoder=decode, listener=reading,
            isolation_level="read_committed",
            session_timeout_ms=10_000, heartbeat_interval_ms=3_000, max_poll_interval_ms=300_000,
            fetch_max_wait_ms=_FETCH_WAIT_MS,
        )  # fmt: skip

        @subscriber
        async def read(records: Any) -> None:
            await self._read(reading, reading.subscriber.consumer, records)

    async def _start(self, broker: KafkaBroker) -> None:
        """Start the consumers and wait until they have joined; a stop ends the wait.

        Their own start waits for the group without a bound.
        """
        starting = asyncio.create_task(broker.start())
        stopping = asyncio.create_task(self._stop.wait())
        try:
            await asyncio.wait(
                {starting, stopping}, timeout=_START_SECONDS, return_when=asyncio.FIRST_COMPLETED
            )
            if starting.done():
                starting.result()
            elif not self._stop.is_set():
                raise TimeoutError("the consumers could not join their groups")
        finally:
            stopping.cancel()
            starting.cancel()
            await asyncio.wait({starting, stopping})

    async def _end(self, broker: KafkaBroker) -> None:
        """Finish what is in hand, all consumers at once, and leave the groups."""
        await asyncio.gather(*(_bounded(reading.committed(), _COMMIT_SECONDS) for reading in self._readings))
        await asyncio.gather(
            *(_bounded(reading.subscriber.stop(), _FINISH_SECONDS + 5) for reading in self._readings)
        )
        await _bounded(broker.stop(), 5)

    async def _read(self, reading: _Reading, consumer: Any, records: Sequence[Any]) -> None:
        """Handle a batch and commit it. Returns without a commit only when the process stops."""
        if self._stop.is_set():
            return
        if len(reading.unanswered) > 1:
            # FastStream swallows what is raised around a handler. The batch before this one never came
            # to its end, and a commit now would pass it over: go back to it.
            _log.error("consumer.batch_dropped", consumer=reading.name)
            _rewind(consumer, [record for batch in reading.unanswered for record in batch])
            reading.unanswered.clear()
            return
        reading.in_hand = True
        rebalances = reading.rebalances
        try:
            raws = [Raw(r.topic, r.partition, r.offset, r.key, tuple(r.headers), r.value) for r in records]
            if not await self._handle(reading, consumer, raws):
                return
            # After a rebalance the group goes by what is committed, perhaps by others and further than
            # this. The batch is noted as done and will be recognised if it comes again.
            if reading.rebalances == rebalances:
                ends = {TopicPartition(raw.topic, raw.partition): raw.offset + 1 for raw in raws}
                reading.positions.update(ends)
                reading.commit(consumer, ends)
                if self._stop.is_set():
                    await reading.committed()
            reading.unanswered.clear()
        finally:
            reading.in_hand = False

    async def _handle(self, reading: _Reading, consumer: Any, raws: Sequence[Raw]) -> bool:
        backoff = Backoff(0.2, _LONGEST_BACKOFF)
        while True:
            reading.attempt_since = monotonic()
            try:
                await self._check_place(reading, consumer, raws)
                await reading.dispatcher.handle(raws, self._cluster_id)
            except Exception as error:  # noqa: BLE001  # a batch is never passed over, whatever it met
                pause = backoff.next()
                log = _log.warning if isinstance(error, NOT_ITS_FAULT) else _log.error
                log(
                    "consumer.retrying", consumer=reading.name, error=type(error).__name__,
                    detail=str(error)[:300], retry_in=round(pause, 2),
                )  # fmt: skip
                if await wait_for_stop(self._stop, pause):
                    # Uncommitted: whoever gets the partitions next reads the batch again.
                    return False
            else:
                return True

    # Places -------------------------------------------------------------------------------------

    async def _lose_places(self) -> None:
        """At the start: places in another cluster are lost, and so are those unread for too long."""
        async with self._database.reading() as conn:
            for dispatcher in self._dispatchers:
                consumer = dispatcher.consumer
                topics = [topic for topic in consumer.topics if topic not in _NEVER_BACKFILLED]
                lost = await conn.fetch(
                    QUERIES["lose_places_in_other_clusters"], consumer.name, self._cluster_id,
                    [topic for topic in topics if topic.compacted], _UNREAD_LIMIT, topics,
                )  # fmt: skip
                if lost:
                    _log.warning("consumer.backfill_needed", consumer=consumer.name, partitions=len(lost))

    async def _check_place(self, reading: _Reading, consumer: Any, raws: Sequence[Raw]) -> None:
        """Before the first batch of a partition: is the log still the one we left off in?

        It is not if it ends before our place, or if what is kept by time begins after it.
        """
        first = {TopicPartition(r.topic, r.partition): r.offset for r in reversed(raws)}
        new = {
            tp for tp in first.keys() - reading.positions.keys() if Topic(tp.topic) not in _NEVER_BACKFILLED
        }
        if not new:
            return
        async with self._database.reading() as conn:
            places = await conn.fetch(QUERIES["read_progress"], reading.name, [tp.topic for tp in new])
        places = [row for row in places if (row["topic"], row["partition"]) in new]
        if any(first[row["topic"], row["partition"]] < row["position"] for row in places):
            # Usually only a commit that failed; but behind the same address may be another cluster now.
            await self._look_at_cluster()
        for row in places:
            tp = TopicPartition(row["topic"], row["partition"])
            if row["cluster_id"] != self._cluster_id or tp not in consumer.assignment():
                continue
            end = consumer.highwater(tp)
            cut = end is not None and end < row["position"]
            gap = first[tp] > row["position"] and not Topic(tp.topic).compacted
            if cut or gap:
                async with self._database.reading() as conn:
                    await conn.execute(QUERIES["lose_place"], reading.name, *tp, first[tp])
                _log.warning(
                    "consumer.backfill_needed", consumer=reading.name, topic=tp.topic, partition=tp.partition
                )

    async def _look_at_cluster(self) -> None:
        async with asyncio.timeout(2 * _ASK_SECONDS):
            found = await self._kafka.cluster_id()
        if found != self._cluster_id:
            self._cluster_id = found
            await self._lose_places()

    # Lag ----------------------------------------------------------------------------------------

    async def lag(self) -> int:
        """Return how many records of the assigned partitions are not handled yet.

        A consumer that has not joined its group counts as one record behind. Raises `KafkaError` or
        `TimeoutError` while Kafka is away.
        """
        total = 0
        for reading in self._readings:
            consumer = reading.subscriber.consumer
            if consumer is None or not reading.joined:
                total += 1
                continue
            async with asyncio.timeout(_ASK_SECONDS):
                for tp, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
                    total += max(0, end - await _handled(reading, consumer, tp, end))
        return total if self._readings else len(self._dispatchers)

    # The watchdog -------------------------------------------------------------------------------

    async def _watch(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set; raise `Stuck` when a consumer that lags stands still."""
        touched = monotonic()
        while not await wait_for_stop(stop, self._watch_every):
            try:
                if monotonic() - touched > _TOUCH_EVERY:
                    touched = monotonic()
                    await self._touch()
                for reading in self._readings:
                    await self._judge(reading)
                    if self._claim_places:
                        await _claim(reading)
            except (KafkaError, *TRANSIENT) as error:
                # The broker or the database is away: that is not being stuck.
                _log.info("consumer.watch_failed", error=type(error).__name__)
                for reading in self._readings:
                    reading.suspected_since = None

    async def _judge(self, reading: _Reading) -> None:
        now = monotonic()
        if not reading.alive:
            raise Stuck(f"the consumer {reading.name} has ended by itself")
        if reading.moved():
            reading.still_since, reading.suspected_since = now, None
        if reading.in_hand:
            # Retrying a batch is no standing still, and each attempt has a bound; beyond it something
            # does not even let itself be cancelled.
            hung = now - max(reading.attempt_since, reading.still_since) > 2 * HANDLING_SECONDS
            if hung:
                raise Stuck(f"a handler of {reading.name} does not come back")
            reading.suspected_since = None
            return
        if now - reading.still_since < self._stuck_after:
            return
        if not reading.joined:
            async with asyncio.timeout(2 * _ASK_SECONDS):
                await self._kafka.cluster_id()  # raises while Kafka is away
            raise Stuck(f"the consumer {reading.name} can't join its group")
        if not await _unread(reading):
            reading.still_since, reading.suspected_since = now, None
        elif reading.suspected_since is None:
            # They may have come this moment; the judgement is over those that stay.
            reading.suspected_since = now
        elif now - reading.suspected_since > self._stuck_after / 3:
            raise Stuck(f"records wait and the consumer {reading.name} makes no progress")

    async def _touch(self) -> None:
        """Note that the assigned partitions are still read, so that a quiet topic is not an unread one."""
        async with self._database.reading() as conn:
            for reading in self._readings:
                assigned = sorted(reading.subscriber.consumer.assignment())
                await conn.execute(
                    QUERIES["touch_progress"], reading.name, self._cluster_id,
                    [tp.topic for tp in assigned], [tp.partition for tp in assigned],
                )  # fmt: skip


def refuse_automatic_acks(broker: KafkaBroker) -> None:
    """Raise `AutomaticAck` if a subscriber of the broker would acknowledge other than by hand."""
    for subscriber in broker.subscribers:
        if getattr(subscriber, "ack_policy", None) is not AckPolicy.MANUAL:
            raise AutomaticAck(f"{subscriber} must acknowledge by hand (AckPolicy.MANUAL)")


async def _handled(reading: _Reading, consumer: Any, tp: TopicPartition, end: int) -> int:
    known = reading.positions.get(tp)
    if known is None:
        if end == 0:
            return 0
        known = await consumer.committed(tp)
        if known is None:
            known = (await consumer.beginning_offsets([tp]))[tp]
    return int(known)


async def _unread(reading: _Reading) -> bool:
    """Return whether the log goes on after what the consumer was given last."""
    consumer = reading.subscriber.consumer
    async with asyncio.timeout(_ASK_SECONDS):
        for tp, end in (await consumer.end_offsets(list(consumer.assignment()))).items():
            if tp in consumer.assignment() and await consumer.position(tp) < end:
                return True
    return False


async def _claim(reading: _Reading) -> None:
    """Commit the beginning of each assigned partition of which the group has committed nothing yet.

    If a batch is committed between the look and this, its offset goes back: a repetition, no loss.
    """
    if not reading.joined or reading.claimed == reading.rebalances:
        return
    consumer, rebalances = reading.subscriber.consumer, reading.rebalances
    async with asyncio.timeout(_ASK_SECONDS):
        new = [tp for tp in consumer.assignment() if await consumer.committed(tp) is None]
        if new:
            await _commit(consumer, await consumer.beginning_offsets(new))
    reading.claimed = rebalances


async def _commit(consumer: Any, ends: dict[TopicPartition, int]) -> None:
    """Commit explicit offsets of what is still assigned; a rebalance in between is absorbed."""
    mine = {tp: offset for tp, offset in ends.items() if tp in consumer.assignment()}
    if not mine:
        return
    try:
        async with asyncio.timeout(_COMMIT_SECONDS):
            await consumer.commit(mine)
    except (CommitFailedError, IllegalStateError) as error:
        _log.info("consumer.commit_refused", error=type(error).__name__)
    except Exception as error:  # noqa: BLE001  # see below
        # The batch is done and noted; it will be read again and recognised.
        _log.warning("consumer.commit_failed", error=type(error).__name__)


def _rewind(consumer: Any, records: Sequence[Any]) -> None:
    first: dict[TopicPartition, int] = {}
    for record in records:
        first.setdefault(TopicPartition(record.topic, record.partition), record.offset)
    for tp, offset in first.items():
        if tp in consumer.assignment():
            consumer.seek(tp, offset)


async def _bounded(work: Coroutine[Any, Any, object], seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except Exception as error:  # noqa: BLE001  # it is over in any case
        _log.warning("consumer.stop_failed", error=type(error).__name__)
