"""What a starter puts into a service's process: a gate of the relay, a call for each consumer that joined."""

import asyncio
from contextlib import asynccontextmanager
from uuid import uuid4

import pytest

from licet_chassis.consuming import Consumer, Effect
from licet_chassis.extension import Extension
from licet_chassis.kafka import KafkaAccess
from licet_chassis.outbox.append import append
from licet_chassis.process import Process, open_runtime
from licet_chassis.service import Composition, Part, Service
from licet_chassis.settings import ServiceSettings
from licet_cli.embedded.broker_room import BrokerRoom
from licet_cli.embedded.service import EXTENSION, claim_positions
from licet_events import Topic, encode
from licet_events.holders import HolderRegistered
from support.consuming import holder_event, until


class Gate:
    """A gate that a test opens."""

    batch_size = 5

    def __init__(self) -> None:
        self.open = self.closed = False
        self.asked = 0

    async def is_open(self) -> bool:
        self.asked += 1
        return self.open

    async def close(self) -> None:
        self.closed = True


def service_on(database_url: str, kafka: str) -> Service:
    settings = ServiceSettings(
        database_url=database_url, kafka_url=kafka, issuer_url="https://issuer.test", environment="embedded"
    )

    @asynccontextmanager
    async def compose(runtime):
        yield Composition()

    return Service(f"test-{uuid4().hex[:8]}", "licet_scheduler", settings, (), compose)


@pytest.fixture
async def migrated_url(postgres) -> str:
    return await postgres.migrated("licet_scheduler")


async def ignore(tx, event, now):
    """An effect without one."""


async def test_the_relay_reads_only_while_its_gate_is_open_and_closes_it_at_the_end(
    empty_kafka, migrated_url
):
    gate = Gate()
    service = service_on(migrated_url, empty_kafka.bootstrap)
    async with open_runtime(service) as runtime:
        extension = Extension(open_gate=lambda database, kafka: gate)
        process = Process(service, runtime, Composition(), frozenset({Part.RELAY}), extension)
        async with runtime.database.reading() as conn:
            await append(conn, [encode(holder_event(uuid4())) for _ in range(12)])
        stop = asyncio.Event()
        running = asyncio.create_task(process.run(stop))
        await until(asked_often(gate), "the relay asks its gate")
        assert process.relay.published == 0
        gate.open = True
        await until(published(process, 12), "the relay goes on")
        stop.set()
        await running
    assert gate.closed


async def test_each_consumer_is_handed_over_once_it_has_joined(empty_kafka, migrated_url):
    joined = []

    async def on_joined(consumer) -> None:
        joined.append(sorted({tp.topic for tp in consumer.assignment()}))

    service = service_on(migrated_url, empty_kafka.bootstrap)
    consumers = (Consumer("c", (Topic.HOLDERS,), (Effect((HolderRegistered,), ignore),)),)
    async with open_runtime(service) as runtime:
        process = Process(
            service, runtime, Composition(consumers=consumers), frozenset({Part.CONSUMERS}),
            Extension(on_joined=on_joined),
        )  # fmt: skip
        stop = asyncio.Event()
        running = asyncio.create_task(process.run(stop))
        await until(lambda: asyncio.sleep(0.05, bool(joined)), "the consumer joins")
        stop.set()
        await running
    assert joined == [[Topic.HOLDERS]]


def test_the_embedded_run_holds_the_relay_back_and_claims_positions(database):
    assert EXTENSION.open_gate is not None
    assert isinstance(EXTENSION.open_gate(database, KafkaAccess("localhost:9092")), BrokerRoom)
    assert EXTENSION.on_joined is claim_positions


def asked_often(gate: Gate):
    async def look() -> bool:
        return gate.asked > 3

    return look


def published(process: Process, count: int):
    async def look() -> bool:
        return process.relay.published == count

    return look
