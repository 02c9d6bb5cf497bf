"""A service's process: its relay, consumers and loops, whether it is ready, and what work is left."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta

import structlog

from licet_chassis import revisions
from licet_chassis.clock import BusinessClock
from licet_chassis.connection import Connection
from licet_chassis.consuming import store
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.consuming.reader import Reader
from licet_chassis.consuming.waiting import waiting_loop
from licet_chassis.database import DATABASE_ERRORS, Database
from licet_chassis.extension import PLAIN, Extension
from licet_chassis.http.auth import Authenticator
from licet_chassis.http.writes import forget_answers
from licet_chassis.kafka import KafkaAccess
from licet_chassis.loops import Loop, wait_for_stop
from licet_chassis.markers import Markers
from licet_chassis.outage import Outage
from licet_chassis.outbox import relay
from licet_chassis.outbox.relay import Relay
from licet_chassis.rederiving import Rederiving, count_left, read_progress
from licet_chassis.service import Composition, Part, Runtime, Service

_log = structlog.get_logger("licet.service")
_INBOX_KEPT = timedelta(days=120)
"""Longer than any topic keeps an effect's event (notifications, 90 days)."""
_ASK_SECONDS = 5.0
_READY_SECONDS = 2.5
"""How long `/readyz` waits for the database; those who ask give up after a few seconds."""


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
    authenticator = Authenticator.of(settings)
    try:
        # Not there or not migrated yet: no part runs before it is, and the clock is loaded before the parts.
        with suppress(*DATABASE_ERRORS):
            async with database.reading() as conn:
                await clock.load(conn)
        yield Runtime(service.name, settings, database, clock, authenticator)
    finally:
        await authenticator.close()
        await database.close()


