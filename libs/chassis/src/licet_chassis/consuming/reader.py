"""The Kafka side of consuming: FastStream with aiokafka, acknowledged by hand.

FastStream's automatic policies lose messages or spin on them, and its parser drops what it cannot
parse. So records are taken raw, the batch's offsets are committed explicitly and only after
`Handling` is done with every record of it, and the start-up check below refuses any other policy.
"""

import asyncio
import logging
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from aiokafka import TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from faststream import AckPolicy
from faststream.kafka import KafkaBroker
from faststream.kafka.message import KafkaMessage

from licet_chassis.clock import machine_now
from licet_chassis.consuming.handling import QUERIES, Handling
from licet_chassis.consuming.records import Raw
from licet_chassis.database import TRANSIENT, Database
from licet_chassis.kafka import KafkaAccess
from licet_chassis.loops import wait_for_stop
from licet_events import Topic

_log = structlog.get_logger("licet.consuming")
_LONGEST_BACKOFF = 15.0
_STUCK_AFTER = timedelta(seconds=90)
_UNREAD_LIMIT = timedelta(days=30)
"""`delete.retention.ms` of the compacted topics: who read nothing for longer may have missed an end."""


_TOUCH_EVERY = timedelta(minutes=10)


class Stuck(Exception):
    """A consumer has work and makes no progress; the process should end and be started again."""


