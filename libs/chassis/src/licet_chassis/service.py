"""One service, put together: what it declares, and the process that carries it.

A process runs the HTTP interface, the consumers, the relay and the loops; `only` runs one part.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from importlib.metadata import version
from typing import Any

import structlog
from fastapi import APIRouter, FastAPI

from licet_chassis import revisions
from licet_chassis.backfill import Repetition, Snapshots
from licet_chassis.clock import BusinessClock, machine_now
from licet_chassis.consuming import Consumer
from licet_chassis.consuming.handling import QUERIES, Handling
from licet_chassis.consuming.reader import Reader
from licet_chassis.consuming.waiting import waiting_loop
from licet_chassis.database import Connection, Database
from licet_chassis.http.app import http_app
from licet_chassis.http.auth import Authenticator
from licet_chassis.http.keys import KeySet
from licet_chassis.http.writes import forget_answers
from licet_chassis.kafka import KafkaAccess
from licet_chassis.loops import Loop
from licet_chassis.operations import operations_router
from licet_chassis.outbox import relay
from licet_chassis.outbox.relay import Relay
from licet_chassis.settings import ServiceSettings

_log = structlog.get_logger("licet.service")


class Part(StrEnum):
    """What a process can run alone."""

    HTTP = "http"
    CONSUMERS = "consumers"
    RELAY = "relay"
    LOOPS = "loops"


@dataclass(frozen=True)
class Runtime:
    """What everything in a running service shares. Routes find it as `request.app.state.runtime`."""

    service: str
    settings: ServiceSettings
    database: Database
    clock: BusinessClock
    authenticator: Authenticator


@dataclass(frozen=True)
class Composition:
    """What a service is made of, once its runtime is there."""

    consumers: Sequence[Consumer] = ()
    loops: Sequence[Loop] = ()
    pending: Mapping[str, Callable[[Connection, datetime], Awaitable[int]]] = field(default_factory=dict)
    """Work that could be done now, by name: what `licet clock` waits for."""
    next_due: Callable[[Connection, datetime], Awaitable[datetime | None]] | None = None
    """The next instant of business time after now at which there will be work."""
    state: Mapping[str, Any] = field(default_factory=dict)
    """What the routes find on `request.app.state` beside the runtime."""


@dataclass(frozen=True)
class Service:
    """A service as its `app.py` declares it."""

    name: str
    package: str
    settings: ServiceSettings
    routers: Sequence[APIRouter]
    compose: Callable[[Runtime], AbstractAsyncContextManager[Composition]]
    """Opens what the service needs beside the database, and closes it at the end."""
    problems: Mapping[type[Exception], int] = field(default_factory=dict)
    """Which HTTP status each error of the service's models has."""
    snapshots: Sequence[Snapshots | Repetition] = ()


@asynccontextmanager
async def open_runtime(service: Service) -> AsyncIterator[Runtime]:
    """Open the database and read the clock; the way in for commands that run without HTTP."""
    settings = service.settings
    database = await Database.open(
        settings.database_url.get_secret_value(),
        service=service.name,
        min_size=settings.database_pool_min,
        max_size=settings.database_pool_max,
        statement_cache_size=settings.database_statement_cache,
    )
    clock = BusinessClock(movable=settings.clock == "movable")
    authenticator = Authenticator(
        KeySet(settings.keys_url), issuer=settings.issuer_url, audience=settings.audience
    )
    try:
        async with database.reading() as conn:
            await clock.load(conn)
        yield Runtime(service.name, settings, database, clock, authenticator)
    finally:
        await authenticator.close()
        await database.close()


