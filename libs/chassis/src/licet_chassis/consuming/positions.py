"""Whether the log is still the one that a consumer left off in, or a backfill is needed."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta

import structlog
from aiokafka import TopicPartition

from licet_chassis.consuming import store
from licet_chassis.consuming.member import ASK_SECONDS, Member
from licet_chassis.consuming.records import Raw
from licet_chassis.database import Database
from licet_chassis.kafka import KafkaAccess
from licet_events import Topic

_UNREAD_LIMIT = timedelta(days=30)
"""`delete.retention.ms` of the compacted topics: who read nothing for longer may have missed a tombstone."""
_NEVER_BACKFILLED = frozenset({Topic.COMPLETIONS, Topic.NOTIFICATIONS})
"""Completions come from outside and notifications are history: no backfill can publish them again."""
_log = structlog.get_logger("licet.consuming")


class Positions:
    """Compares the positions in the database with the log, and marks those that were lost.

    A position is lost when Kafka is another cluster, when the log was truncated before it, when records
    after it have expired, or when a compacted topic was not read for longer than it keeps tombstones.
    """

    def __init__(self, database: Database, kafka: KafkaAccess) -> None:
        self._database = database
        self._kafka = kafka
        self.cluster_id = ""

    async def start(self, consumers: Sequence[Member]) -> None:
        """Learn the cluster's id and mark positions in another one, and those unread for too long."""
        async with asyncio.timeout(2 * ASK_SECONDS):
            self.cluster_id = await self._kafka.cluster_id()
        await self._lose_stale(consumers)

    async def _lose_stale(self, members: Sequence[Member]) -> None:
        async with self._database.reading() as conn:
            for member in members:
                topics = [
                    topic for topic in member.dispatcher.consumer.topics if topic not in _NEVER_BACKFILLED
                ]
                lost = await store.lose_stale_positions(
                    conn, member.name, self.cluster_id, topics=topics,
                    compacted=[topic for topic in topics if topic.compacted], unread_limit=_UNREAD_LIMIT,
                )  # fmt: skip
                if lost:
                    _log.warning("consumer.backfill_needed", consumer=member.name, partitions=lost)

    async def check(self, member: Member, raws: Sequence[Raw], members: Sequence[Member]) -> None:
        """Before the first batch of a partition, mark its position as lost if the log does not go on from it.

        It does not if the log ends before the position, or if a topic without compaction begins after it.
        """
        first = {TopicPartition(r.topic, r.partition): r.offset for r in reversed(raws)}
        new = {tp for tp in first.keys() - member.offsets.keys() if Topic(tp.topic) not in _NEVER_BACKFILLED}
        if not new:
            return
        async with self._database.reading() as conn:
            known = await store.read_progress(conn, member.name, [tp.topic for tp in new])
        known = [position for position in known if (position.topic, position.partition) in new]
        if any(first[TopicPartition(each.topic, each.partition)] < each.offset for each in known):
            # Usually only a commit that failed; but behind the same address may be another cluster now.
            await self._look_at_cluster(members)
        for position in known:
            tp = TopicPartition(position.topic, position.partition)
            if position.cluster_id != self.cluster_id or tp not in member.consumer.assignment():
                continue
            end = member.consumer.highwater(tp)
            truncated = end is not None and end < position.offset
            expired = first[tp] > position.offset and not Topic(tp.topic).compacted
            if truncated or expired:
                async with self._database.reading() as conn:
                    await store.lose_position(conn, member.name, tp, first[tp])
                _log.warning(
                    "consumer.backfill_needed", consumer=member.name, topic=tp.topic, partition=tp.partition
                )

    async def compare(self, member: Member) -> None:
        """Once after a rebalance, mark positions as lost that are beyond the end of the log.

        So a log that was lost under the same cluster id is noticed before any record comes.
        """
        assigned = [tp for tp in member.consumer.assignment() if Topic(tp.topic) not in _NEVER_BACKFILLED]
        if not assigned:
            return
        async with self._database.reading() as conn:
            known = await store.read_progress(conn, member.name, sorted({tp.topic for tp in assigned}))
        # After the positions, which others may move on meanwhile: an end that is read later is no earlier.
        async with asyncio.timeout(ASK_SECONDS):
            ends: dict[TopicPartition, int] = await member.consumer.end_offsets(assigned)
        for position in known:
            tp = TopicPartition(position.topic, position.partition)
            if position.cluster_id != self.cluster_id or ends.get(tp, position.offset) >= position.offset:
                continue
            async with self._database.reading() as conn:
                await store.lose_position(conn, member.name, tp, ends[tp])
            _log.warning(
                "consumer.backfill_needed", consumer=member.name, topic=tp.topic, partition=tp.partition,
                position=position.offset, end=ends[tp],
            )  # fmt: skip

    async def _look_at_cluster(self, members: Sequence[Member]) -> None:
        async with asyncio.timeout(2 * ASK_SECONDS):
            found = await self._kafka.cluster_id()
        if found != self.cluster_id:
            self.cluster_id = found
            await self._lose_stale(members)

    async def touch(self, members: Sequence[Member]) -> None:
        """Note that the assigned partitions are still read: a quiet topic is not an unread one."""
        async with self._database.reading() as conn:
            for member in members:
                await store.touch_progress(
                    conn, member.name, self.cluster_id, sorted(member.consumer.assignment())
                )
