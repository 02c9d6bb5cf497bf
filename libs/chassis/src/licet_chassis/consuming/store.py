"""The tables of consuming: inbox (effects had), progress, parked records and waiting events."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.consuming.records import Raw, pair_headers
from licet_chassis.queries import load_queries

QUERIES = load_queries("licet_chassis.consuming")

ParkingKey = tuple[str, str, str]
"""Consumer, topic and partition key: what records are parked and replayed by, in order."""
Partition = tuple[str, int]
"""Topic and number."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a consumer has come on a partition."""

    topic: str
    partition: int
    cluster_id: str
    offset: int


@dataclass(frozen=True, slots=True)
class ParkedRecord:
    """A dead letter: a record that could not be handled. It is replayed once its cause is gone."""

    id: int
    consumer: str
    topic: str
    partition: int
    offset: int
    partition_key: str
    reason: str
    attempts: int
    parked_at: datetime


@dataclass(frozen=True, slots=True)
class WaitingEvent:
    """An event whose effect needs a state that has not arrived yet."""

    id: int
    consumer: str
    event_id: UUID
    needs: str
    reason: str
    raw: Raw
    overdue: bool
    """Whether it has waited for as long as it may."""


# ── effects ───────────────────────────────────────────────────────────────────────────────────────


async def note_effect(conn: Connection, consumer: str, event_id: UUID) -> bool:
    """Note that an event takes effect; returns false if it did before."""
    return bool(await conn.fetchval(QUERIES["note_effect"], consumer, event_id))


async def forget_effects(conn: Connection, older_than: timedelta) -> bool:
    """Drop notes of old effects, a bounded number at once; returns whether there were any."""
    status = await conn.execute(QUERIES["forget_effects"], older_than)
    return not status.endswith(" 0")


# ── positions ─────────────────────────────────────────────────────────────────────────────────────


async def keep_progress(
    conn: Connection, consumer: str, cluster_id: str, positions: Mapping[Partition, int]
) -> None:
    """Keep the next offsets to read, ordered by partition so that members lock rows in one order."""
    partitions = sorted(positions)
    await conn.execute(
        QUERIES["keep_progress"], consumer, [topic for topic, _ in partitions],
        [partition for _, partition in partitions], [cluster_id] * len(partitions),
        [positions[partition] for partition in partitions],
    )  # fmt: skip


async def read_progress(conn: Connection, consumer: str, topics: Sequence[str]) -> list[Position]:
    """Return the positions on some topics."""
    rows = await conn.fetch(QUERIES["read_progress"], consumer, topics)
    return [Position(row["topic"], row["partition"], row["cluster_id"], row["position"]) for row in rows]


async def touch_progress(
    conn: Connection, consumer: str, cluster_id: str, partitions: Sequence[Partition]
) -> None:
    """Note that partitions are still read, though nothing came."""
    await conn.execute(
        QUERIES["touch_progress"], consumer, cluster_id,
        [topic for topic, _ in partitions], [partition for _, partition in partitions],
    )  # fmt: skip


async def lose_stale_positions(
    conn: Connection,
    consumer: str,
    cluster_id: str,
    *,
    topics: Sequence[str],
    compacted: Sequence[str],
    unread_limit: timedelta,
) -> int:
    """Mark positions as lost: in another cluster, or on a compacted topic and unread for too long."""
    lost = await conn.fetch(
        QUERIES["lose_stale_positions"], consumer, cluster_id, compacted, unread_limit, topics
    )
    return len(lost)


async def lose_position(conn: Connection, consumer: str, partition: Partition, offset: int) -> None:
    """Mark a position as lost; it begins again at `offset`, where the log is read now."""
    await conn.execute(QUERIES["lose_position"], consumer, *partition, offset)


async def find_position(
    conn: Connection,
    consumer: str,
    partition: Partition,
    *,
    started_at: datetime,
    owner: str,
    owners: Sequence[str],
) -> None:
    """Note that a backfill of `owner` was read; the position is found once all owners' were."""
    await conn.execute(QUERIES["find_position"], consumer, *partition, started_at, owner, owners)


async def lost_positions(conn: Connection, read: Sequence[tuple[str, str]]) -> list[tuple[str, str, int]]:
    """Return which partitions, of these consumers and topics, need a backfill."""
    rows = await conn.fetch(
        QUERIES["lost_positions"], [consumer for consumer, _ in read], [topic for _, topic in read]
    )
    return [(row["consumer"], row["topic"], row["partition"]) for row in rows]


# ── parked records ────────────────────────────────────────────────────────────────────────────────


async def any_parked(conn: Connection, consumer: str, records: Sequence[Raw]) -> bool:
    """Return whether the partition key of any of the records has parked ones."""
    # Nearly always nothing is parked at all, which costs one look and no computing of keys.
    if not await conn.fetchval(QUERIES["any_parked"], consumer):
        return False
    keys = {(raw.topic, raw.partition_key) for raw in records}
    return bool(
        await conn.fetchval(
            QUERIES["any_parked_of"], consumer, [topic for topic, _ in keys], [key for _, key in keys]
        )
    )


async def lock_key(conn: Connection, key: ParkingKey) -> None:
    """Keep others from parking or replaying records of the key until the transaction ends."""
    await conn.execute(QUERIES["lock_key"], *key)


