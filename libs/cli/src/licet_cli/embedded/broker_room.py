"""Holds the relay back on the embedded broker, which keeps only the newest few megabytes of a partition.

librdkafka's mock broker drops the oldest records of a partition beyond some 5 MB, read or not. So the
relay publishes only while every group of the run is close behind; the rest waits in the outbox.
"""

import asyncio
from collections.abc import Sequence
from time import monotonic

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError

from licet_chassis.database import TRANSIENT, Database
from licet_chassis.kafka import KafkaAccess
from licet_chassis.queries import load_queries
from licet_events import Topic

_QUERIES = load_queries("licet_cli.embedded", "broker_room.sql")
_log = structlog.get_logger("licet.outbox")
CONSUMER_GROUPS = (
    "licet-credentials.schedule",
    "licet-credentials.awards",
    "licet-certifications.facts",
    "licet-certifications.schedule",
    "licet-certifications.bookings",
    "licet-certifications.completions",
    "licet-scheduler.states",
    "licet-notifier.notifier",
)
"""The consumer groups of the services, all of them."""
_LOOK_EVERY = 0.2
_LOOK_SECONDS = 10.0
_FRAMING = 70
"""Bytes that a record takes on the log beside its key, headers and value, with its share of a batch."""
_PARTITIONS = [TopicPartition(topic.value, number) for topic in Topic for number in range(topic.partitions)]


class BrokerRoom:
    """A gate of the relay: open while no group is more than `room` bytes behind on any partition.

    Between two looks it grants no more bytes than half of `room` (and what was granted before a look may
    not be on the log yet), so a partition never holds more than twice `room` that a group has not read.
    Bytes behind are counted in records, each taken to be as large as the largest of its topic that this
    outbox has had. A group that has committed nothing at all has not begun, and is waited for.
    """

    batch_size = 20
    """Rows that the relay may read for one grant; few, so that large ones do not add up."""

    def __init__(self, kafka: KafkaAccess, database: Database, groups: Sequence[str], room: int) -> None:
        self._kafka = kafka
        self._database = database
        self._groups = groups
        self._room = room
        self._budget = 0
        self._read_bytes = 0
        self._largest: dict[str, int] = {}
        self._looked = -_LOOK_EVERY
        self._admin: AIOKafkaAdminClient | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._waiting_logged = False

    async def is_open(self) -> bool:
        """Return whether the relay may read and publish once more."""
        if self._budget >= self._read_bytes > 0:
            self._budget -= self._read_bytes
            return True
        if monotonic() - self._looked < _LOOK_EVERY:
            return False
        self._looked = monotonic()
        try:
            async with asyncio.timeout(_LOOK_SECONDS):
                if not await self._measure_waiting():
                    return True  # an empty outbox has nothing to send, and costs the broker no question
                behind = await self._behind()
        except (KafkaError, *TRANSIENT) as error:
            _log.warning("outbox.room_unknown", error=type(error).__name__)
            await self.close()
            return False
        if behind is None or behind > self._room:
            if not self._waiting_logged:
                self._waiting_logged = True
                _log.info("outbox.waits_for_readers", bytes_behind=behind)
            self._budget = 0
            return False
        self._waiting_logged = False
        # At least one read goes where nothing is unread, however large its rows are.
        self._budget = max(self._room // 2, 0 if behind else self._read_bytes) - self._read_bytes
        return self._budget >= 0

    async def close(self) -> None:
        """Close the connections; the next question opens new ones."""
        admin, consumer = self._admin, self._consumer
        self._admin = self._consumer = None
        for client in (admin.close() if admin else None, consumer.stop() if consumer else None):
            if client is None:
                continue
            try:
                async with asyncio.timeout(3):
                    await client
            except (KafkaError, *TRANSIENT) as error:
                _log.info("outbox.room_close_failed", error=type(error).__name__)

    async def _measure_waiting(self) -> bool:
        """Learn how large the next rows are; returns whether there are any."""
        async with self._database.reading() as conn:
            rows = await conn.fetch(_QUERIES["sizes_of_next_rows"], 50 * self.batch_size)
        for row in rows:
            size = row["largest"] + _FRAMING
            self._largest[row["topic"]] = max(size, self._largest.get(row["topic"], 0))
        # No read can take more than this many of the largest.
        sizes = sorted((size for row in rows for size in row["sizes"]), reverse=True)[: self.batch_size]
        self._read_bytes = sum(sizes) + _FRAMING * len(sizes)
        return bool(rows)

    async def _behind(self) -> int | None:
        """Return by how many bytes the slowest group is behind on a partition; `None`: one has not begun."""
        admin, consumer = await self._clients()
        ends = await consumer.end_offsets(_PARTITIONS)
        worst = 0
        for group in self._groups:
            offsets = await admin.list_consumer_group_offsets(group, partitions=_PARTITIONS)
            begun = {tp: found.offset for tp, found in offsets.items() if found.offset >= 0}
            if not begun:
                return None
            worst = max(
                worst,
                *((ends[tp] - offset) * self._largest.get(tp.topic, 0) for tp, offset in begun.items()),
            )
        return worst

    async def _clients(self) -> tuple[AIOKafkaAdminClient, AIOKafkaConsumer]:
        if self._admin is None:
            self._admin = AIOKafkaAdminClient(**self._kafka.client_options(), request_timeout_ms=5_000)
            await self._admin.start()
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(**self._kafka.client_options(), request_timeout_ms=5_000)
            await self._consumer.start()
        return self._admin, self._consumer
