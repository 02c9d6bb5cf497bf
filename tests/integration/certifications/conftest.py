"""The service on a real database, without Kafka: events are told to it by hand."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, TypeAlias
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from licet_certifications.app import ACTOR, create_app, review_shifts, work_off
from licet_certifications.consumers import FACTS
from licet_certifications.eligibility.commands import queue_affected
from licet_certifications.requirements import commands
from licet_certifications.requirements.model import Rule
from licet_certifications.settings import Settings
from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming import Projection
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.database import Database, Transaction
from licet_chassis.http.auth import Principal
from licet_chassis.service import Runtime
from licet_events import Event, EventData, civil
from licet_events.catalogue import Category, Expression, LocationChanged, LocationState, RequirementState
from licet_events.credentials import (
    CredentialCreated,
    CredentialState,
    FlagState,
    Origin,
    RunState,
    Validity,
)
from licet_events.holders import HolderKind, HolderRegistered, HolderState
from support.edge.documented import Documented
from support.publishing import published_event

Fact: TypeAlias = EventData | HolderState | CredentialState | LocationState

NOW = datetime(2026, 3, 1, tzinfo=UTC)


def holder(number: int, version: int = 1, **facts: Any) -> HolderState:
    facts = {"roles": ("forklift",), "name": "Ada Example", **facts}
    return HolderState(
        id=UUID(int=number), version=version, kind=HolderKind.EMPLOYEE,
        created_at=NOW, updated_at=NOW, **facts,
    )  # fmt: skip


def run(first: date, last: date | None, zone: str = "UTC") -> RunState:
    return RunState(
        starts_at=civil.starts_at(first, zone),
        expires_at=None if last is None else civil.expires_at(last, zone),
        expires_on=last,
        time_zone=zone,
        term_id=UUID(int=7),
        term_revision=1,
    )


def credential(
    number: int,
    holder_number: int,
    *runs: RunState,
    version: int = 1,
    type: str = "licence",
    flags: tuple[FlagState, ...] = (),
    **facts: Any,
) -> CredentialState:
    return CredentialState(
        id=UUID(int=number), version=version, holder_id=UUID(int=holder_number), type=type,
        category=Category.LICENSE, name="Forklift licence", terms=(), runs=runs, flags=flags, ladder=(),
        validity=Validity.ACTIVE, created_at=NOW, updated_at=NOW, **facts,
    )  # fmt: skip


def location(code: str, version: int = 1, **facts: Any) -> LocationState:
    return LocationState(code=code, version=version, name=code, created_at=NOW, updated_at=NOW, **facts)


def event_of(data: Fact) -> Event[Any]:
    if isinstance(data, HolderState):
        data = HolderRegistered(holder=data)
    elif isinstance(data, CredentialState):
        data = CredentialCreated(credential=data, origin=Origin.API)
    elif isinstance(data, LocationState):
        data = LocationChanged(location=data)
    return Event.of(
        data, source="/licet/credentials", time=NOW, recorded_time=NOW, correlation_id=f"of {data.key}"
    )


async def learn(tx: Transaction, *told: Event[Any]) -> None:
    """Apply events of one family as the consumer does, in a transaction that stays open."""
    handler = FACTS.handler_of(type(told[0].data))
    assert isinstance(handler, Projection)
    await handler.apply(tx, told, NOW)


@dataclass
class Certifications:
    """The service under test."""

    database: Database
    runtime: Runtime
    read_to: int = 0

    async def tell(
        self, *told: EventData | HolderState | CredentialState | LocationState
    ) -> list[Event[Any]]:
        """Let the service read events, one transaction each, in this order."""
        dispatcher = Dispatcher(FACTS, self.database, self.runtime.clock, "certifications")
        events = [event_of(one) for one in told]
        for event in events:
            async with self.database.transaction(Cause.new(ACTOR)) as tx:
                await dispatcher.dispatch(tx, event)
        return events

    async def tell_batch(self, *told: Event[Any]) -> None:
        """Let the service read events of one family in one transaction."""
        async with self.database.transaction(Cause.new(ACTOR)) as tx:
            await learn(tx, *told)

    async def require(self, target: str = "role:forklift", *types: str, **rule: Any) -> RequirementState:
        expression = rule.pop("expression", Expression(kind="all_of", types=types or ("licence",)))
        said: dict[str, Any] = {"effective_from": date(2026, 2, 1), "time_zone": "UTC", **rule}
        async with self.database.transaction(Cause.new("user:ada")) as tx:
            return await commands.make_requirement(
                tx, Rule(target=target, expression=expression, **said), now=NOW
            )

    async def change(self, state: RequirementState, **changes: Any) -> RequirementState:
        async with self.database.transaction(Cause.new("user:ada")) as tx:
            return await commands.change_requirement(
                tx, state.id, changes, expected_version=state.version, now=NOW
            )

    async def work_off(self) -> None:
        while await work_off(self.runtime):
            pass
        while await review_shifts(self.runtime):
            pass

    async def published(self) -> list[Event[Any]]:
        """Return what was appended to the outbox since the last call, in order."""
        async with self.database.reading() as conn:
            rows = await conn.fetch("select * from outbox where id > $1 order by id", self.read_to)
        events = []
        for row in rows:
            self.read_to = row["id"]
            events.append(published_event(row))
        return events

    async def queued(self) -> set[tuple[int, str]]:
        """Return the pairs that the noted changes touch, by the holder's number."""
        async with self.database.transaction(Cause.new(ACTOR)) as tx:
            await queue_affected(tx)
            rows = await tx.conn.fetch("select holder_id, target from recomputations")
        return {(row["holder_id"].int, row["target"]) for row in rows}


class AnyToken:
    """Takes every request for one of the principal under test."""

    principal = Principal(
        "ada",
        frozenset(
            {
                "certifications:read",
                "certifications:write",
                "certifications:approve",
                "completions:read",
                "completions:write",
                "eligibility:read",
            }
        ),
    )

    async def authenticate(self, authorization: Any) -> Principal:
        return self.principal

    async def close(self) -> None:
        pass


@pytest.fixture(scope="session")
def settings() -> Settings:
    return Settings(
        database_url="postgresql://nobody@nowhere/nothing", kafka_url="nowhere:1", issuer_url="http://nowhere"
    )


@pytest.fixture(scope="session")
def made_app(settings: Settings) -> FastAPI:
    """The application, made once: that takes longer than most tests."""
    return create_app(settings)


@pytest.fixture
async def migrated_url(postgres: Any) -> str:
    url: str = await postgres.migrated("licet_certifications")
    return url


@pytest.fixture
async def service(migrated_url: str, settings: Settings) -> AsyncIterator[Certifications]:
    database = await Database.open(migrated_url, service="certifications", max_size=5)
    clock = BusinessClock(movable=False)
    runtime = Runtime("certifications", settings, database, clock, AnyToken())  # type: ignore[arg-type]  # a stand-in
    yield Certifications(database, runtime)
    await database.close()


@pytest.fixture
def app(service: Certifications, made_app: FastAPI) -> FastAPI:
    """The service's application; without its lifespan, hence without Kafka."""
    made_app.state.runtime = service.runtime
    return made_app


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app)
    hooks: dict[str, list[Any]] = {"response": [Documented("certifications")]}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://certifications", event_hooks=hooks
    ) as client:
        yield client


@pytest.fixture
def token(service: Certifications) -> Iterator[AnyToken]:
    given = service.runtime.authenticator
    assert isinstance(given, AnyToken)
    before = AnyToken.principal
    yield given
    given.principal = before
