"""The whole service: events come in from Kafka, timelines go out to Kafka."""

import asyncio
from datetime import date
from uuid import uuid4

import httpx
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer

from licet_certifications.app import create_app
from licet_certifications.settings import Settings
from licet_events import Topic, decode_event, encode
from licet_events.eligibility import EligibilityChanged
from licet_events.partition import partition_for

from .conftest import AnyToken, credential, event_of, holder, run


async def test_a_credential_that_comes_in_goes_out_as_a_timeline(migrated_url, kafka):
    settings = Settings(database_url=migrated_url, kafka_url=kafka.bootstrap, issuer_url="http://nowhere")
    number = uuid4().int
    role = f"role-{number % 10**9}"
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        AIOKafkaConsumer(
            Topic.ELIGIBILITY, bootstrap_servers=kafka.bootstrap, auto_offset_reset="earliest"
        ) as consumer,
        AIOKafkaProducer(bootstrap_servers=kafka.bootstrap) as producer,
    ):
        object.__setattr__(app.state.runtime, "authenticator", AnyToken())
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://certifications") as http:
            rule = {
                "target": f"role:{role}",
                "expression": {"all_of": ["licence"]},
                "effective_from": "2026-02-01",
            }
            assert (await http.post("/v1/requirements", json=rule)).status_code == 201
        for state in (
            credential(number ^ 1, number, run(date(2026, 1, 1), date(2026, 6, 30))),
            holder(number, roles=(role,)),
        ):
            record = encode(event_of(state))
            partition = partition_for(record.partition_key, 12)
            await producer.send_and_wait(
                record.topic,
                key=record.key,
                value=record.value,
                headers=list(record.headers),
                partition=partition,
            )
        async with asyncio.timeout(60):
            async for message in consumer:
                data = decode_event(message.headers, message.key, message.value).data
                if isinstance(data, EligibilityChanged) and data.eligibility.holder_id == holder(number).id:
                    codes = [str(one.reasons[0].code) for one in data.eligibility.intervals]
                    if codes == ["no_requirement", "valid", "expired"]:
                        break
    assert app.state.failed is None
