"""Backfill: publish the present state of everything again, for whoever missed it.

State and sequence are unchanged; ids are UUIDv5 of (aggregate, version, run), so that a run which is
repeated repeats its ids. It ends with a marker on each partition.
"""

import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock, machine_now
from licet_chassis.connection import Connection
from licet_chassis.database import Database
from licet_chassis.queries import load_queries
from licet_events import Event, EventData, Topic, encode
from licet_events.ids import derived_id, snapshot_event_id, uuid7
from licet_events.operations import BackfillFinished
from licet_events.partition import partition_for

_log = structlog.get_logger("licet.backfill")
_QUERIES = load_queries("licet_chassis", "backfill.sql")
_OUTBOX_BOUND = 5_000
_PATIENCE = 3600
"""Seconds to wait for the relay to make room; after that the run fails and can be begun again."""


@dataclass(frozen=True)
class Snapshots:
    """A kind of state that a service owns.

    `page` returns up to `limit` snapshots after a cursor (`None` at first), in a fixed order, and
    the next cursor (`None` at the end). It must lock each aggregate it reads (`for update`), so that
    no newer state gets into the outbox before the older one.
    """

    name: str
    topic: Topic
    page: Callable[[Connection, Any, int], Awaitable[tuple[Sequence[EventData], Any]]]


@dataclass(frozen=True)
class Repetition:
    """Events that are published again under their first ids, in order, page by page."""

    name: str
    topic: Topic
    page: Callable[[Connection, Any, int], Awaitable[tuple[Sequence[Event[Any]], Any]]]


async def backfill(
    sources: Sequence[Snapshots | Repetition],
    database: Database,
    clock: BusinessClock,
    *,
    run: UUID | None = None,
    page_size: int = 200,
    progress: Callable[[str, int], None] = lambda name, count: None,  # noqa: ARG005  # silence by default
) -> dict[str, int]:
    """Publish every source's state through the outbox and return how many events each gave.

    Waits while the outbox is long, so that readers keep up. Give the same `run` to go on after an
    interruption: what was published already is published again with the same ids.
    """
    run = run or uuid7()
    started = machine_now()
    cause = Cause.new(f"backfill:{run}")
    counts: dict[str, int] = {}
    for source in sources:
        counts[source.name] = 0
        async for count in _publish(source, database, clock, cause, run, page_size):
            counts[source.name] += count
            progress(source.name, counts[source.name])
    for topic in dict.fromkeys(source.topic for source in sources):
        await _mark_end(topic, database, cause, run, started, clock)
    _log.info("backfill.published", run=str(run), **counts)
    return counts


async def _publish(
    source: Snapshots | Repetition,
    database: Database,
    clock: BusinessClock,
    cause: Cause,
    run: UUID,
    page_size: int,
) -> AsyncIterator[int]:
    cursor: Any = None
    while True:
        await _wait_for_room(database)
        async with database.transaction(cause) as tx:
            if isinstance(source, Snapshots):
                states, cursor = await source.page(tx.conn, cursor, page_size)
                now = clock.now()
                await tx.publish_all(
                    [(state, snapshot_event_id(state.key, state.sequence or 0, run), now) for state in states]
                )
                count = len(states)
            else:
                events, cursor = await source.page(tx.conn, cursor, page_size)
                await tx.append([encode(event) for event in events])
                count = len(events)
        yield count
        if cursor is None:
            return


async def _wait_for_room(database: Database) -> None:
    async with asyncio.timeout(_PATIENCE):
        while True:
            async with database.reading() as conn:
                waiting = await conn.fetchval(_QUERIES["outbox_length"], _OUTBOX_BOUND)
            if waiting < _OUTBOX_BOUND:
                return
            await asyncio.sleep(0.2)


async def _mark_end(
    topic: Topic, database: Database, cause: Cause, run: UUID, started: datetime, clock: BusinessClock
) -> None:
    # Each marker is written after everything of its partition, but under another key, hence another
    # shard perhaps; so it waits until the outbox has let the snapshots go.
    await _wait_until_sent(database, topic)
    markers = [
        BackfillFinished(
            of=topic, run=run, started_at=started, partition=partition, route=route, by=database.service
        )
        for partition, route in enumerate(_routes(topic.partitions))
    ]
    async with database.transaction(cause) as tx:
        await tx.publish_all(
            [
                (marker, derived_id("backfill", run, topic, database.service, marker.partition), clock.now())
                for marker in markers
            ]
        )


async def _wait_until_sent(database: Database, topic: Topic) -> None:
    last: int | None = sys.maxsize
    async with asyncio.timeout(_PATIENCE):
        while True:
            async with database.reading() as conn:
                last = await conn.fetchval(_QUERIES["last_of_topic"], topic, last)
            if last is None:
                return
            await asyncio.sleep(0.1)


def _routes(partitions: int) -> list[str]:
    """Return, for each partition, a text that the default partitioner sends there."""
    found: dict[int, str] = {}
    number = 0
    while len(found) < partitions:
        route = f"backfill-{number}"
        found.setdefault(partition_for(route, partitions), route)
        number += 1
    return [found[partition] for partition in range(partitions)]
