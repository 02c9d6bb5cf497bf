"""Carrying out what was read: batches first, one by one where a batch fails, parking what can't be."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeGuard

import asyncpg
import prometheus_client
import structlog

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming.consumer import (
    Consumer,
    Effect,
    Handler,
    MissingPrerequisite,
    PermanentFailure,
    Projection,
)
from licet_chassis.consuming.records import Decoded, Raw, Undecodable, decode_raw, storable
from licet_chassis.database import TRANSIENT, Database, Transaction
from licet_chassis.erasure import Erase, block_erasures, erase_from_service, erased_among, lock_for_erasure
from licet_chassis.queries import load_queries
from licet_events import Event, EventData, Topic, encode
from licet_events.holders import HolderErased
from licet_events.operations import BackfillFinished

QUERIES = load_queries("licet_chassis.consuming")
FIRST_RETRY = timedelta(seconds=1)
"""How soon a waiting event is tried again when nothing wakes it; it gets rarer with its age."""
ATTEMPTS = 3
"""How often a handler that fails for no transient reason is tried before its event is parked."""
HANDLING_SECONDS = 120.0
"""The longest that one transaction of a handler may take; then it is rolled back and tried again."""

NOT_ITS_FAULT: tuple[type[BaseException], ...] = (
    *TRANSIENT,
    asyncpg.exceptions.InvalidCachedStatementError,
    asyncpg.exceptions.UndefinedTableError,
    asyncpg.exceptions.UndefinedColumnError,
    asyncpg.exceptions.InsufficientPrivilegeError,
)
"""What no record can be blamed for: outages, and a schema or a right that an operator has to put in
order. To park for these would park everything."""

_OWNERS = {Topic.CATALOGUE: frozenset({"/licet/credentials", "/licet/certifications"})}
"""The topics whose state belongs to several services: a place is found when all have backfilled it."""

_log = structlog.get_logger("licet.consuming")
_records = prometheus_client.Counter(
    "licet_consumed_records_total", "Records read, by what became of them", ["consumer", "outcome"]
)


@dataclass
class BatchResult:
    """What a transaction has done, to be told once it is committed."""

    outcomes: Counter[str] = field(default_factory=Counter)
    provided: set[str] = field(default_factory=set)
    """Keys that events may be waiting for."""


class Dispatcher:
    """Carries out the records of one consumer. Knows nothing of Kafka; raises only what is transient."""

    def __init__(
        self,
        consumer: Consumer,
        database: Database,
        clock: BusinessClock,
        service: str,
        erase: Erase | None = None,
    ) -> None:
        self.consumer = consumer
        self._database = database
        self._clock = clock
        self.service = service
        self._actor = f"service:{service}"
        self._erase = erase
        self._handlers: dict[type[EventData], Handler] = {}
        for handler in consumer.handlers:
            for model in handler.types:
                if self._handlers.setdefault(model, handler) is not handler:
                    raise ValueError(f"two handlers of {consumer.name} name {model.event_type}")
        self.wanted: frozenset[type[EventData]] = frozenset(self._handlers) | {BackfillFinished, HolderErased}
        self.progressed = 0
        """Records that are done with, since the process began; the watchdog looks at it."""

    async def handle(self, records: Sequence[Raw], cluster_id: str) -> None:
        """Carry out a batch and keep the progress, so that its offsets may be committed.

        Everything in one transaction if it goes well; else record by record. Raises only what is not
        a record's fault, after which the same batch is to be handled again.
        """
        decoded = [decode_raw(raw, self.wanted) for raw in records]
        try:
            async with (
                asyncio.timeout(HANDLING_SECONDS),
                self._database.transaction(Cause.new(self._actor)) as tx,
            ):
                if any(isinstance(item, Undecodable) for item in decoded):
                    raise _OneByOne
                if await self._any_parked(tx, records):
                    raise _OneByOne
                done = await self.dispatch_all(tx, [item for item in decoded if isinstance(item, Decoded)])
                await self._keep_progress(tx, records, cluster_id)
        except NOT_ITS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001  # whichever record it was, each is judged by itself below
            if not isinstance(error, _OneByOne):
                _log.info("consumer.batch_failed", consumer=self.consumer.name, error=type(error).__name__)
            for raw, item in zip(records, decoded, strict=True):
                if item is not None:
                    await self._handle_one(raw, item, cluster_id)
            async with self._database.transaction(Cause.new(self._actor)) as tx:
                await self._keep_progress(tx, records, cluster_id)
            done = BatchResult()
        done.outcomes["passed_over"] += sum(item is None for item in decoded)
        await self.tell(done)

    async def _handle_one(self, raw: Raw, item: Decoded | Undecodable, cluster_id: str) -> None:
        attempt = 0
        while True:
            attempt += 1
            done = BatchResult()
            try:
                async with (
                    asyncio.timeout(HANDLING_SECONDS),
                    self._database.transaction(self._cause(item)) as tx,
                ):
                    if _erases(item):
                        # Whatever is parked of the holder goes with it: this waits behind none of it.
                        done = await self.dispatch_all(tx, [item])
                    elif await self._is_erased(tx, raw):
                        done.outcomes["erased"] += 1
                    elif await self._park_behind(tx, raw, cluster_id):
                        done.outcomes["parked"] += 1
                    elif isinstance(item, Undecodable):
                        raise PermanentFailure(item.error)
                    else:
                        done = await self.dispatch_all(tx, [item])
                    await self._keep_progress(tx, [raw], cluster_id)
            except NOT_ITS_FAULT:
                raise
            except Exception as error:  # noqa: BLE001  # it is parked with its reason
                if attempt < ATTEMPTS and not isinstance(error, PermanentFailure):
                    continue
                await self._park(raw, error, attempt, cluster_id)
            else:
                await self.tell(done)
            return

    async def dispatch(self, tx: Transaction, event: Event[Any]) -> None:
        """Carry out one event that came another way than from Kafka; raises whatever its handler raises."""
        record = encode(event)
        raw = Raw(record.topic, -1, -1, record.key, record.headers, record.value)
        done = await self.dispatch_all(tx, [Decoded(raw, event)])
        if done.provided:
            await tx.conn.execute(QUERIES["wake_waiting"], sorted(done.provided))

    async def dispatch_all(self, tx: Transaction, items: Sequence[Decoded]) -> BatchResult:
        """Carry out events in a transaction of the caller's, who calls `tell` when it is committed.

        Raises whatever a handler raises; all of it is then to be rolled back.
        """
        now = self._clock.now()
        done = BatchResult()
        kept = await self._without_erased(tx, items, now)
        done.outcomes["erased"] += len(items) - len(kept)
        projections: dict[int, list[Event[Any]]] = {}
        effects: list[tuple[Effect, Decoded]] = []
        for item in kept:
            data = item.event.data
            handler = self._handlers.get(type(data))
            if isinstance(handler, Projection):
                projections.setdefault(id(handler), []).append(item.event)
            elif isinstance(handler, Effect):
                effects.append((handler, item))
            elif isinstance(data, BackfillFinished):
                await self._find_place(tx, data, item.event.source)
                done.outcomes["handled"] += 1
        # In the order of their declaration, so that two members lock their rows in the same order.
        for handler in self.consumer.handlers:
            events = projections.get(id(handler))
            if isinstance(handler, Projection) and events:
                await handler.apply(tx, events, now)
                done.provided |= {
                    key for event in events if (key := handler.provides(event.data)) is not None
                }
                done.outcomes["handled"] += len(events)
        for effect, item in effects:
            done.outcomes[await self._effect(tx, effect, item, now)] += 1
        return done

    async def _without_erased(
        self, tx: Transaction, items: Sequence[Decoded], now: datetime
    ) -> Sequence[Decoded]:
        """Carry out erasures, and return the events that are of nobody who is erased."""
        if not items:
            return items
        erasing = {
            item.event.data.partition_key: item for item in items if isinstance(item.event.data, HolderErased)
        }
        await (lock_for_erasure(tx.conn) if erasing else block_erasures(tx.conn))
        erased = await erased_among(tx.conn, {item.event.data.partition_key for item in items})
        for key, item in sorted(erasing.items()):
            if key not in erased:
                own = Transaction(tx.conn, Cause.of_event(item.event, self._actor), self._database.source)
                await erase_from_service(own, item.event.data.holder_id, self._erase, now=now)
        gone = erased | erasing.keys()
        return [item for item in items if item.event.data.partition_key not in gone] if gone else items

    async def _is_erased(self, tx: Transaction, raw: Raw) -> bool:
        await block_erasures(tx.conn)
        return bool(await erased_among(tx.conn, [raw.partition_key.partition("/")[0]]))

    async def tell(self, done: BatchResult) -> None:
        """Count what a committed transaction did, and wake the events that waited for it.

        Only now, with none of our rows locked any more: whoever tries a waiting event holds its row and
        may want ours. Lost in a crash here, the event is tried again a little later by itself.
        """
        for outcome, count in done.outcomes.items():
            if count:
                _records.labels(self.consumer.name, outcome).inc(count)
        self.progressed += done.outcomes.total()
        if not done.provided:
            return
        try:
            async with self._database.reading() as conn:
                await conn.execute(QUERIES["wake_waiting"], sorted(done.provided))
        except NOT_ITS_FAULT as error:
            _log.info("consumer.wake_failed", consumer=self.consumer.name, error=type(error).__name__)

    async def _effect(self, tx: Transaction, effect: Effect, item: Decoded, now: datetime) -> str:
        event = item.event
        own = Transaction(tx.conn, Cause.of_event(event, self._actor), self._database.source)
        try:
            # A savepoint of its own: an event that has to wait leaves nothing half done.
            async with tx.conn.transaction():
                if not await tx.conn.fetchval(QUERIES["note_effect"], self.consumer.name, event.id):
                    return "repeated"
                await effect.handle(own, event, now)
        except MissingPrerequisite as waiting:
            await self._keep_waiting(tx, item, waiting)
            return "waiting"
        return "handled"

    async def _keep_waiting(self, tx: Transaction, item: Decoded, waiting: MissingPrerequisite) -> None:
        raw = item.raw
        await tx.conn.execute(
            QUERIES["keep_waiting"], self.consumer.name, item.event.id, waiting.needs, waiting.reason,
            raw.topic, raw.partition, raw.offset, raw.partition_key, raw.key, raw.flat_headers(), raw.value,
            FIRST_RETRY,
        )  # fmt: skip
        _log.info(
            "consumer.waiting", consumer=self.consumer.name, event_id=str(item.event.id), needs=waiting.needs
        )

    async def _find_place(self, tx: Transaction, marker: BackfillFinished, source: str) -> None:
        owners = _OWNERS.get(marker.of, frozenset({source}))
        await tx.conn.execute(
            QUERIES["find_place"], self.consumer.name, marker.of, marker.partition, marker.started_at,
            source, sorted(owners),
        )  # fmt: skip

    async def _any_parked(self, tx: Transaction, records: Sequence[Raw]) -> bool:
        # Nearly always nothing is parked at all, which costs one look and no computing of keys.
        if not await tx.conn.fetchval(QUERIES["any_parked"], self.consumer.name):
            return False
        keys = {(raw.topic, raw.partition_key) for raw in records}
        return bool(
            await tx.conn.fetchval(
                QUERIES["any_parked_of"],
                self.consumer.name,
                [topic for topic, _ in keys],
                [key for _, key in keys],
            )
        )

    async def _park_behind(self, tx: Transaction, raw: Raw, cluster_id: str) -> bool:
        where = (self.consumer.name, raw.topic, raw.partition_key)
        if not await tx.conn.fetchval(QUERIES["is_parked"], *where):
            return False
        # A replay of the key may have emptied it since: look again once it can't go on any more.
        await tx.conn.execute(QUERIES["lock_key"], *where)
        if not await tx.conn.fetchval(QUERIES["is_parked"], *where):
            return False
        await self._insert_parked(tx, raw, "waits behind an earlier parked record of its key", 0, cluster_id)
        return True

    async def _park(self, raw: Raw, error: Exception, attempts: int, cluster_id: str) -> None:
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            await self.park(tx, raw, error, attempts, cluster_id)
            await self._keep_progress(tx, [raw], cluster_id)
        await self.tell(BatchResult(Counter(parked=1)))

    async def park(self, tx: Transaction, raw: Raw, error: Exception, attempts: int, cluster_id: str) -> None:
        """Keep a record that can't be handled; later ones of its partition key will park behind it.

        Of a holder who is erased nothing is kept.
        """
        if await self._is_erased(tx, raw):
            return
        await tx.conn.execute(QUERIES["lock_key"], self.consumer.name, raw.topic, raw.partition_key)
        await self._insert_parked(tx, raw, describe(error), attempts, cluster_id)
        _log.error(
            "consumer.parked", consumer=self.consumer.name, topic=raw.topic, partition=raw.partition,
            offset=raw.offset, error=type(error).__name__,
        )  # fmt: skip

    async def _insert_parked(
        self, tx: Transaction, raw: Raw, reason: str, attempts: int, cluster_id: str
    ) -> None:
        await tx.conn.execute(
            QUERIES["park"], self.consumer.name, cluster_id, raw.topic, raw.partition, raw.offset,
            raw.partition_key, raw.key, raw.flat_headers(), raw.value, reason, attempts,
        )  # fmt: skip

    async def _keep_progress(self, tx: Transaction, records: Sequence[Raw], cluster_id: str) -> None:
        ends: dict[tuple[str, int], int] = {}
        for raw in records:
            ends[raw.topic, raw.partition] = raw.offset + 1
        # Sorted, so that two members with the same partitions lock these rows in the same order.
        places = sorted(ends)
        await tx.conn.execute(
            QUERIES["keep_progress"], self.consumer.name, [topic for topic, _ in places],
            [partition for _, partition in places], [cluster_id] * len(ends),
            [ends[place] for place in places],
        )  # fmt: skip

    def _cause(self, item: Decoded | Undecodable) -> Cause:
        if isinstance(item, Decoded):
            return Cause.of_event(item.event, self._actor)
        return Cause.new(self._actor)


def _erases(item: Decoded | Undecodable) -> TypeGuard[Decoded]:
    return isinstance(item, Decoded) and isinstance(item.event.data, HolderErased)


def describe(error: Exception) -> str:
    """Return an error as text that the table of parked records can hold."""
    return storable(f"{type(error).__name__}: {error}"[:2000])


class _OneByOne(Exception):
    """The batch has records that must be judged one by one."""