class Process:
    """A running service: its parts, whether it is ready, and what it still has to do."""

    def __init__(
        self,
        service: Service,
        runtime: Runtime,
        composition: Composition,
        parts: frozenset[Part],
        extension: Extension = PLAIN,
    ) -> None:
        self.runtime = runtime
        self.composition = composition
        self.parts = parts
        self.service = service
        self.kafka = KafkaAccess.of(service.settings)
        self.dispatchers = [
            Dispatcher(consumer, runtime.database, runtime.clock, service.name, service.erase)
            for consumer in composition.consumers
        ]
        self.reader = Reader(
            self.dispatchers, runtime.database, self.kafka, service.name, on_joined=extension.on_joined
        )
        self._gate = extension.open_gate(runtime.database, self.kafka) if extension.open_gate else None
        self.relay = self._relay()
        self._head = revisions.head(service.package)

    def _relay(self) -> Relay:
        url = self.service.settings.direct_url.get_secret_value()
        schemas_url = self.service.settings.schemas_url
        if self._gate is None:
            return Relay(url, self.kafka, schemas_url=schemas_url)
        return Relay(
            url,
            self.kafka,
            gate=self._gate.is_open,
            batch_size=self._gate.batch_size,
            schemas_url=schemas_url,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Run the background parts until `stop` is set, each to its own clean end.

        They begin once the schema is new enough: on an older one handlers would fail for no fault of
        what they handle. Raises if a part fails for good; the process is then of no use and should end.
        """
        await self._wait_for_schema(stop)
        if stop.is_set():
            return
        async with asyncio.TaskGroup() as tasks:
            if self.runtime.clock.movable:
                # Another process of this service may move it.
                tasks.create_task(Loop("clock", self._load_clock, idle_seconds=1.0).run(stop), name="clock")
            if Part.HTTP in self.parts:
                keys = Loop("issuer_keys", self.runtime.authenticator.keys.refresh, idle_seconds=5.0)
                tasks.create_task(keys.run(stop), name=keys.name)
            if Part.RELAY in self.parts:
                tasks.create_task(self.relay.run(stop), name="relay")
            if Part.CONSUMERS in self.parts and self.dispatchers:
                tasks.create_task(self.reader.run(stop), name="consumers")
            if Part.LOOPS in self.parts:
                for loop in self._loops():
                    tasks.create_task(loop.run(stop), name=loop.name)
        if self._gate is not None:
            await self._gate.close()

    async def _wait_for_schema(self, stop: asyncio.Event) -> None:
        logged = False
        outage = Outage("licet.service", "service.database_away")
        database = self.runtime.database
        while not stop.is_set():
            try:
                async with asyncio.timeout(2 * _ASK_SECONDS):
                    await database.look_around()
                    async with database.reading() as conn:
                        revision = await revisions.applied(conn)
                        if not revisions.is_older(self.service.package, revision):
                            await self.runtime.clock.load(conn)
            except DATABASE_ERRORS as error:
                outage.failed(type(error).__name__, service=self.service.name, detail=str(error))
            else:
                outage.over()
                if not revisions.is_older(self.service.package, revision):
                    return
                if not logged:
                    logged = True
                    _log.error(
                        "service.schema_too_old", service=self.service.name, found=revision, needed=self._head
                    )
            await wait_for_stop(stop, 2.0)

    async def _load_clock(self) -> bool:
        async with self.runtime.database.reading() as conn:
            await self.runtime.clock.load(conn)
        return False

    def _loops(self) -> list[Loop]:
        runtime = self.runtime
        loops = [
            *self.composition.loops,
            Loop("forget_effects", self._forget_effects, idle_seconds=600),
            Loop("forget_answers", lambda: forget_answers(runtime.database), idle_seconds=600),
            *self._markers(),
            Loop(
                "time_zones",
                Rederiving(self.service.derived, runtime.database, runtime.clock).step,
                idle_seconds=60,
            ),
        ]
        if self.dispatchers:
            loops.append(waiting_loop(self.dispatchers, runtime.database, runtime.clock, runtime.service))
        return loops

    def _markers(self) -> list[Loop]:
        """Return the loop that marks the topics whose states the service owns."""
        seconds = self.service.settings.topic_marker_seconds
        topics = dict.fromkeys(each.topic for each in self.service.snapshots if each.topic.compacted)
        if not seconds or not topics:
            return []
        runtime = self.runtime
        markers = Markers(list(topics), runtime.database, runtime.clock, every=seconds)
        return [Loop("topic_markers", markers.step, idle_seconds=5.0)]

    async def _forget_effects(self) -> bool:
        async with self.runtime.database.reading() as conn:
            return await store.forget_effects(conn, _INBOX_KEPT)

    async def missing(self) -> list[str]:
        """Return what keeps the service from being ready, in words; empty when it is.

        Kafka is asked for only where no requests are served: the API works without it.
        """
        database = await self._missing_database()
        # On an older schema nothing else has begun.
        if database and "migrate" in database[0]:
            return database
        missing = [*database, *self._missing_within()]
        if Part.HTTP in self.parts:
            never_read = self.runtime.authenticator.keys.problem
            if never_read is not None:
                missing.append(f"no token can be checked, the issuer's keys were never read: {never_read}")
            return missing
        if Part.CONSUMERS in self.parts and self.dispatchers and not self.reader.connected:
            missing.append("the consumers are not connected to Kafka")
        if Part.RELAY in self.parts and not self.relay.ready:
            missing.append("the relay is not connected")
        return missing

    async def _missing_database(self) -> list[str]:
        missing = []
        try:
            async with asyncio.timeout(_READY_SECONDS), self.runtime.database.reading() as conn:
                revision = await revisions.applied(conn)
                if revisions.is_older(self.service.package, revision):
                    found = revision or "none"
                    return [f"the database is at schema {found}, this release needs {self._head}: migrate"]
                missing += sorted(await self._backfills_needed(conn))
                if await conn.fetchval("select current_setting('transaction_read_only')::boolean"):
                    missing.append("the database takes no writes: it is read-only")
        except Exception as error:  # noqa: BLE001  # whatever it is, it is what is missing
            missing.append(f"the database does not answer ({type(error).__name__})")
        refused = self.runtime.database.refuses_writes
        if refused is not None:
            missing.append(f"the database takes no writes: {refused}")
        return missing

    def _missing_within(self) -> list[str]:
        """Return what parts of the process say about themselves."""
        missing = [said for trouble in self.composition.troubles if (said := trouble()) is not None]
        if Part.RELAY in self.parts and self.relay.problem is not None:
            missing.append(self.relay.problem)
        if Part.CONSUMERS in self.parts and self.dispatchers and self.reader.problem is not None:
            missing.append(self.reader.problem)
        return missing

    async def _backfills_needed(self, conn: Connection) -> set[str]:
        read = [(each.consumer.name, topic) for each in self.dispatchers for topic in each.consumer.topics]
        lost = await store.lost_positions(conn, read)
        return {f"backfill needed: {consumer} on {topic}" for consumer, topic, _ in lost}

    async def pending(self) -> dict[str, int]:
        """Return how much work could be done now, by name; all zero means quiet."""
        now = self.runtime.clock.now()
        async with self.runtime.database.reading() as conn:
            counts = {
                "outbox": await relay.pending(conn),
                "waiting": await store.count_waiting_due(conn),
            }
            left = await count_left(conn, self.service.derived, await read_progress(conn))
            counts["time_zones"] = sum(left.values())
            for name, count in self.composition.pending.items():
                counts[name] = await count(conn, now)
        if Part.CONSUMERS in self.parts and self.dispatchers:
            counts["lag"] = await self.reader.lag()
        return counts

    async def next_due(self) -> datetime | None:
        """Return the next instant of business time at which there will be work."""
        if self.composition.next_due is None:
            return None
        async with self.runtime.database.reading() as conn:
            return await self.composition.next_due(conn, self.runtime.clock.now())