class Process:
    """A running service: its parts, whether it is ready, and what it still has to do."""

    def __init__(
        self, service: Service, runtime: Runtime, composition: Composition, parts: frozenset[Part]
    ) -> None:
        self.runtime = runtime
        self.composition = composition
        self.parts = parts
        self.service = service
        self.kafka = KafkaAccess.of(service.settings)
        self.handlings = [
            Handling(consumer, runtime.database, runtime.clock, service.name)
            for consumer in composition.consumers
        ]
        self.reader = Reader(self.handlings, runtime.database, self.kafka, service.name)
        self.relay = Relay(service.settings.direct_url.get_secret_value(), self.kafka)
        self._head = revisions.head(service.package)

    async def run(self, stop: asyncio.Event) -> None:
        """Run the background parts until `stop` is set, each to its own clean end.

        Raises if one of them fails for good; the process is then of no use and should end.
        """
        async with asyncio.TaskGroup() as tasks:
            if Part.RELAY in self.parts:
                tasks.create_task(self.relay.run(stop), name="relay")
            if Part.CONSUMERS in self.parts and self.handlings:
                tasks.create_task(self.reader.run(stop), name="consumers")
            if Part.LOOPS in self.parts:
                for loop in self._loops():
                    tasks.create_task(loop.run(stop), name=loop.name)

    def _loops(self) -> list[Loop]:
        runtime = self.runtime
        loops = [
            *self.composition.loops,
            Loop("forget_effects", self._forget_effects, idle_seconds=600),
            Loop("forget_answers", lambda: forget_answers(runtime.database), idle_seconds=600),
        ]
        if self.handlings:
            loops.append(waiting_loop(self.handlings, runtime.database, runtime.clock, runtime.service))
        return loops

    async def _forget_effects(self) -> bool:
        async with self.runtime.database.reading() as conn:
            status = await conn.execute(QUERIES["forget_effects"], _INBOX_KEPT)
        return not status.endswith(" 0")

    async def missing(self) -> list[str]:
        """Return what keeps the service from being ready, in words; empty when it is."""
        missing = []
        try:
            async with asyncio.timeout(5), self.runtime.database.reading() as conn:
                revision = await conn.fetchval("select version_num from alembic_version")
                if revision != self._head:
                    missing.append(
                        f"the database is at schema {revision}, this release needs {self._head}: migrate"
                    )
                lost = await conn.fetch(QUERIES["lost_places"])
                missing += sorted({f"backfill needed: {row['consumer']} on {row['topic']}" for row in lost})
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is missing
            missing.append(f"the database does not answer ({type(error).__name__})")
        if Part.CONSUMERS in self.parts and self.handlings and not self.reader.connected:
            missing.append("the consumers are not connected to Kafka")
        if Part.RELAY in self.parts and not self.relay.ready:
            missing.append("the relay is not connected")
        return missing

    async def pending(self) -> dict[str, int]:
        """Return how much work could be done now, by name; all zero means quiet."""
        now = self.runtime.clock.now()
        async with self.runtime.database.reading() as conn:
            counts = {
                "outbox": await relay.pending(conn),
                "waiting": await conn.fetchval(QUERIES["count_waiting_due"]),
            }
            for name, count in self.composition.pending.items():
                counts[name] = await count(conn, now)
        if Part.CONSUMERS in self.parts and self.handlings:
            counts["lag"] = await self.reader.lag()
        return counts

    async def next_due(self) -> datetime | None:
        """Return the next instant of business time at which there will be work."""
        if self.composition.next_due is None:
            return None
        async with self.runtime.database.reading() as conn:
            return await self.composition.next_due(conn, self.runtime.clock.now())


_INBOX_KEPT = timedelta(days=120)
"""Longer than any topic keeps an effect's event (notifications, 90 days)."""


def create_service_app(
    service: Service,
    *,
    parts: frozenset[Part] = frozenset(Part),
    on_failure: Callable[[], None] = lambda: None,
) -> FastAPI:
    """Return the service as an ASGI application whose lifespan runs its background parts.

    `on_failure` is called when one of them fails for good, so that the server can end the process.
    """

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_runtime(service) as runtime, service.compose(runtime) as composition:
            process = Process(service, runtime, composition, parts)
            app.state.runtime = runtime
            app.state.process = process
            for name, value in composition.state.items():
                setattr(app.state, name, value)
            stop = asyncio.Event()
            background = asyncio.create_task(_guarded(process, stop, app, on_failure))
            _log.info("service.started", service=service.name, parts=sorted(parts))
            try:
                yield
            finally:
                stop.set()
                await background
                _log.info("service.stopped", service=service.name)

    async def missing() -> list[str]:
        return await app.state.process.missing()  # type: ignore[no-any-return]  # app.state is untyped

    def stuck() -> list[str]:
        return [app.state.failed] if app.state.failed else []

    app = http_app(
        title=f"Licet {service.name}",
        version=version(service.package.replace("_", "-")),
        settings=service.settings,
        routers=[*service.routers, operations_router(service.settings)],
        problems=service.problems,
        ready=missing,
        alive=stuck,
        lifespan=lifespan,
    )
    app.state.failed = None
    return app


async def _guarded(
    process: Process, stop: asyncio.Event, app: FastAPI, on_failure: Callable[[], None]
) -> None:
    try:
        await process.run(stop)
    except* Exception as group:  # noqa: BLE001  # whichever part it was, the process is of no use
        error = group.exceptions[0]
        app.state.failed = f"a part failed at {machine_now():%H:%M:%S} UTC: {type(error).__name__}: {error}"
        _log.critical("service.part_failed", service=process.service.name, exc_info=error)
        on_failure()