async def is_parked(conn: Connection, key: ParkingKey) -> bool:
    """Return whether the key has parked records."""
    return bool(await conn.fetchval(QUERIES["is_parked"], *key))


async def park(
    conn: Connection, consumer: str, raw: Raw, *, reason: str, attempts: int, cluster_id: str
) -> None:
    """Keep a record with its bytes; parking it again changes nothing."""
    await conn.execute(
        QUERIES["park"], consumer, cluster_id, raw.topic, raw.partition, raw.offset,
        raw.partition_key, raw.key, raw.flat_headers(), raw.value, reason, attempts,
    )  # fmt: skip


async def list_parked(conn: Connection, after: int, limit: int) -> list[ParkedRecord]:
    """Return parked records by id, after one."""
    return [_parked(row) for row in await conn.fetch(QUERIES["list_parked"], after, limit)]


async def find_parked(conn: Connection, parked_id: int) -> tuple[ParkedRecord, Raw] | None:
    """Return a parked record and its bytes, replayed or not."""
    row = await conn.fetchrow(QUERIES["show_parked"], parked_id)
    return None if row is None else (_parked(row), _raw(row))


async def parked_keys(
    conn: Connection, ids: Sequence[int] | None, after: ParkingKey, limit: int
) -> list[ParkingKey]:
    """Return the keys that have parked records, or those of the records `ids`, in order, after one."""
    rows = await conn.fetch(QUERIES["parked_keys_to_replay"], ids, limit, *after)
    return [(row["consumer"], row["topic"], row["partition_key"]) for row in rows]


async def next_parked(conn: Connection, key: ParkingKey) -> tuple[int, Raw] | None:
    """Return the id and the bytes of a key's oldest parked record, locked."""
    row = await conn.fetchrow(QUERIES["next_parked"], *key)
    return None if row is None else (row["id"], _raw(row))


async def mark_replayed(conn: Connection, parked_id: int) -> None:
    """Note that a parked record has been handled."""
    await conn.execute(QUERIES["mark_replayed"], parked_id)


async def mark_failed_again(conn: Connection, parked_id: int, reason: str) -> None:
    """Note that a parked record failed once more, and why."""
    await conn.execute(QUERIES["mark_failed_again"], parked_id, reason)


async def count_parked(conn: Connection) -> int:
    """Return how many records are parked and not replayed."""
    count: int = await conn.fetchval(QUERIES["count_parked"])
    return count


# ── waiting events ────────────────────────────────────────────────────────────────────────────────


async def keep_waiting(
    conn: Connection, consumer: str, raw: Raw, event_id: UUID, *, needs: str, reason: str, delay: timedelta
) -> None:
    """Keep an event until `needs` arrives, or until it is tried again after `delay`."""
    await conn.execute(
        QUERIES["keep_waiting"], consumer, event_id, needs, reason, raw.topic, raw.partition, raw.offset,
        raw.partition_key, raw.key, raw.flat_headers(), raw.value, delay,
    )  # fmt: skip


async def wake_waiting(conn: Connection, provided: Collection[str]) -> None:
    """Make the events that wait for one of these due now."""
    await conn.execute(QUERIES["wake_waiting"], sorted(provided))


async def claim_waiting(conn: Connection, patience: timedelta) -> WaitingEvent | None:
    """Return an event that is due, locked, passing over those that others have locked."""
    row = await conn.fetchrow(QUERIES["claim_waiting"], patience)
    if row is None:
        return None
    return WaitingEvent(
        row["id"], row["consumer"], row["event_id"], row["needs"], row["reason"], _raw(row), row["overdue"]
    )


async def drop_waiting(conn: Connection, waiting_id: int) -> None:
    """Delete an event that was handled or given up."""
    await conn.execute(QUERIES["drop_waiting"], waiting_id)


async def postpone_waiting(
    conn: Connection, waiting_id: int, *, needs: str, reason: str, at_least: timedelta, at_most: timedelta
) -> None:
    """Try an event again after as long as it has waited already, within bounds."""
    await conn.execute(QUERIES["postpone_waiting"], waiting_id, needs, reason, at_least, at_most)


async def fail_waiting(conn: Connection, waiting_id: int, delay: timedelta) -> int | None:
    """Count a failure of an event and return how many it has had; `None` where it is gone."""
    attempts: int | None = await conn.fetchval(QUERIES["fail_waiting"], waiting_id, delay)
    return attempts


async def count_waiting_due(conn: Connection) -> int:
    """Return how many waiting events can be tried now, or are so young that what they need may be near."""
    count: int = await conn.fetchval(QUERIES["count_waiting_due"])
    return count


# ── rows ──────────────────────────────────────────────────────────────────────────────────────────


def _raw(row: asyncpg.Record) -> Raw:
    return Raw(
        row["topic"], row["partition"], row["position"], row["record_key"], pair_headers(row["headers"]),
        row["value"],
    )  # fmt: skip


def _parked(row: asyncpg.Record) -> ParkedRecord:
    return ParkedRecord(
        row["id"], row["consumer"], row["topic"], row["partition"], row["position"], row["partition_key"],
        row["reason"], row["attempts"], row["parked_at"],
    )  # fmt: skip
