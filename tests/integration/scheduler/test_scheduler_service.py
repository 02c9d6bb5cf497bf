"""The whole service: from a credential on its topic to what time says of it on the schedule."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from licet_events import Event, EventData, Topic, decode_event, encode
from licet_events.credentials import CredentialCreated, Origin
from licet_events.holders import HolderRegistered
from licet_events.partition import partition_for
from licet_events.schedule import CredentialEffective, CredentialExpiring, DeadlineReached, ScheduleEvent
from licet_scheduler.app import create_app
from licet_scheduler.settings import SchedulerSettings
from support.edge.jwks import served_keys
from support.scheduling.states import DAY, credential, holder, term
from support.servers.kafka import KafkaServer


@pytest.fixture
def jwks_url() -> Iterator[str]:
    with served_keys() as url:
        yield url


async def test_a_credential_event_leads_to_the_reached_steps_on_the_schedule_topic(
    empty_kafka: KafkaServer, database_url: str, jwks_url: str
) -> None:
    settings = SchedulerSettings(
        database_url=database_url, kafka_url=empty_kafka.bootstrap, issuer_url="http://127.0.0.1:9",
        jwks_url=jwks_url,
    )  # fmt: skip
    entered = datetime.now(UTC) - 100 * DAY
    begin, end = (entered + 10 * DAY).date(), (entered + 145 * DAY).date()
    state = credential(term("term", begin, end, recorded_at=entered), created_at=entered)
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        await _send(
            empty_kafka,
            HolderRegistered(holder=holder()),
            CredentialCreated(credential=state, origin=Origin.API),
        )
        events = await _read(empty_kafka, 3)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="http://test"
        ) as client:
            assert (await client.get("/readyz")).json() == {"status": "ok", "missing": []}
    told = [event.data for event in events]
    assert [type(data) for data in told] == [CredentialEffective, DeadlineReached, CredentialExpiring]
    assert isinstance(told[-1], CredentialExpiring)
    assert told[-1].step == 60
    assert {data.credential_id for data in told if isinstance(data, ScheduleEvent)} == {state.id}


async def _send(kafka: KafkaServer, *data: EventData) -> None:
    now = datetime.now(UTC)
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        for each in data:
            record = encode(
                Event.of(
                    each, source="/licet/credentials", time=now, recorded_time=now, correlation_id="test"
                )
            )
            await producer.send_and_wait(
                record.topic,
                record.value,
                record.key,
                headers=list(record.headers),
                partition=partition_for(record.partition_key, each.topic.partitions),
            )
    finally:
        await producer.stop()


async def _read(kafka: KafkaServer, count: int) -> list[Event[Any]]:
    consumer = AIOKafkaConsumer(
        Topic.SCHEDULE.value, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    try:
        async with asyncio.timeout(60):
            records = [await anext(consumer) for _ in range(count)]
    finally:
        await consumer.stop()
    return [decode_event(record.headers, record.key, record.value) for record in records]
