"""What the consuming wrapper promises, on a real broker and a real database."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import asyncpg
import pytest

from licet_chassis.clock import BusinessClock
from licet_chassis.consuming import Consumer, Effect, MissingPrerequisite, PermanentFailure, Projection
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.parked import replay
from licet_chassis.consuming.reader import Reader
from licet_chassis.consuming.store import QUERIES
from licet_chassis.consuming.waiting import waiting_loop
from licet_chassis.kafka import KafkaAccess
from licet_events import Event, Topic, encode
from licet_events.holders import HolderRegistered, HolderUpdated
from licet_events.operations import BackfillFinished
from support.consuming import (
    NOW,
    PATIENCE,
    effect_count,
    holder_event,
    parked_count,
    producing,
    raw,
    reading,
    send,
    until,
)


async def test_an_event_that_comes_three_times_has_one_effect(empty_kafka, database, dispatcher):
    records = [encode(holder_event(uuid4())) for _ in range(50)]
    async with reading(dispatcher, database, empty_kafka):
        await send(empty_kafka, *records, *records, *records)
        last = encode(holder_event(uuid4()))
        await send(empty_kafka, last)
        await until(effect_count(database, 51), "all effects")
    async with database.reading() as conn:
        assert await conn.fetchval("select count(*) from effects") == 51


async def test_poison_parks_its_own_key_only_and_comes_back_by_replay(
    empty_kafka, database, dispatcher, effects
):
    bad, good = uuid4(), uuid4()
    effects.failing[bad] = PermanentFailure("the handler can't")
    poison = encode(holder_event(bad, 1))
    behind = encode(holder_event(bad, 2, HolderUpdated))
    async with reading(dispatcher, database, empty_kafka):
        await send(empty_kafka, poison, behind, encode(holder_event(good)))
        await until(effect_count(database, 1), "the good one")
        await until(parked_count(database, 2), "the poison and the one behind it")
        effects.failing.clear()
        # What comes while the key is parked waits behind it, though nothing is wrong with it.
        third = encode(holder_event(bad, 3, HolderUpdated))
        await send(empty_kafka, third)
        await until(parked_count(database, 3), "the third of the key")
    async with database.reading() as conn:
        row = await conn.fetchrow("select * from parked order by id limit 1")
        assert row["value"] == poison.value
        assert row["record_key"] == poison.key
        assert row["headers"] == [part for name, value in poison.headers for part in (name.encode(), value)]
        assert "the handler can't" in row["reason"]
    result = await replay([dispatcher], database, "test", None)
    again = await replay([dispatcher], database, "test", None)
    assert (result.replayed, result.still_parked) == (3, 0)
    assert (again.replayed, again.still_parked) == (0, 0)
    async with database.reading() as conn:
        versions = await conn.fetch("select version from effects where holder_id = $1 order by n", bad)
    assert [row["version"] for row in versions] == [1, 2, 3]


@pytest.mark.parametrize(
    ("headers", "value"),
    [
        (
            [("ce_specversion", b"1.0"), ("ce_type", b"licet.holder.registered.v1"), ("ce_id", b"x")],
            b"{not json",
        ),
        ([("ce_specversion", b"1.0"), ("ce_type", b"\xff\xfe")], b"{}"),
        ([], b"no headers at all"),
        ([("ce_specversion", b"1.0"), ("ce_type", b"licet.holder.registered.v1")], None),
        ([("ce_specversion", b"0.3"), ("ce_type", b"licet.holder.registered.v1")], b"{}"),
    ],
    ids=["not json", "header not utf-8", "no headers", "null value", "other specversion"],
)
async def test_a_malformed_record_is_parked_with_its_bytes_and_the_rest_flows(
    empty_kafka, database, dispatcher, headers, value
):
    key = uuid4().hex.encode()
    async with reading(dispatcher, database, empty_kafka):
        async with producing(empty_kafka) as producer:
            await producer.send_and_wait(Topic.HOLDERS, value=value, key=key, headers=headers, partition=3)
        await send(empty_kafka, encode(holder_event(uuid4())))
        await until(effect_count(database, 1), "the one behind")
        await until(parked_count(database, 1), "the malformed one")
    async with database.reading() as conn:
        row = await conn.fetchrow("select * from parked where record_key = $1", key)
    assert row["value"] == value
    assert row["headers"] == [part for name, text in headers for part in (name.encode(), text)]


async def test_an_unknown_type_is_skipped_and_never_parked(empty_kafka, database, dispatcher):
    record = encode(holder_event(uuid4()))
    headers = [(n, b"licet.holder.promoted.v7" if n == "ce_type" else v) for n, v in record.headers]
    async with reading(dispatcher, database, empty_kafka):
        async with producing(empty_kafka) as producer:
            await producer.send_and_wait(Topic.HOLDERS, value=b"?", key=b"k", headers=headers, partition=0)
        await send(empty_kafka, encode(holder_event(uuid4())))
        await until(effect_count(database, 1), "the one behind")
    async with database.reading() as conn:
        assert await conn.fetchval("select count(*) from parked where record_key = 'k'") == 0


async def test_a_failing_transaction_is_not_parked_but_tried_until_the_database_is_back(
    empty_kafka, database, dispatcher, effects
):
    failures = iter([asyncpg.exceptions.CannotConnectNowError("starting up")] * 4)

    async def outage() -> None:
        error = next(failures, None)
        if error is not None:
            raise error

    effects.before = outage
    async with reading(dispatcher, database, empty_kafka):
        await send(empty_kafka, *(encode(holder_event(uuid4())) for _ in range(5)))
        await until(effect_count(database, 5), "all five after the outage")
    async with database.reading() as conn:
        assert await conn.fetchval("select count(*) from effects") == 5
        assert await conn.fetchval(QUERIES["count_parked"]) == 0


async def test_a_stop_finishes_the_batch_in_hand_and_nothing_is_read_twice(
    empty_kafka, database, dispatcher, effects
):
    entered, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        entered.set()
        await go_on.wait()

    effects.before = hold
    reader = Reader([dispatcher], database, KafkaAccess(empty_kafka.bootstrap), dispatcher.service)
    stop = asyncio.Event()
    task = asyncio.create_task(reader.run(stop))
    await send(empty_kafka, encode(holder_event(uuid4())))
    await asyncio.wait_for(entered.wait(), PATIENCE)
    stop.set()
    go_on.set()
    await asyncio.wait_for(task, 30)
    async with database.reading() as conn:
        assert await conn.fetchval("select count(*) from effects") == 1
    handled = []

    async def note() -> None:
        handled.append(1)

    effects.before = note
    async with reading(dispatcher, database, empty_kafka):
        await send(empty_kafka, encode(holder_event(uuid4())))
        await until(effect_count(database, 2), "the next one")
    assert handled == [1], "the first record was handed out again"


async def test_an_effect_waits_for_what_has_not_arrived_and_happens_when_it_does(database):
    holder_id = uuid4()

    async def project(tx, events, now):
        for event in events:
            await tx.conn.execute(
                "insert into projected values ($1, $2)", event.data.holder.id, event.data.holder.version
            )

    async def effect(tx, event, now):
        wanted = event.data.holder.id
        if not await tx.conn.fetchval("select true from projected where holder_id = $1", wanted):
            raise MissingPrerequisite(f"holder:{wanted}", "holder_unknown")
        await tx.conn.execute("insert into effects (event_id) values ($1)", event.id)

    clock = BusinessClock(movable=False)
    provides = lambda data: f"holder:{data.holder.id}"  # noqa: E731
    consumer = Consumer(
        "both",
        (Topic.HOLDERS,),
        (Projection((HolderRegistered,), project, provides), Effect((HolderUpdated,), effect)),
    )
    dispatcher = Dispatcher(consumer, database, clock, "test")
    loop = waiting_loop([dispatcher], database, clock, "test")

    await dispatcher.handle([raw(encode(holder_event(holder_id, 2, HolderUpdated)), 0)], "cluster")
    while await loop.step():
        pass
    assert not await effect_count(database, 1)()
    await dispatcher.handle([raw(encode(holder_event(holder_id)), 1)], "cluster")
    while await loop.step():
        pass
    assert await effect_count(database, 1)()
    async with database.reading() as conn:
        assert await conn.fetchval("select count(*) from waiting") == 0


async def test_what_waits_too_long_is_given_up_with_its_reason(database):
    given_up = []

    async def effect(tx, event, now):
        raise MissingPrerequisite("holder:nobody", "holder_unknown")

    async def give_up(tx, event, reason, now):
        given_up.append(reason)

    clock = BusinessClock(movable=False)
    dispatcher = Dispatcher(
        Consumer("c", (Topic.HOLDERS,), (Effect((HolderRegistered,), effect, give_up),)),
        database,
        clock,
        "test",
    )
    loop = waiting_loop([dispatcher], database, clock, "test", patience=timedelta(0))
    await dispatcher.handle([raw(encode(holder_event(uuid4())), 0)], "cluster")
    async with database.reading() as conn:
        await conn.execute(QUERIES["wake_waiting"], ["holder:nobody"])
    while await loop.step():
        pass
    assert given_up == ["holder_unknown"]
    async with database.reading() as conn:
        assert await conn.fetchval("select count(*) from waiting") == 0


async def test_another_cluster_needs_a_backfill_until_its_marker_was_read(empty_kafka, database, dispatcher):
    async with reading(dispatcher, database, empty_kafka):
        await send(empty_kafka, encode(holder_event(uuid4())))
        await until(effect_count(database, 1), "the first")
    async with database.reading() as conn:
        assert await conn.fetch(QUERIES["lost_positions"], ["effects"], [Topic.HOLDERS]) == []
        await conn.execute("update progress set cluster_id = 'the one before'")
    async with reading(dispatcher, database, empty_kafka) as reader:

        async def lost() -> bool:
            async with database.reading() as conn:
                return reader.connected and bool(
                    await conn.fetch(QUERIES["lost_positions"], ["effects"], [Topic.HOLDERS])
                )

        await until(lost, "the lost places")
        async with database.reading() as conn:
            partitions = [
                row["partition"]
                for row in await conn.fetch(QUERIES["lost_positions"], ["effects"], [Topic.HOLDERS])
            ]
        markers = [
            Event.of(
                BackfillFinished(
                    of=Topic.HOLDERS, run=uuid4(), started_at=datetime.now(UTC), partition=partition, route="any"  # noqa: E501
                ),
                source="/test", time=NOW, recorded_time=NOW, correlation_id="c",
            )
            for partition in partitions
        ]  # fmt: skip
        async with producing(empty_kafka) as producer:
            for marker, partition in zip(markers, partitions, strict=True):
                record = encode(marker)
                await producer.send_and_wait(
                    Topic.HOLDERS, value=record.value, key=record.key, headers=list(record.headers),
                    partition=partition,
                )  # fmt: skip

        async def found() -> bool:
            async with database.reading() as conn:
                return not await conn.fetch(QUERIES["lost_positions"], ["effects"], [Topic.HOLDERS])

        await until(found, "the places found again")


async def test_a_consumer_whose_coordination_has_ended_is_started_anew_at_once(
    empty_kafka, database, dispatcher
):
    """As after a connection that broke while it joined: aiokafka starts that task no second time."""
    async with reading(dispatcher, database, empty_kafka) as reader:
        await until(connected(reader), "the group")
        coordinator = reader._members[0].consumer._coordinator

        async def break_off() -> None:
            raise RuntimeError("unable to perform operation on <TCPTransport closed=True>")

        coordinator.ensure_coordinator_known = break_off
        coordinator.request_rejoin()
        await until(lambda: _problem(reader, "coordination has ended"), "that it is noticed")
        await send(empty_kafka, encode(holder_event(uuid4())))
        began = time.monotonic()
        await until(effect_count(database, 1), "the event")
        assert time.monotonic() - began < 10
        assert reader.problem is None


async def test_a_log_that_was_lost_under_the_same_cluster_id_is_noticed_while_nothing_comes(
    empty_kafka, database, dispatcher
):
    async with reading(dispatcher, database, empty_kafka):
        await send(empty_kafka, encode(holder_event(uuid4())))
        await until(effect_count(database, 1), "the first")
    async with database.reading() as conn:
        await conn.execute("update progress set position = position + 100")  # the log ends before it now
    async with reading(dispatcher, database, empty_kafka):

        async def lost() -> bool:
            async with database.reading() as conn:
                return bool(await conn.fetch(QUERIES["lost_positions"], ["effects"], [Topic.HOLDERS]))

        await until(lost, "the lost place")


def connected(reader) -> Callable[[], Awaitable[bool]]:
    async def joined() -> bool:
        return reader.connected and all(member.joined for member in reader._members)

    return joined


async def _problem(reader, words: str) -> bool:
    return words in (reader.problem or "")
