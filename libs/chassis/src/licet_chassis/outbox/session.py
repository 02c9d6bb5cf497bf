"""One session of a relay: from connecting to the database until a connection to it is lost."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import asyncpg
import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from licet_chassis.backoff import Backoff
from licet_chassis.failpoints import Failpoint
from licet_chassis.kafka import KafkaAccess
from licet_chassis.loops import wait_for_stop
from licet_chassis.outage import Outage
from licet_chassis.outbox.connections import LEASE_BEGINS, LEASE_ENDS, LEASE_SECONDS, connect
from licet_chassis.outbox.deleter import Deleter
from licet_chassis.outbox.fetching import Fetched, fetch
from licet_chassis.outbox.headers import unpacker
from licet_chassis.outbox.low_mark import LowMark
from licet_chassis.outbox.progress import Progress
from licet_chassis.outbox.sender import Batch, Sender, SendFailed, close_producer
from licet_chassis.outbox.shards import ShardLocks
from licet_chassis.outbox.topic_checks import TopicChecks
from licet_chassis.queries import load_queries
from licet_events.partition import murmur2

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]

_QUERIES = load_queries("licet_chassis.outbox")
_log = structlog.get_logger("licet.outbox")

_SHORTEST_POLL = 0.01
_FULL_SCAN_SECONDS = 60.0
_BYTES_AT_ONCE = 16 << 20
_READS_AT_ONCE = 4
_START_SECONDS = 20.0
_SETTLE_SECONDS = 5.0

_SENT = Failpoint("relay.sent")


@dataclass(frozen=True)
class RelayOptions:
    """How a relay is set up; see `Relay`."""

    database_url: str
    kafka: KafkaAccess
    partitions: Callable[[str], int]
    poll_interval: float
    batch_size: int
    max_batch_size: int
    share_interval: float
    delivery_timeout: float
    stop_timeout: float
    gate: Callable[[], Awaitable[bool]] | None
    schemas_url: str | None


class RelaySession:
    """One connection that holds the shards' locks and reads, one that deletes, one producer at a time.

    Rows are read on the connection that holds the locks, so what is read was ours when it was read.
    When that connection ends somebody else may own the shards, and nothing may be sent any more.
    """

    def __init__(
        self,
        options: RelayOptions,
        progress: Progress,
        stop: asyncio.Event,
        reader: "_Connection",
        deleter: "_Connection",
    ) -> None:
        self._options = options
        self._unpack = unpacker(options.schemas_url)
        self._progress = progress
        self._stop = stop
        self._reader = reader
        self._locks = ShardLocks(reader)
        self._low_mark = LowMark()
        self._topics = TopicChecks(options.partitions)
        self._sender: Sender | None = None
        self._interrupt = asyncio.Event()  # stop, failure, loss: the loop looks around
        self._room = asyncio.Event()  # rows were deleted, or an interrupt
        self._rows = Deleter(deleter, self._low_mark, self._room.set)
        self._away = Outage("licet.outbox", "outbox.kafka_unreachable")
        self._asked_at = time.monotonic()
        """When the connection that holds the locks was last known to be ours."""
        self._pause = _SHORTEST_POLL
        self._next_balance = 0.0
        self._next_full_scan = time.monotonic() + _FULL_SCAN_SECONDS
        self._deleting = asyncio.create_task(self._rows.run())
        self._deleting.add_done_callback(lambda _: self._look_around())
        reader.add_termination_listener(lambda _: self._halt())

    @classmethod
    async def run(cls, options: RelayOptions, progress: Progress, stop: asyncio.Event) -> None:
        """Publish until `stop` is set. Raises what asyncpg raises when a connection is lost."""
        async with contextlib.AsyncExitStack() as stack:
            reader = await connect(options.database_url, "licet-relay", stack)
            deleter = await connect(options.database_url, "licet-relay-deleter", stack)
            session = cls(options, progress, stop, reader, deleter)
            stopping = asyncio.create_task(stop.wait())
            stopping.add_done_callback(lambda _: session._look_around())
            try:
                await session._work()
            finally:
                progress.connected = False
                progress.shards = frozenset()
                await _end((stopping, session._deleting))

    # Producers ---------------------------------------------------------------------------------

    async def _work(self) -> None:
        _log.info("outbox.relay_started")
        backoff = Backoff(0.2, 5.0)
        while not self._stop.is_set():
            producer = self._make_producer()
            try:
                async with asyncio.timeout(_START_SECONDS):
                    await producer.start()
            except (KafkaError, TimeoutError, OSError) as error:
                await close_producer(producer)
                self._progress.connected = False
                await self._unreachable(type(error).__name__, backoff.next())
                continue
            except BaseException:
                await close_producer(producer)
                raise
            self._progress.connected = True
            self._away.over()
            batches = self._progress.batches
            try:
                await self._publish(producer)
            except SendFailed as failure:
                if self._progress.batches > batches:
                    backoff.reset()
                await self._rebuild(failure, backoff)

    def _make_producer(self) -> AIOKafkaProducer:
        return AIOKafkaProducer(
            **self._options.kafka.client_options(),
            client_id="licet-relay",
            enable_idempotence=True,
            acks="all",
            max_batch_size=self._options.max_batch_size,
            request_timeout_ms=int(self._options.delivery_timeout * 500),
            metadata_max_age_ms=60_000,
            linger_ms=0,
        )

    async def _unreachable(self, error: str, pause: float) -> None:
        # Another relay may reach Kafka where this one does not: let it have the shards.
        if self._locks.held:
            await self._locks.leave()
            self._progress.shards = frozenset()
        await self._reader.execute(LEASE_ENDS)
        self._away.failed(error, retry_in=round(pause, 2))
        if await self._reader.fetchval(_QUERIES["any_row"]):
            self._progress.waiting("Kafka can't be reached")
        await wait_for_stop(self._stop, pause)

    async def _rebuild(self, failure: SendFailed, backoff: Backoff) -> None:
        # Never go on with a producer that had a failure: its sequence numbers have a gap, or its sender
        # is dead. What is still to be sent is in the table.
        self._progress.rebuilt += 1
        pause = backoff.next() if failure.topic is None else self._topics.held.hold(failure.topic)
        _log.warning(
            "outbox.producer_rebuilt", topic=failure.topic, error=failure.reason, retry_in=round(pause, 2)
        )
        if failure.topic is None:
            await wait_for_stop(self._stop, pause)

    async def _publish(self, producer: AIOKafkaProducer) -> None:
        """Read and send with one producer until stopped; raises `SendFailed` when it is used up."""
        self._topics.restart()
        await self._reader.execute(LEASE_BEGINS)
        await self._balance()
        self._next_balance = time.monotonic() + self._options.share_interval
        self._interrupt.clear()
        self._sender = sender = Sender(
            producer, acknowledged=self._on_acknowledged, delivery_timeout=self._options.delivery_timeout,
            allowed=self._holds_lease,
        )  # fmt: skip
        sending = asyncio.create_task(sender.run())
        sending.add_done_callback(lambda _: self._look_around())
        settle_seconds = 0.0
        try:
            while not (self._stop.is_set() or self._lost or sending.done()):
                await self._step(producer, sender)
            # Batches under way are waited for, since an answer spares a repetition. With the locks lost
            # others may be sending already: then the connections are cut at once.
            if not self._lost:
                settle_seconds = self._options.stop_timeout if self._stop.is_set() else _SETTLE_SECONDS
        finally:
            await sender.settle(settle_seconds)
            self._sender = None
            await close_producer(producer)
            await _end((sending, *self._topics.take_running()))
            self._rows.drop_unacknowledged()
        if self._lost:
            await self._tell_loss()
        if self._stop.is_set():
            await self._rows.finish(self._room, self._disconnected, self._options.stop_timeout)
        else:
            sending.result()

    @property
    def _lost(self) -> bool:
        return self._disconnected() or not self._holds_lease()

    def _disconnected(self) -> bool:
        return self._reader.is_closed() or self._deleting.done()

    def _holds_lease(self) -> bool:
        """Whether the locks are surely ours: after a pause of the process they may be another's."""
        return time.monotonic() - self._asked_at < LEASE_SECONDS

    async def _tell_loss(self) -> None:
        if self._deleting.done():
            await self._deleting
        raise ConnectionError("the connection that holds the shards is gone")

    def _halt(self) -> None:
        if self._sender is not None:
            self._sender.halt()
        self._look_around()

    def _look_around(self) -> None:
        self._interrupt.set()
        self._room.set()

    # Reading -----------------------------------------------------------------------------------

    async def _step(self, producer: AIOKafkaProducer, sender: Sender) -> None:
        now = time.monotonic()
        if now >= self._next_balance:
            self._next_balance = now + self._options.share_interval
            await self._balance()
        if self._locks.leaving:
            await self._release_drained()
        if now >= self._next_full_scan:
            # Insurance against a case that the low mark's proof has overlooked.
            self._next_full_scan = now + _FULL_SCAN_SECONDS
            self._low_mark.restart()
        shards = self._locks.readable
        if not shards or not await self._gate_is_open():
            self._progress.paused()
            await wait_for_stop(self._interrupt, self._options.poll_interval)
            return
        if self._rows.in_flight:
            self._progress.waiting("Kafka does not acknowledge")
        if self._full(sender):
            self._room.clear()
            await wait_for_stop(self._room, self._options.share_interval)
            return
        if await self._read(producer, sender, shards):
            self._pause = _SHORTEST_POLL
        else:
            await wait_for_stop(self._interrupt, self._pause)
            self._pause = min(self._pause * 2, self._options.poll_interval)

    def _full(self, sender: Sender) -> bool:
        many = len(self._rows.in_flight) >= _READS_AT_ONCE * self._options.batch_size
        return many or sender.bytes >= _BYTES_AT_ONCE

    async def _read(self, producer: AIOKafkaProducer, sender: Sender, shards: list[int]) -> bool:
        """Hand the next rows to the sender; returns whether there may be more to read at once."""
        fetching: asyncio.Task[Fetched] | None = asyncio.create_task(self._fetch(shards))
        more = False
        try:
            while fetching is not None:
                fetched = await fetching
                fetching = None
                rows = self._claim(fetched, producer)
                more = fetched.cut
                if more and self._may_read_on(sender) and await self._gate_is_open():
                    # The server works on the next rows while the batches of these are built.
                    fetching = asyncio.create_task(self._fetch(shards))
                    await asyncio.sleep(0)
                self._hand_over(rows, fetched.large, sender)
        finally:
            if fetching is not None:
                await _end((fetching,))
        return more

    def _may_read_on(self, sender: Sender) -> bool:
        # What may change which rows are ours or wanted happens between reads, never during one.
        return not (self._interrupt.is_set() or self._full(sender) or time.monotonic() >= self._next_balance)

    async def _gate_is_open(self) -> bool:
        return self._options.gate is None or await self._options.gate()

    async def _fetch(self, shards: list[int]) -> Fetched:
        asked_at = time.monotonic()
        fetched = await fetch(
            self._reader, self._low_mark.value, shards,
            without_topics=self._topics.passed_over(), without_rows=self._rows.in_flight,
            batch_size=self._options.batch_size,
        )  # fmt: skip
        self._asked_at = asked_at
        return fetched

    def _claim(self, fetched: Fetched, producer: AIOKafkaProducer) -> list[asyncpg.Record]:
        """Return the rows to send, which are in flight from now on, and raise the low mark."""
        claimed = []
        for row in fetched.rows:
            topic = row["topic"]
            if topic in self._topics.partitions_of:
                self._rows.in_flight[row["id"]] = row["shard"]
                claimed.append(row)
            else:
                self._topics.start(producer, topic)
        if fetched.left_out or len(claimed) < len(fetched.rows):
            self._low_mark.look(fetched.drawn)
            self._progress.waiting("topics are on hold")
        else:
            last = fetched.rows[-1]["id"] if fetched.cut else None
            self._low_mark.read(xmin=fetched.xmin, drawn=fetched.drawn, seen_up_to=last)
            if not self._rows.in_flight:
                self._progress.nothing_waits()
        return claimed

    def _hand_over(self, rows: list[asyncpg.Record], large: dict[int, bytes], sender: Sender) -> None:
        timestamp_ms, known = time.time_ns() // 1_000_000, self._topics.partitions_of
        for _, _, row, _, topic, partition_key, key, headers, value, _ in rows:
            sender.add(
                (topic, _hash(partition_key) % known[topic]),
                row,
                key,
                large.get(row, value),
                self._unpack(headers),
                timestamp_ms,
            )

    # Shards ------------------------------------------------------------------------------------

    async def _balance(self) -> None:
        asked_at = time.monotonic()
        if await self._locks.balance():
            self._low_mark.restart()
        self._asked_at = asked_at
        shards = frozenset(self._locks.readable)
        if shards != self._progress.shards:
            self._progress.shards = shards
            _log.info("outbox.shards_changed", shards=sorted(shards))

    async def _release_drained(self) -> None:
        # The next owner reads from the table: a row that is acknowledged but not deleted is still ours.
        drained = self._locks.leaving.difference(self._rows.in_flight.values())
        if drained:
            await self._locks.release(drained)

    def _on_acknowledged(self, batch: Batch) -> None:
        _SENT()
        self._rows.acknowledged(batch.rows)
        self._progress.acknowledged(len(batch.rows))
        self._topics.held.forgive(batch.topic)


@lru_cache(maxsize=1 << 16)
def _hash(partition_key: str) -> int:
    # In pure Python; a holder's key comes again and again.
    return murmur2(partition_key.encode()) & 0x7FFFFFFF


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    pending = [task for task in tasks if not task.done()]
    for task in pending:
        task.cancel()
    if pending:
        await asyncio.wait(pending)
