"""The credentials service on a real database and object store, without Kafka."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.database import Database
from licet_chassis.service import Runtime
from licet_credentials.app import create_app
from licet_credentials.bulk.job import bulk_jobs
from licet_credentials.consumers import SCHEDULE, awards_consumer
from licet_credentials.credentials.replanning import Replanning
from licet_credentials.images.storage import ImageStorage
from licet_credentials.images.workers import ImageWorkers, WorkerLimits
from licet_credentials.imports.job import ImportJobs
from licet_credentials.settings import Settings
from licet_events import Event, EventData, Topic
from support.edge.documented import Documented
from support.edge.issuer import Issuer
from support.publishing import published_event

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
AWARDS = awards_consumer("UTC")
ALL_SCOPES = "credentials:read credentials:write credentials:admin"


class StandingClock(BusinessClock):
    """Business time that moves only when a test says so."""

    def __init__(self) -> None:
        super().__init__(movable=True)
        self.at = NOW

    def now(self) -> datetime:
        return self.at

    def advance(self, **span: float) -> None:
        self.at += timedelta(**span)


@dataclass
class Credentials:
    """The service under test."""

    database: Database
    runtime: Runtime
    clock: StandingClock
    read_to: int = 0

    async def published(self) -> list[Event[Any]]:
        """Return what was appended to the outbox since the last call, in order."""
        async with self.database.reading() as conn:
            rows = await conn.fetch("select * from outbox where id > $1 order by id", self.read_to)
        events = []
        for row in rows:
            self.read_to = row["id"]
            events.append(published_event(row))
        return events

    async def told(self) -> list[str]:
        """Return the names of what was published since the last call."""
        return [
            event.data.event_type.removeprefix("licet.").removesuffix(".v1")
            for event in await self.published()
        ]

    async def tell(self, data: EventData, *, id: Any = None) -> None:
        """Let the service read an event."""
        event = Event.of(
            data,
            id=id,
            source="/licet/scheduler",
            time=self.clock.now(),
            recorded_time=NOW,
            correlation_id="c",
        )
        consumer = AWARDS if event.data.topic is Topic.CERTIFICATIONS else SCHEDULE
        dispatcher = Dispatcher(consumer, self.database, self.clock, "credentials")
        async with self.database.transaction(Cause.new("service:credentials")) as tx:
            await dispatcher.dispatch(tx, event)

    async def work_off_imports(self) -> None:
        jobs = ImportJobs(self.database, self.clock, "UTC")
        while await jobs.step():
            pass

    async def work_off_bulk(self) -> None:
        jobs = bulk_jobs(self.database, self.clock)
        while await jobs.step():
            pass

    async def replan(self) -> None:
        replanning = Replanning(self.database, self.clock)
        while await replanning.step():
            pass

    async def count(self, table: str) -> int:
        async with self.database.reading() as conn:
            return int(await conn.fetchval(f"select count(*) from {table}"))


@pytest.fixture(scope="session")
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def clean_url(postgres: Any) -> str:
    url: str = await postgres.migrated("licet_credentials")
    return url


@pytest.fixture
def settings(clean_url: str) -> Settings:
    """Settings without an object store; a test of images takes `stored_settings`."""
    return Settings(
        database_url=SecretStr(clean_url), kafka_url="nowhere:1", issuer_url="https://issuer.test",
        s3_url="http://127.0.0.1:9", s3_access_key=SecretStr("none"), s3_secret_key=SecretStr("none"),
    )  # fmt: skip


@pytest.fixture
def bucket(s3: Any) -> str:
    name: str = s3.create_bucket()
    return name


@pytest.fixture
def stored_settings(clean_url: str, s3: Any, bucket: str) -> Settings:
    """Settings with a bucket of the test's own."""
    return Settings(
        database_url=SecretStr(clean_url), kafka_url="nowhere:1", issuer_url="https://issuer.test",
        s3_url=s3.endpoint, s3_bucket=bucket, s3_access_key=SecretStr(s3.access_key),
        s3_secret_key=SecretStr(s3.secret_key), s3_region=s3.region,
    )  # fmt: skip


