"""What consuming keeps up when things go wrong: rebalances, poison, outages, the pitfalls of FastStream."""

import asyncio
import os
from collections import defaultdict
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from aiokafka import TopicPartition
from faststream import AckPolicy
from faststream.kafka import KafkaBroker

from licet_chassis.clock import BusinessClock
from licet_chassis.consuming import Consumer, Effect, MissingPrerequisite, PermanentFailure
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.parked import replay
from licet_chassis.consuming.reader import AutomaticAck, Reader, refuse_automatic_acks
from licet_chassis.consuming.store import QUERIES
from licet_chassis.consuming.waiting import waiting_loop
from licet_chassis.consuming.watchdog import Stuck
from licet_chassis.kafka import KafkaAccess
from licet_events import Record, Topic, encode
from licet_events.holders import HolderRegistered, HolderUpdated
from licet_events.partition import partition_for
from support.consuming import (
    effect_count,
    holder_event,
    parked_count,
    producing,
    raw,
    reading,
    send,
    until,
)

pytestmark = pytest.mark.faults

REAL = os.environ.get("LICET_TEST_SERVERS", "embedded") != "embedded"
EVENTS = 10_000 if REAL else 1_000
# Two members at once never come to an agreement on the mock broker: there each hands over to the next.
MEMBERS = 4 if REAL else 1
REBALANCES = 20 if REAL else 4


async def send_many(kafka, records: Sequence[Record]) -> None:
    async with producing(kafka) as producer:
        for start in range(0, len(records), 500):
            sent = [
                await producer.send(
                    record.topic, value=record.value, key=record.key, headers=list(record.headers),
                    partition=partition_for(record.partition_key, 12),
                )
                for record in records[start : start + 500]
            ]  # fmt: skip
            await asyncio.gather(*sent)


def log_of(count: int, keys: int) -> list:
    holders = [uuid4() for _ in range(keys)]
    versions: dict[UUID, int] = defaultdict(int)
    events = []
    for number in range(count):
        holder = holders[number % keys]
        versions[holder] += 1
        kind = HolderRegistered if versions[holder] == 1 else HolderUpdated
        events.append(holder_event(holder, versions[holder], kind))
    return events


class Member:
    """One instance of the service's consumers."""

    def __init__(self, dispatcher, database, kafka) -> None:
        self.reader = Reader([dispatcher], database, KafkaAccess(kafka.bootstrap), dispatcher.service)
        self._stop = asyncio.Event()
        self._task = asyncio.create_task(self.reader.run(self._stop))

    async def end(self) -> None:
        self._stop.set()
        await asyncio.wait_for(self._task, 60)