class Reader:
    """Reads a service's consumers from Kafka for as long as the process runs."""

    def __init__(
        self, handlings: Sequence[Handling], database: Database, kafka: KafkaAccess, service: str
    ) -> None:
        self._handlings = handlings
        self._database = database
        self._kafka = kafka
        self._service = service
        self._stop = asyncio.Event()
        self._cluster_id = ""
        self._subscribers: dict[str, Any] = {}
        self._positions: dict[str, dict[TopicPartition, int]] = {}
        self._begun: dict[str, datetime] = {}
        self.connected = False

    async def run(self, stop: asyncio.Event) -> None:
        """Read until `stop` is set, then finish the batches in hand and leave the groups.

        While Kafka is away it is tried again; raises `Stuck` when a consumer with work makes no
        progress.
        """
        self._stop = stop
        backoff = 0.5
        while not stop.is_set():
            broker = self._broker()
            try:
                self._cluster_id = await self._kafka.cluster_id()
                await self._lose_places()
                await broker.start()
                self.connected = True
                backoff = 0.5
                await self._watch(stop)
            except (KafkaError, *TRANSIENT) as error:
                _log.warning("consumer.start_failed", error=type(error).__name__, retry_in=backoff)
                await wait_for_stop(stop, backoff)
                backoff = min(backoff * 2, _LONGEST_BACKOFF)
            finally:
                self.connected = False
                await _bounded(broker.stop(), 20)

    def _broker(self) -> KafkaBroker:
        broker = KafkaBroker(
            self._kafka.url, security=self._kafka.broker_security(), client_id=f"licet-{self._service}",
            graceful_timeout=15,
            logger=logging.getLogger("licet.faststream"), log_level=logging.DEBUG,
            allow_auto_create_topics=False, apply_types=False,
        )  # fmt: skip
        self._positions = {handling.consumer.name: {} for handling in self._handlings}
        self._subscribers = {}
        for handling in self._handlings:
            self._subscribe(broker, handling)
        return broker

    def _subscribe(self, broker: KafkaBroker, handling: Handling) -> None:
        consumer = handling.consumer

        async def parse(records: Any) -> KafkaMessage:
            # Never raises, so that no record is passed over before we have seen it.
            return KafkaMessage(raw_message=records, body=b"", consumer=subscriber.consumer)

        async def decode(message: Any) -> Any:
            return message.raw_message

        subscriber: Any = broker.subscriber(
            *consumer.topics, group_id=f"licet-{self._service}.{consumer.name}", batch=True,
            batch_timeout_ms=50, max_records=500, auto_offset_reset="earliest",
            ack_policy=AckPolicy.MANUAL, parser=parse, decoder=decode, session_timeout_ms=10_000,
            heartbeat_interval_ms=3_000, max_poll_interval_ms=300_000,
        )  # fmt: skip
        if subscriber.ack_policy is not AckPolicy.MANUAL:
            raise RuntimeError(f"the consumer {consumer.name} must acknowledge by hand")

        @subscriber  # type: ignore[untyped-decorator]  # FastStream's decorator is typed for its own parameters
        async def read(records: Any) -> None:
            await self._read(handling, subscriber.consumer, records)

        self._subscribers[consumer.name] = subscriber

    async def _read(self, handling: Handling, consumer: Any, records: Sequence[Any]) -> None:
        raws = [
            Raw(r.topic, r.partition, r.offset, r.key, tuple((n, v or b"") for n, v in r.headers), r.value)
            for r in records
        ]
        name = handling.consumer.name
        backoff = 0.2
        while True:
            self._begun[name] = machine_now()
            try:
                await self._check_place(handling, consumer, raws)
                await handling.handle(raws, self._cluster_id)
                break
            except asyncio.CancelledError:
                raise
            except Exception as error:  # noqa: BLE001  # a batch is never passed over, whatever it met
                log = _log.warning if isinstance(error, TRANSIENT) else _log.error
                log("consumer.retrying", consumer=name, error=type(error).__name__, retry_in=backoff)
                if await wait_for_stop(self._stop, backoff):
                    # Uncommitted: whoever gets the partitions next reads the batch again.
                    _rewind(consumer, raws)
                    return
                backoff = min(backoff * 2, _LONGEST_BACKOFF)
        ends = {TopicPartition(raw.topic, raw.partition): raw.offset + 1 for raw in raws}
        self._positions[name].update(ends)
        self._begun.pop(name, None)
        await _commit(consumer, ends)

    async def _lose_places(self) -> None:
        """At the start: places in another cluster are lost, and so are those unread for too long."""
        async with self._database.reading() as conn:
            for handling in self._handlings:
                consumer = handling.consumer
                compacted = [topic for topic in consumer.topics if topic.compacted]
                lost = await conn.fetch(
                    QUERIES["lose_places_in_other_clusters"], consumer.name, self._cluster_id, compacted,
                    _UNREAD_LIMIT,
                )  # fmt: skip
                if lost:
                    _log.warning("consumer.backfill_needed", consumer=consumer.name, partitions=len(lost))

    async def _check_place(self, handling: Handling, consumer: Any, raws: Sequence[Raw]) -> None:
        """Before the first batch of a partition: is the log still the one we left off in?

        It is not if it ends before our place, or if what is kept by time begins after it.
        """
        name = handling.consumer.name
        first = {TopicPartition(r.topic, r.partition): r.offset for r in reversed(raws)}
        new = first.keys() - self._positions[name].keys()
        if not new:
            return
        async with self._database.reading() as conn:
            for row in await conn.fetch(QUERIES["read_progress"], name, [tp.topic for tp in new]):
                tp = TopicPartition(row["topic"], row["partition"])
                if tp not in new or row["cluster_id"] != self._cluster_id:
                    continue
                end = consumer.highwater(tp)
                cut = end is not None and end < row["position"]
                gap = first[tp] > row["position"] and not Topic(tp.topic).compacted
                if cut or gap:
                    await conn.execute(QUERIES["lose_place"], name, tp.topic, tp.partition)
                    _log.warning(
                        "consumer.backfill_needed", consumer=name, topic=tp.topic, partition=tp.partition
                    )

    async def lag(self) -> int:
        """Return how many records of the assigned partitions are not handled yet.

        A consumer that has no partitions yet counts as one record behind.
        """
        total = 0
        for name, subscriber in self._subscribers.items():
            consumer = subscriber.consumer
            assigned = consumer.assignment() if consumer is not None else set()
            if not assigned:
                total += 1
                continue
            async with asyncio.timeout(10):
                ends = await consumer.end_offsets(list(assigned))
                for tp, end in ends.items():
                    total += max(0, end - await self._position(name, consumer, tp, end))
        return total if self._subscribers else 0

    async def _position(self, name: str, consumer: Any, tp: TopicPartition, end: int) -> int:
        known = self._positions[name].get(tp)
        if known is None:
            if end == 0:
                return 0
            committed = await consumer.committed(tp)
            if committed is None:
                committed = (await consumer.beginning_offsets([tp]))[tp]
            known = int(committed)
        return known

    async def _watch(self, stop: asyncio.Event) -> None:
        """Return when `stop` is set; raise `Stuck` when a consumer that lags stands still."""
        last: dict[str, tuple[int, datetime]] = {}
        touched = machine_now()
        while not await wait_for_stop(stop, 5):
            if machine_now() - touched > _TOUCH_EVERY:
                touched = machine_now()
                await self._touch()
            for name, positions in self._positions.items():
                handled = sum(positions.values())
                if name not in last or last[name][0] != handled or name in self._begun:
                    last[name] = (handled, machine_now())
            oldest = min((at for _, at in last.values()), default=machine_now())
            if machine_now() - oldest > _STUCK_AFTER:
                try:
                    behind = await self.lag()
                except (KafkaError, TimeoutError):
                    continue  # the broker is away; that is not being stuck
                if behind:
                    raise Stuck(f"{behind} records wait and no consumer makes progress")
                last.clear()

    async def _touch(self) -> None:
        """Note that the assigned partitions are still read, so that a quiet topic is not an unread one."""
        async with self._database.reading() as conn:
            for name, subscriber in self._subscribers.items():
                assigned = list(subscriber.consumer.assignment())
                await conn.execute(
                    QUERIES["touch_progress"], name, self._cluster_id, [tp.topic for tp in assigned],
                    [tp.partition for tp in assigned],
                )  # fmt: skip


async def _commit(consumer: Any, ends: dict[TopicPartition, int]) -> None:
    """Commit explicit offsets of what is still assigned; a rebalance in between is absorbed."""
    mine = {tp: offset for tp, offset in ends.items() if tp in consumer.assignment()}
    if not mine:
        return
    try:
        await consumer.commit(mine)
    except (CommitFailedError, IllegalStateError) as error:
        _log.info("consumer.commit_refused", error=type(error).__name__)
    except KafkaError as error:
        # The batch is done and noted; it will be read again and recognised.
        _log.warning("consumer.commit_failed", error=type(error).__name__)


def _rewind(consumer: Any, raws: Sequence[Raw]) -> None:
    first: dict[TopicPartition, int] = {}
    for raw in raws:
        first.setdefault(TopicPartition(raw.topic, raw.partition), raw.offset)
    for tp, offset in first.items():
        if tp in consumer.assignment():
            consumer.seek(tp, offset)


async def _bounded(work: Any, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        _log.warning("consumer.stop_timed_out", seconds=seconds)
