"""A backfill publishes everything again, in pages, and ends each partition with a marker."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from importlib.resources import files
from uuid import UUID, uuid4

import pytest

from licet_chassis.backfill import Snapshots, backfill
from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database
from licet_events import Topic
from licet_events.holders import HolderKind, HolderSnapshot, HolderState
from licet_events.operations import BackfillFinished
from licet_events.partition import partition_for
from support.publishing import published_event

NOW = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def database(database_url) -> AsyncIterator[Database]:
    database = await Database.open(database_url, service="test")
    async with database.reading() as conn:
        await conn.execute(files("licet_chassis").joinpath("schema", "0001.sql").read_text())
    yield database
    await database.close()


def holders(count: int) -> Snapshots:
    states = [
        HolderState(
            id=UUID(int=n), version=n + 1, kind=HolderKind.VENDOR, name="n", created_at=NOW, updated_at=NOW
        )
        for n in range(count)
    ]

    async def page(conn, cursor, limit):
        start = cursor or 0
        end = start + limit
        return [HolderSnapshot(holder=s) for s in states[start:end]], end if end < count else None

    return Snapshots("holders", Topic.HOLDERS, page)


async def drain(database: Database, stop: asyncio.Event) -> list:
    """Be the relay: take what is in the outbox, in order."""
    taken = []
    while not stop.is_set():
        async with database.reading() as conn:
            rows = await conn.fetch(
                "delete from outbox returning id, topic, partition_key, record_key, headers, value"
            )
        taken += sorted(rows, key=lambda row: row["id"])
        await asyncio.sleep(0.01)
    return taken


async def run(database: Database, count: int, run_id: UUID) -> list:
    stop = asyncio.Event()
    relay = asyncio.create_task(drain(database, stop))
    await backfill([holders(count)], database, BusinessClock(movable=False), run=run_id, page_size=7)
    async with asyncio.timeout(60):
        while True:
            async with database.reading() as conn:
                if not await conn.fetchval("select count(*) from outbox"):
                    break
    stop.set()
    return await relay


def events_of(rows) -> list:
    return [(row, published_event(row)) for row in rows]


async def test_every_state_comes_once_with_its_version_and_each_partition_ends_with_a_marker(database):
    events = events_of(await run(database, 40, uuid4()))
    snapshots = [event for _, event in events if isinstance(event.data, HolderSnapshot)]
    assert [event.data.holder.version for event in snapshots] == list(range(1, 41))
    markers = [(row, event.data) for row, event in events if isinstance(event.data, BackfillFinished)]
    assert [marker.partition for _, marker in markers] == list(range(12))
    for row, marker in markers:
        assert partition_for(row["partition_key"], 12) == marker.partition
    assert all(
        row["id"] > max(r["id"] for r, e in events if isinstance(e.data, HolderSnapshot))
        for row, _ in markers
    )


async def test_a_run_that_is_repeated_repeats_its_ids_and_another_run_does_not(database):
    run_id = uuid4()
    first = {event.id for _, event in events_of(await run(database, 20, run_id))}
    again = {event.id for _, event in events_of(await run(database, 20, run_id))}
    other = {event.id for _, event in events_of(await run(database, 20, uuid4()))}
    assert first == again
    assert not first & other