@pytest.mark.timeout(600)
async def test_a_log_delivered_three_times_over_rebalancing_members_takes_effect_once_and_in_order(
    empty_kafka, database, dispatcher
):
    events = log_of(EVENTS, EVENTS // 10)
    records = [encode(event) for event in events]
    clock = BusinessClock(movable=False)

    def member() -> Member:
        return Member(
            Dispatcher(dispatcher.consumer, database, clock, dispatcher.service), database, empty_kafka
        )

    members = [member() for _ in range(MEMBERS)]
    producing_all = asyncio.create_task(send_many(empty_kafka, [*records, *records, *records]))
    rebalances = 0
    async with asyncio.timeout(500):
        for _ in range(REBALANCES // 2):
            # One leaves with what it has in hand, and another joins: two rebalances.
            await members.pop(0).end()
            members.append(member())
            rebalances += 2
            while not members[-1].reader.connected:  # noqa: ASYNC110  # the group has no signal for us
                await asyncio.sleep(0.05)
        await producing_all
        while not await effect_count(database, EVENTS)():  # noqa: ASYNC110  # the state is in a database
            await asyncio.sleep(0.1)

        async def read_out() -> bool:
            return sum([await each.reader.lag() for each in members]) == 0

        while not await read_out():  # noqa: ASYNC110  # the state is on the broker
            await asyncio.sleep(0.1)
    for each in members:
        await each.end()
    async with database.reading() as conn:
        rows = await conn.fetch("select event_id, holder_id, version from effects order by n")
        assert await conn.fetchval(QUERIES["count_parked"]) == 0
    assert rebalances >= REBALANCES, "not tested"
    assert sorted(row["event_id"] for row in rows) == sorted(event.id for event in events)
    seen: dict[UUID, list[int]] = defaultdict(list)
    for row in rows:
        seen[row["holder_id"]].append(row["version"])
    assert all(versions == sorted(versions) for versions in seen.values())


@pytest.mark.timeout(300)
async def test_one_percent_poison_is_parked_as_it_is_and_replayed_once(
    empty_kafka, database, dispatcher, effects
):
    count = 20_000 if REAL else 1_000
    events = log_of(count, count // 5)
    poison = {event.data.holder.id: event for event in events[: count // 100]}
    effects.failing = {holder: PermanentFailure("poison") for holder in poison}
    behind = [event for event in events if event.data.holder.id in poison]
    async with reading(dispatcher, database, empty_kafka):
        await send_many(empty_kafka, [encode(event) for event in events])
        async with asyncio.timeout(200):
            while not await parked_count(database, len(behind))():  # noqa: ASYNC110  # as above
                await asyncio.sleep(0.1)
            while not await effect_count(database, count - len(behind))():  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    async with database.reading() as conn:
        rows = await conn.fetch("select * from parked order by id")
        assert await conn.fetchval("select count(*) from effects") == count - len(behind)
    first = [row for row in rows if row["attempts"] > 0]
    kept = {(row["record_key"], row["value"], tuple(row["headers"])) for row in first}
    records = [encode(event) for event in poison.values()]
    assert kept == {
        (r.key, r.value, tuple(part for name, value in r.headers for part in (name.encode(), value)))
        for r in records
    }
    assert len(rows) == len(behind)
    effects.failing.clear()
    result = await replay([dispatcher], database, "test", None)
    assert (result.replayed, result.still_parked) == (len(behind), 0)
    async with database.reading() as conn:
        rows = await conn.fetch(
            "select holder_id, version from effects where holder_id = any($1) order by n", list(poison)
        )
    assert len(rows) == len(behind)
    for holder in poison:
        versions = [row["version"] for row in rows if row["holder_id"] == holder]
        assert versions == sorted(set(versions))


async def test_a_database_that_restarts_while_consuming_loses_and_doubles_nothing(
    empty_kafka, postgres, database, dispatcher, effects
):
    events = log_of(600, 60)
    restarted = asyncio.Event()
    handled = 0

    async def count_up() -> None:
        nonlocal handled
        handled += 1
        if handled == 100:
            await postgres.restart()
            restarted.set()

    effects.before = count_up
    async with reading(dispatcher, database, empty_kafka):
        await send_many(empty_kafka, [encode(event) for event in events])
        async with asyncio.timeout(90):
            await restarted.wait()
            while True:
                try:
                    if await effect_count(database, len(events))():
                        break
                except (OSError, TimeoutError):
                    pass
                await asyncio.sleep(0.1)
    async with database.reading() as conn:
        ids = [row["event_id"] for row in await conn.fetch("select event_id from effects")]
        assert await conn.fetchval(QUERIES["count_parked"]) == 0
    assert sorted(ids) == sorted(event.id for event in events)


@pytest.mark.parametrize(
    ("statement", "argument"),
    [
        ("insert into effects (version) values ($1)", 2**40),
        ("insert into projected (holder_id, version) values (gen_random_uuid(), length($1::text))", "a\0b"),
    ],
    ids=["integer out of range", "NUL in a text"],
)
async def test_a_value_that_the_database_cannot_hold_parks_its_record_and_does_not_spin(
    database, dispatcher, statement, argument
):
    async def handle(tx, event, now):
        await tx.conn.execute(statement, argument)

    consumer = Consumer("c", (Topic.HOLDERS,), (Effect((HolderRegistered,), handle),))
    own = Dispatcher(consumer, database, BusinessClock(movable=False), "test")
    async with asyncio.timeout(60):
        await own.handle([raw(encode(holder_event(uuid4())), 0)], "cluster")
    assert await parked_count(database, 1)()


async def test_a_missing_table_parks_nothing(database):
    async def handle(tx, event, now):
        await tx.conn.execute("insert into not_migrated_yet values (1)")

    consumer = Consumer("c", (Topic.HOLDERS,), (Effect((HolderRegistered,), handle),))
    own = Dispatcher(consumer, database, BusinessClock(movable=False), "test")
    with pytest.raises(Exception, match="not_migrated_yet"):
        await own.handle([raw(encode(holder_event(uuid4())), 0)], "cluster")
    assert not await parked_count(database, 1)()


async def test_a_malformed_record_with_a_huge_key_is_parked(database, dispatcher):
    record = Record(Topic.HOLDERS, os.urandom(20_000), "", (), b"no event")
    async with asyncio.timeout(60):
        await dispatcher.handle([raw(record, 0)], "cluster")
    async with database.reading() as conn:
        assert await conn.fetchval("select record_key from parked") == record.key


async def test_a_waiting_event_that_fails_is_parked_in_the_end_and_the_others_go_on(database):
    bad, good = uuid4(), uuid4()
    ready = False

    async def handle(tx, event, now):
        if not ready:
            raise MissingPrerequisite("thing:1", "thing_unknown")
        if event.data.holder.id == bad:
            raise ZeroDivisionError
        await tx.conn.execute("insert into effects (event_id) values ($1)", event.id)

    clock = BusinessClock(movable=False)
    consumer = Consumer("c", (Topic.HOLDERS,), (Effect((HolderRegistered,), handle),))
    own = Dispatcher(consumer, database, clock, "test")
    loop = waiting_loop([own], database, clock, "test")
    poison = raw(encode(holder_event(bad)), 0)
    await own.handle([poison, raw(encode(holder_event(good)), 1)], "cluster")
    ready = True
    for _ in range(5):
        async with database.reading() as conn:
            await conn.execute("update waiting set next_try = now()")
        while await loop.step():
            pass
    assert await effect_count(database, 1)()
    async with database.reading() as conn:
        row = await conn.fetchrow("select * from parked")
        assert (row["value"], row["headers"]) == (poison.value, poison.flat_headers())
        assert await conn.fetchval("select count(*) from waiting") == 0


async def test_an_older_release_leaves_waiting_events_of_effects_it_does_not_have(database):
    async def handle(tx, event, now):
        raise MissingPrerequisite("thing:1", "thing_unknown")

    clock = BusinessClock(movable=False)
    newer = Dispatcher(
        Consumer("new", (Topic.HOLDERS,), (Effect((HolderRegistered,), handle),)), database, clock, "t"
    )
    await newer.handle([raw(encode(holder_event(uuid4())), 0)], "cluster")
    older = waiting_loop([], database, clock, "t")
    async with database.reading() as conn:
        await conn.execute("update waiting set next_try = now()")
    while await older.step():
        pass
    async with database.reading() as conn:
        assert await conn.fetchval("select count(*) from waiting") == 1
        await conn.execute("update waiting set next_try = now()")
    await waiting_loop([], database, clock, "t", patience=timedelta(0)).step()
    async with database.reading() as conn:
        assert await conn.fetchval("select count(*) from waiting") == 0


async def test_progress_of_a_member_that_lost_its_partition_does_not_go_back(database, dispatcher):
    records = [raw(encode(holder_event(uuid4())), offset) for offset in range(10)]
    await dispatcher.handle(records, "cluster")
    await dispatcher.handle(records[:5], "cluster")
    async with database.reading() as conn:
        assert await conn.fetchval("select position from progress") == 10
    await dispatcher.handle(records[:5], "another cluster")
    async with database.reading() as conn:
        assert await conn.fetchval("select position from progress") == 5


@pytest.mark.parametrize("policy", [policy for policy in AckPolicy if policy is not AckPolicy.MANUAL])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_subscriber_that_acknowledges_by_itself_is_refused_at_start_up(policy):
    broker = KafkaBroker("127.0.0.1:1")
    broker.subscriber("t", group_id="g", batch=True, ack_policy=policy)
    with pytest.raises(AutomaticAck):
        refuse_automatic_acks(broker)


async def test_a_batch_that_faststream_swallowed_is_read_again(empty_kafka, database, dispatcher):
    swallowed = 0

    class Swallowing(Reader):
        async def _read(self, member, records):
            nonlocal swallowed
            if not swallowed:
                swallowed += 1
                raise RuntimeError("raised around the handler, where nobody sees it")
            await super()._read(member, records)

    reader = Swallowing([dispatcher], database, KafkaAccess(empty_kafka.bootstrap), dispatcher.service)
    stop = asyncio.Event()
    task = asyncio.create_task(reader.run(stop))
    first, second = holder_event(uuid4()), holder_event(uuid4())
    await send(empty_kafka, encode(first))
    async with asyncio.timeout(60):
        while not swallowed:  # noqa: ASYNC110  # what is raised there tells nobody
            await asyncio.sleep(0.02)
    await send(empty_kafka, encode(second))
    await until(effect_count(database, 2), "both")
    stop.set()
    await asyncio.wait_for(task, 30)
    assert swallowed == 1, "not tested"


async def test_a_handler_that_is_cancelled_from_within_ends_the_process_instead_of_going_quiet(
    empty_kafka, database, dispatcher, effects
):
    async def cancel() -> None:
        raise asyncio.CancelledError

    effects.before = cancel
    reader = Reader(
        [dispatcher], database, KafkaAccess(empty_kafka.bootstrap), dispatcher.service, watch_every=0.1
    )
    task = asyncio.create_task(reader.run(asyncio.Event()))
    await send(empty_kafka, encode(holder_event(uuid4())))
    with pytest.raises(Stuck):
        await asyncio.wait_for(task, 30)


async def test_idle_consumers_are_not_taken_for_stuck_ones_though_another_lags(
    empty_kafka, database, effects
):
    release = asyncio.Event()

    async def hold() -> None:
        await release.wait()

    effects.before = hold
    clock = BusinessClock(movable=False)
    effect = Effect((HolderRegistered,), effects.handle)
    busy = Dispatcher(Consumer("busy", (Topic.HOLDERS,), (effect,)), database, clock, f"t{uuid4().hex[:6]}")
    idle = Dispatcher(Consumer("idle", (Topic.NOTIFICATIONS,), ()), database, clock, busy.service)
    reader = Reader([busy, idle], database, KafkaAccess(empty_kafka.bootstrap), busy.service,
                    stuck_after=0.3, watch_every=0.05)  # fmt: skip
    stop = asyncio.Event()
    task = asyncio.create_task(reader.run(stop))
    await send(empty_kafka, encode(holder_event(uuid4())))
    done, _ = await asyncio.wait({task}, timeout=8)
    assert not done
    release.set()
    await until(effect_count(database, 1), "the held one")
    stop.set()
    await asyncio.wait_for(task, 30)


async def test_a_stop_ends_the_wait_while_kafka_does_not_answer(database, dispatcher):
    server = await asyncio.start_server(lambda reader, writer: asyncio.sleep(60), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    stop = asyncio.Event()
    reader = Reader([dispatcher], database, KafkaAccess(f"127.0.0.1:{port}"), dispatcher.service)
    task = asyncio.create_task(reader.run(stop))
    await asyncio.sleep(0.5)  # it is somewhere in its first attempt; wherever that is, it must hear
    stop.set()
    await asyncio.wait_for(task, 60)
    server.close()


async def test_a_partition_that_was_assigned_again_is_checked_again(empty_kafka, database, dispatcher):
    async with reading(dispatcher, database, empty_kafka) as reader:
        await send(empty_kafka, encode(holder_event(uuid4())))
        await until(effect_count(database, 1), "the first")
        own = reader._members[0]
        assert own.offsets
        await own.on_partitions_revoked({TopicPartition(Topic.HOLDERS, 0)})
        assert not own.offsets
        assert await reader.lag() >= 1, "who has not joined may be behind"
        await own.on_partitions_assigned(())
