"""The whole notifier: events from Kafka in, mails and events out."""

import asyncio
import contextlib
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from licet_events import Event, Topic, decode_event, encode
from licet_events.credentials import CredentialCreated, Origin
from licet_events.holders import HolderRegistered
from licet_events.partition import partition_for
from licet_notifier.app import create_app
from licet_notifier.settings import NotifierSettings
from support.mailing.cases import credential_state, event, expiring, holder_state
from support.servers.kafka import KafkaServer


async def test_an_announced_step_becomes_two_mails_and_two_events(database_url, empty_kafka, smtp):
    settings = NotifierSettings(
        database_url=database_url,
        kafka_url=empty_kafka.bootstrap,
        issuer_url="https://issuer.test",
        smtp_url=smtp.url,
        mail_from="licet@example.org",
        links_url="https://licet.test",
        links_key="k" * 32,
    )
    holder_id, manager_id = uuid4(), uuid4()
    # The clock is real here, so the recipients are where it is noon now.
    zone = _where_it_is_day()
    today = datetime.now(UTC).date()
    licence = credential_state(uuid4(), holder_id, today.replace(year=today.year + 1, day=1))
    step = event(expiring(licence))
    told = [
        step,
        event(CredentialCreated(credential=licence, origin=Origin.API)),
        event(HolderRegistered(holder=holder_state(holder_id, manager_id=manager_id, time_zone=zone))),
        event(HolderRegistered(holder=holder_state(manager_id, email="max@example.org", time_zone=zone))),
    ]
    app = create_app(settings)
    async with app.router.lifespan_context(app):
        await _produce(empty_kafka, told)
        async with asyncio.timeout(60):
            published = await _consume(empty_kafka, 2)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app), base_url="https://licet.test"
        ) as client:
            page = await client.get("/links/acknowledge/x")  # answered without a token
            assert (page.status_code, "not valid" in page.text) == (404, True)
    assert sorted(mail.recipient for mail in smtp.messages) == ["ada@example.org", "max@example.org"]
    assert {each.data.event_id for each in published} == {step.id}
    assert {each.data.reason.value for each in published} == {"due"}
    assert app.state.failed is None


def _where_it_is_day() -> str:
    hour = datetime.now(UTC).hour
    # Etc/GMT+5 is five hours behind UTC.
    behind = hour - 12
    return f"Etc/GMT{behind:+d}" if behind else "UTC"


async def _produce(kafka: KafkaServer, events: list[Event[Any]]) -> None:
    producer = AIOKafkaProducer(bootstrap_servers=kafka.bootstrap)
    await producer.start()
    try:
        for each in events:
            record = encode(each)
            partition = partition_for(record.partition_key, Topic(record.topic).partitions)
            await producer.send_and_wait(
                record.topic, record.value, record.key, partition, headers=list(record.headers)
            )
    finally:
        await producer.stop()


async def _consume(kafka: KafkaServer, count: int) -> list[Event[Any]]:
    consumer = AIOKafkaConsumer(
        Topic.NOTIFICATIONS.value, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
    )
    await consumer.start()
    found = []
    with contextlib.suppress(asyncio.CancelledError):
        async for record in consumer:
            found.append(decode_event(record.headers, record.key, record.value))
            if len(found) == count:
                break
    await consumer.stop()
    return found
