"""Sending rows of the outbox to Kafka in batches, in order per partition."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

_CLOSE_SECONDS = 3.0


class SendFailed(Exception):
    """A batch was not acknowledged; its producer must not be used any more.

    `topic` is the one the broker refused, or `None` where the trouble is not with one topic.
    """

    def __init__(self, topic: str | None, reason: str) -> None:
        super().__init__(reason)
        self.topic = topic
        self.reason = reason


@dataclass(slots=True)
class Batch:
    """Rows on their way to one partition."""

    topic: str
    partition: int
    builder: BatchBuilder
    rows: list[int] = field(default_factory=list)
    bytes: int = 0


Lane = tuple[str, int]


class Sender:
    """Sends batches with one producer and has at most one unacknowledged per partition.

    That one is what keeps the order. With two under way an idempotent producer does not: if the first
    is refused for good, the second carries a sequence number after a gap; the broker refuses it only if
    it has stored a batch of this producer on that partition before, and stores it otherwise, so later
    rows would stand before earlier ones. aiokafka has one request at a time under way to each broker
    anyway, so waiting costs a turn of the event loop.

    After the first failure nothing more is submitted; discard the sender and its producer.
    All methods belong to one event loop; `run` is the only task that submits.
    """

    def __init__(
        self,
        producer: AIOKafkaProducer,
        *,
        acknowledged: Callable[[Batch], None],
        delivery_timeout: float,
        allowed: Callable[[], bool] = lambda: True,
    ) -> None:
        """`allowed` is asked before each batch; where it says no, nothing more is submitted."""
        self._allowed = allowed
        self._producer = producer
        self._acknowledged = acknowledged
        self._delivery_timeout = delivery_timeout
        self._lanes: dict[Lane, deque[Batch]] = {}
        self._ready: dict[Lane, None] = {}
        self._under_way: dict[Lane, tuple[asyncio.Future[object], float]] = {}
        self._submitting: Lane | None = None
        """Whose batch is being handed to the producer, which may wait for metadata."""
        self._wake = asyncio.Event()
        self._failure: SendFailed | None = None
        self._halted = False
        self._detached = False
        self.bytes = 0
        """Of values and keys queued or under way."""

    def add(
        self,
        lane: Lane,
        row: int,
        key: bytes,
        value: bytes | None,
        headers: Sequence[tuple[str, bytes]],
        timestamp_ms: int,
    ) -> None:
        """Queue a row behind the others of its partition."""
        queue = self._lanes.get(lane)
        if queue is None:
            queue = self._lanes[lane] = deque()
        batch = queue[-1] if queue else None
        # A full builder refuses; a new one takes its first record whatever its size.
        if (
            batch is None
            or batch.builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers) is None
        ):
            batch = Batch(*lane, self._producer.create_batch())
            batch.builder.append(timestamp=timestamp_ms, key=key, value=value, headers=headers)
            queue.append(batch)
        batch.rows.append(row)
        size = len(key) + (len(value) if value is not None else 0)
        batch.bytes += size
        self.bytes += size
        if lane not in self._under_way and lane != self._submitting:
            self._ready[lane] = None
            self._wake.set()

    async def run(self) -> None:
        """Submit what is queued until a batch fails; then raise `SendFailed`. Returns once halted."""
        while not self._halted:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1.0):
                    await self._wake.wait()
            self._wake.clear()
            self._refuse_silence()
            while self._ready and self._failure is None and not self._halted:
                lane = next(iter(self._ready))
                del self._ready[lane]
                if not self._allowed():
                    self.halt()
                    return
                await self._submit(lane)
            if self._failure is not None:
                raise self._failure

    def halt(self) -> None:
        """Submit nothing from now on."""
        self._halted = True
        self._wake.set()

    async def settle(self, seconds: float) -> None:
        """Wait for the batches under way, so long at most; what comes later is not heard any more."""
        self.halt()
        futures = [future for future, _ in self._under_way.values()]
        if futures:
            await asyncio.wait(futures, timeout=seconds)
            await asyncio.sleep(0)  # lets the last futures' callbacks run
        self._detached = True

    async def _submit(self, lane: Lane) -> None:
        topic, partition = lane
        batch = self._lanes[lane].popleft()
        self._submitting = lane
        try:
            # A topic that vanished from the metadata would hold up every other one here.
            async with asyncio.timeout(self._delivery_timeout):
                future = await self._producer.send_batch(batch.builder, topic, partition=partition)
        except (KafkaError, TimeoutError, AssertionError) as error:
            # aiokafka asserts that the partition is in its metadata.
            self._failure = SendFailed(topic, type(error).__name__)
            return
        finally:
            self._submitting = None
        self._under_way[lane] = (future, time.monotonic() + self._delivery_timeout)
        future.add_done_callback(partial(self._done, lane, batch))

    def _done(self, lane: Lane, batch: Batch, future: "asyncio.Future[object]") -> None:
        error = None if future.cancelled() else future.exception()
        if self._detached:
            return
        del self._under_way[lane]
        self._wake.set()
        if error is not None or future.cancelled():
            self._failure = self._failure or SendFailed(batch.topic, type(error).__name__)
            return
        self.bytes -= batch.bytes
        if self._lanes[lane]:
            self._ready[lane] = None
        self._acknowledged(batch)

    def _refuse_silence(self) -> None:
        # The batches of an idempotent producer never expire: without this an outage would go unnoticed.
        now = time.monotonic()
        if self._failure is None and any(deadline < now for _, deadline in self._under_way.values()):
            self._failure = SendFailed(None, "no acknowledgement in time")


async def close_producer(producer: AIOKafkaProducer) -> None:
    """Close a producer within seconds, whatever it still holds; nothing is sent afterwards.

    `stop()` waits for every batch, and those of an idempotent producer never expire; given up half-way
    it leaves a task behind that would send old batches once the broker is back. So its task is ended
    here first. aiokafka has no public way to do that (0.14).
    """
    task: asyncio.Task[None] | None = producer._sender.sender_task
    producer._closed = True  # what stop() sets first
    if task is not None:
        task.cancel()
    with contextlib.suppress(TimeoutError, OSError, KafkaError):
        async with asyncio.timeout(_CLOSE_SECONDS):
            await producer.client.close()
    # Cancelled, the task still waits for its requests, whose connections have just been closed; one of
    # them may wait for metadata that nobody fetches now, and takes a cancellation of its own.
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait([task], timeout=_CLOSE_SECONDS)