def objects(s3: Any, bucket: str) -> list[str]:
    """Return the keys of what is in the bucket."""
    return [item["Key"] for item in s3.client().list_objects_v2(Bucket=bucket).get("Contents", [])]


@pytest.fixture
async def service(clean_url: str, settings: Settings, issuer: Issuer) -> AsyncIterator[Credentials]:
    database = await Database.open(clean_url, service="credentials", max_size=8)
    clock = StandingClock()
    runtime = Runtime("credentials", settings, database, clock, issuer.authenticator())
    yield Credentials(database, runtime, clock)
    await runtime.authenticator.close()
    await database.close()


# Both take longer to make than most tests take: equal settings share them.
_made_apps: dict[str, FastAPI] = {}
_made_storage = lru_cache(maxsize=8)(ImageStorage)


@pytest.fixture
async def app(service: Credentials, settings: Settings) -> AsyncIterator[FastAPI]:
    """The service's application; without its lifespan, hence without Kafka."""
    key = repr((settings, settings.database_url.get_secret_value(), settings.s3_url))
    if key not in _made_apps:
        _made_apps[key] = create_app(settings)
    app = _made_apps[key]
    app.state.runtime = service.runtime
    app.state.image_workers = ImageWorkers(WorkerLimits())
    app.state.image_storage = _made_storage(settings.bucket)
    app.state.upload_room = settings.upload_room
    yield app
    await app.state.image_workers.close()


@pytest.fixture
async def anyone(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a token."""
    transport = httpx.ASGITransport(app=app)
    hooks: dict[str, list[Any]] = {"response": [Documented("credentials")]}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://credentials.test", event_hooks=hooks
    ) as client:
        yield client


@pytest.fixture
def http(anyone: httpx.AsyncClient, issuer: Issuer) -> httpx.AsyncClient:
    """A client whose token may do everything here."""
    anyone.headers["Authorization"] = f"Bearer {issuer.token(scope=ALL_SCOPES)}"
    return anyone


async def waits_for_a_lock(service: Credentials) -> None:
    """Return once a backend of this database waits for a lock."""
    async with asyncio.timeout(60), service.database.reading() as conn:
        while not await conn.fetchval(
            "select exists (select from pg_stat_activity where datname = current_database() "
            "and wait_event_type = 'Lock')"
        ):
            pass


async def made(http: httpx.AsyncClient, path: str, **body: Any) -> Any:
    """Create something and return it."""
    answer = await http.post(f"/v1/{path}", json=body)
    assert answer.status_code in {200, 201}, answer.text
    return answer.json()


async def awarded(service: Any, credential: Any) -> None:
    """Note an award, under the credential's id, so that it is looked for as the credential is."""
    async with service.database.reading() as conn:
        await conn.execute(
            "insert into awards values ($1, $1, $2, 'licence', 'issued', null, null, $1, $1, now(), now())",
            credential["id"], credential["holder_id"],
        )  # fmt: skip


@pytest.fixture
async def ana(http: httpx.AsyncClient) -> Any:
    return await made(http, "holders", kind="employee", name="Ana Example", external_id="E-1", team="red")


@pytest.fixture
async def licence(http: httpx.AsyncClient) -> Any:
    return await made(
        http, "credential-types", code="licence", name="Forklift licence", category="license",
        validity={"months": 12}, ladder=[30, 0, -7],
    )  # fmt: skip


@pytest.fixture
async def credential(http: httpx.AsyncClient, service: Credentials, ana: Any, licence: Any) -> Any:
    body = await made(
        http, "credentials", holder_id=ana["id"], type="licence", number="A-1", country="DE",
        valid_from="2026-01-01", expires_on="2026-06-30", time_zone="Europe/Berlin",
    )  # fmt: skip
    await service.published()
    return body
