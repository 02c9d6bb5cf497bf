"""What every service forgets of an erased holder, and drops when it still arrives."""

import asyncio
import csv
from itertools import count
from types import SimpleNamespace
from uuid import uuid4

import asyncpg
import pytest

from licet_chassis import erasure
from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming import Consumer, Effect, MissingPrerequisite, PermanentFailure
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.parked import replay
from licet_chassis.consuming.records import Raw
from licet_chassis.consuming.waiting import waiting_loop
from licet_chassis.operations.erasures import erasures_router
from licet_chassis.operations.routes import operations_router
from licet_chassis.outbox.append import append
from licet_events import Event, Topic, encode
from licet_events.holders import HolderErased, HolderRegistered, HolderUpdated
from support.consuming import NOW, holder_event, raw, until
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app, edge_settings


def erased_event(holder_id, path="", of=Topic.HOLDERS) -> Event:
    data = HolderErased(holder_id=holder_id, path=path, of=of)
    return Event.of(data, source="/test", time=NOW, recorded_time=NOW, correlation_id="c")


@pytest.fixture
def forgotten() -> list:
    return []


@pytest.fixture
def dispatcher(dispatcher, database, forgotten) -> Dispatcher:
    async def forget(tx, holder_id, now):
        forgotten.append(holder_id)
        await tx.conn.execute("delete from effects where holder_id = $1", holder_id)

    clock = BusinessClock(movable=False)
    return Dispatcher(dispatcher.consumer, database, clock, dispatcher.service, forget)


OFFSETS = count()


async def read(dispatcher: Dispatcher, *events: Event) -> None:
    await dispatcher.handle([raw(encode(event), next(OFFSETS)) for event in events], "cluster")


async def rows(database, query: str, *arguments: object) -> int:
    async with database.reading() as conn:
        return await conn.fetchval(f"select count(*) from {query}", *arguments)


def somebody_waits(database):
    async def waits() -> bool:
        return bool(await rows(database, "pg_locks where locktype = 'advisory' and not granted"))

    return waits


async def test_an_erased_holder_is_forgotten_and_stays_so_whatever_comes_again(
    database, dispatcher, forgotten
):
    gone, other = uuid4(), uuid4()
    await read(dispatcher, holder_event(gone), holder_event(other))
    await read(dispatcher, erased_event(gone))
    # A replay of the whole log: each of it has another id, as after a backfill.
    await read(dispatcher, holder_event(gone), holder_event(gone, 2, HolderUpdated), holder_event(other, 2))
    assert await rows(database, "effects where holder_id = $1", gone) == 0
    assert await rows(database, "effects where holder_id = $1", other) == 2
    assert forgotten == [gone]
    async with database.reading() as conn:
        assert [each.holder_id for each in await erasure.list_erased(conn, None, 10)] == [gone]


async def test_a_tombstone_below_the_holder_erases_it_too_if_it_comes_first(database, dispatcher, forgotten):
    gone = uuid4()
    below = erased_event(gone, path=str(uuid4()), of=Topic.CREDENTIALS)
    await read(dispatcher, holder_event(gone), below, erased_event(gone))
    assert forgotten == [gone]
    assert await rows(database, "effects") == 0


async def test_an_erasure_is_not_parked_behind_parked_records_and_deletes_them(database, dispatcher, effects):
    gone, other = uuid4(), uuid4()
    effects.failing = {gone: PermanentFailure("no"), other: PermanentFailure("no")}
    await read(dispatcher, holder_event(gone), holder_event(other))
    named_by_key = encode(holder_event(gone))
    lame = Raw(named_by_key.topic, 1, 77, f"{gone}/x".encode(), (("ce_type", b"\xff"),), b"{")
    await dispatcher.handle([lame], "cluster")
    assert await rows(database, "parked") == 3
    await read(dispatcher, erased_event(gone))
    assert await rows(database, "parked where partition_key = $1", str(other)) == 1
    assert await rows(database, "parked") == 1
    assert await rows(database, "erased_holders") == 1


async def test_parked_records_and_erased_holders_are_listed_as_csv(database, dispatcher, effects):
    gone, others = uuid4(), [uuid4(), uuid4()]
    effects.failing = {each: PermanentFailure("no") for each in others}
    await read(dispatcher, erased_event(gone), *map(holder_event, others))
    issuer = Issuer()
    app = edge_app(issuer, operations_router(edge_settings()), erasures_router(None), database=database)
    async with client_of(app, issuer.token(scope="operations:read")) as client:
        app.state.process = SimpleNamespace(runtime=app.state.runtime)
        for path, column, there in (
            ("/v1/parked", "partition_key", map(str, others)), ("/v1/erasures", "holder_id", [str(gone)]),
        ):  # fmt: skip
            file = await client.get(path, params={"limit": 1}, headers={"Accept": "text/csv"})
            assert [line[column] for line in csv.DictReader(file.text.splitlines())] == list(there)


async def test_replayed_records_of_an_erased_holder_are_deleted_too(database, dispatcher, effects):
    gone = uuid4()
    effects.failing = {gone: PermanentFailure("no")}
    await read(dispatcher, holder_event(gone))
    effects.failing.clear()
    assert (await replay([dispatcher], database, dispatcher.service, None)).replayed == 1
    assert await rows(database, "parked") == 1  # kept, as replayed
    await read(dispatcher, erased_event(gone))
    assert await rows(database, "parked") == 0


async def test_a_record_of_an_erased_holder_that_is_no_event_is_not_parked(database, dispatcher):
    gone = uuid4()
    await read(dispatcher, erased_event(gone))
    good = raw(encode(holder_event(gone)), 5)
    await dispatcher.handle([Raw(good.topic, 0, 5, good.key, good.headers, b'{"name": "Jane"')], "cluster")
    assert await rows(database, "parked") == 0


async def test_an_event_that_waits_is_dropped_with_its_holder(database):
    async def wait(tx, event, now):
        raise MissingPrerequisite("something", "unknown")

    consumer = Consumer("waits", (Topic.HOLDERS,), (Effect((HolderRegistered,), wait),))
    clock = BusinessClock(movable=False)
    dispatcher = Dispatcher(consumer, database, clock, "test")
    gone = uuid4()
    await read(dispatcher, holder_event(gone), holder_event(uuid4()))
    foreign = raw(encode(holder_event(gone)), next(OFFSETS))
    unnamed = tuple(pair for pair in foreign.headers if pair[0] != "ce_partitionkey")
    below = f"{gone}/from-elsewhere".encode()
    await dispatcher.handle([Raw(foreign.topic, 0, foreign.offset, below, unnamed, foreign.value)], "cluster")
    assert await rows(database, "waiting") == 3
    await read(dispatcher, erased_event(gone))
    assert await rows(database, "waiting") == 1
    assert not await rows(database, "waiting where partition_key = $1", str(gone))
    loop = waiting_loop([dispatcher], database, clock, "test")
    await loop.step()
    assert await rows(database, "waiting") == 1


async def test_what_is_not_sent_yet_is_never_sent_and_the_tombstone_comes_last(database):
    gone, other = uuid4(), uuid4()

    async def forget(tx, holder_id, now):
        await tx.publish(HolderErased(holder_id=holder_id), now=now)

    async with database.transaction(Cause.new("test")) as tx:
        await append(tx.conn, [encode(holder_event(gone)), encode(holder_event(other))])
    async with database.transaction(Cause.new("test")) as tx:
        assert await erasure.erase_from_service(tx, gone, forget, now=NOW)
    async with database.reading() as conn:
        left = await conn.fetch("select partition_key, value is null as ends from outbox order by id")
    assert [tuple(row) for row in left] == [(str(other), False), (str(gone), True)]


async def test_a_row_that_a_relay_is_just_deleting_is_left_to_it(database, database_url):
    gone = uuid4()
    async with database.transaction(Cause.new("test")) as tx:
        await append(tx.conn, [encode(holder_event(gone))])
    relay = await asyncpg.connect(database_url)
    try:
        async with relay.transaction():
            await relay.execute("delete from outbox")
            async with asyncio.timeout(60), database.transaction(Cause.new("test")) as tx:
                await erasure.erase_from_service(tx, gone, None, now=NOW)
    finally:
        await relay.close()
    assert await rows(database, "outbox") == 0


async def test_a_stored_answer_is_emptied_but_its_key_stays_used(database):
    gone, other = uuid4(), uuid4()
    async with database.transaction(Cause.new("test")) as tx:
        for holder_id in (gone, other):
            await tx.conn.execute(
                "insert into idempotency (principal, key, request_hash, status, headers, body) "
                "values ('p', $1, '\\x00', 201, '{}', $2)",
                str(holder_id), f'{{"id": "{holder_id}", "name": "Jane"}}'.encode(),
            )  # fmt: skip
        await erasure.erase_from_service(tx, gone, None, now=NOW)
    async with database.reading() as conn:
        kept = dict(await conn.fetch("select key, status from idempotency"))
        bodies = await conn.fetchval("select string_agg(convert_from(body, 'UTF8'), '') from idempotency")
    assert kept == {str(gone): 410, str(other): 201}
    assert bodies.count("Jane") == 1


async def test_whoever_has_read_of_a_holder_writes_before_its_erasure_or_not_at_all(
    database, dispatcher, effects
):
    gone = uuid4()
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        reached.set()
        await go_on.wait()

    effects.before = hold
    writing = asyncio.create_task(read(dispatcher, holder_event(gone)))
    await reached.wait()
    erasing = asyncio.create_task(read(dispatcher, erased_event(gone)))
    await until(somebody_waits(database), "the erasure to wait for the one who is about to write")
    go_on.set()
    await asyncio.gather(writing, erasing)
    assert await rows(database, "effects") == 0


async def test_an_erasure_that_fails_is_parked_and_carried_out_by_a_replay(database, dispatcher):
    async def fail(tx, holder_id, now):
        raise PermanentFailure("not today")

    gone = uuid4()
    failing = Dispatcher(
        dispatcher.consumer, database, BusinessClock(movable=False), dispatcher.service, fail
    )
    await read(failing, holder_event(gone), erased_event(gone))
    assert await rows(database, "parked") == 1
    assert await rows(database, "erased_holders") == 0
    await replay([dispatcher], database, dispatcher.service, None)
    assert await rows(database, "parked") == 0
    assert await rows(database, "effects") == 0
    assert await rows(database, "erased_holders") == 1
