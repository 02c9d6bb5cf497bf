"""Dispatches records to handlers: a batch at once, or one by one; parks what can't be handled."""

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
from licet_chassis.consuming import store
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
from licet_events import Event, EventData, Topic, encode
from licet_events.holders import HolderErased
from licet_events.operations import BackfillFinished

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
"""Errors that no record causes: outages, and a schema or a right that an operator has to put in order.
Parking for these would park everything."""

_OWNERS = {Topic.CATALOGUE: frozenset({"/licet/credentials", "/licet/certifications"})}
"""Topics whose state has several owners: a lost position is found again once all have backfilled it."""

_log = structlog.get_logger("licet.consuming")
_records = prometheus_client.Counter(
    "licet_consumed_records_total", "Records read, by outcome", ["consumer", "outcome"]
)


@dataclass
class BatchResult:
    """What a transaction did; `Dispatcher.report` takes it once that is committed."""

    outcomes: Counter[str] = field(default_factory=Counter)
    provided: set[str] = field(default_factory=set)
    """What arrived that events may be waiting for."""


class Dispatcher:
    """Dispatches the records of one consumer. Knows no Kafka client; raises only transient errors."""

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
        """How many records were finished since the process began; the watchdog reads it."""

    async def handle(self, records: Sequence[Raw], cluster_id: str) -> None:
        """Dispatch a batch and keep its positions, so that its offsets may be committed.

        In one transaction if no record fails, else record by record. Raises only what no record causes;
        the same batch is then to be handled again.
        """
        decoded = [decode_raw(raw, self.wanted) for raw in records]
        try:
            async with (
                asyncio.timeout(HANDLING_SECONDS),
                self._database.transaction(Cause.new(self._actor)) as tx,
            ):
                if any(isinstance(item, Undecodable) for item in decoded):
                    raise _OneByOne
                if self.consumer.ordered and await store.any_parked(tx.conn, self.consumer.name, records):
                    raise _OneByOne
                done = await self.dispatch_all(tx, [item for item in decoded if isinstance(item, Decoded)])
                await self._keep_progress(tx, records, cluster_id)
        except NOT_ITS_FAULT:
            raise
        except Exception as error:  # noqa: BLE001  # whichever record it was, each is tried alone below
            if not isinstance(error, _OneByOne):
                _log.info("consumer.batch_failed", consumer=self.consumer.name, error=type(error).__name__)
            for raw, item in zip(records, decoded, strict=True):
                if item is not None:
                    await self._handle_one(raw, item, cluster_id)
            async with self._database.transaction(Cause.new(self._actor)) as tx:
                await self._keep_progress(tx, records, cluster_id)
            done = BatchResult()
        done.outcomes["passed_over"] += sum(item is None for item in decoded)
        await self.report(done)

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
                    elif self.consumer.ordered and await self._park_behind(tx, raw, cluster_id):
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
                await self.report(done)
            return

    async def dispatch(self, tx: Transaction, event: Event[Any]) -> None:
        """Dispatch one event that did not come from Kafka; raises whatever its handler raises."""
        record = encode(event)
        raw = Raw(record.topic, -1, -1, record.key, record.headers, record.value)
        done = await self.dispatch_all(tx, [Decoded(raw, event)])
        if done.provided:
            await store.wake_waiting(tx.conn, done.provided)

    async def dispatch_all(self, tx: Transaction, items: Sequence[Decoded]) -> BatchResult:
        """Dispatch events in the caller's transaction; the caller calls `report` once it is committed.

        Raises whatever a handler raises; the transaction is then to be rolled back.
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
                await self._find_position(tx, data, item.event.source)
                done.outcomes["handled"] += 1
        # In the order of declaration, so that two members lock rows in the same order.
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
        """Erase the holders that the events erase, and return the events that are about nobody erased."""
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

    async def report(self, done: BatchResult) -> None:
        """Count what a committed transaction did, and wake the events that waited for it.

        After the commit, when none of our rows is locked any more: a retry of a waiting event locks its row
        and may want ours. If we crash before this, the event is retried a little later anyway.
        """
        for outcome, count in done.outcomes.items():
            if count:
                _records.labels(self.consumer.name, outcome).inc(count)
        self.progressed += done.outcomes.total()
        if not done.provided:
            return
        try:
            async with self._database.reading() as conn:
                await store.wake_waiting(conn, done.provided)
        except NOT_ITS_FAULT as error:
            _log.info("consumer.wake_failed", consumer=self.consumer.name, error=type(error).__name__)

    async def _effect(self, tx: Transaction, effect: Effect, item: Decoded, now: datetime) -> str:
        event = item.event
        own = Transaction(tx.conn, Cause.of_event(event, self._actor), self._database.source)
        try:
            # In a savepoint: an event that has to wait leaves nothing half done.
            async with tx.conn.transaction():
                if not await store.note_effect(tx.conn, self.consumer.name, event.id):
                    return "repeated"
                await effect.handle(own, event, now)
        except MissingPrerequisite as waiting:
            await self._keep_waiting(tx, item, waiting)
            return "waiting"
        return "handled"

    async def _keep_waiting(self, tx: Transaction, item: Decoded, waiting: MissingPrerequisite) -> None:
        await store.keep_waiting(
            tx.conn, self.consumer.name, item.raw, item.event.id,
            needs=waiting.needs, reason=waiting.reason, delay=FIRST_RETRY,
        )  # fmt: skip
        _log.info(
            "consumer.waiting", consumer=self.consumer.name, event_id=str(item.event.id), needs=waiting.needs
        )

    async def _find_position(self, tx: Transaction, marker: BackfillFinished, source: str) -> None:
        owners = _OWNERS.get(marker.of, frozenset({source}))
        await store.find_position(
            tx.conn, self.consumer.name, (marker.of, marker.partition),
            started_at=marker.started_at, owner=source, owners=sorted(owners),
        )  # fmt: skip

    async def _park_behind(self, tx: Transaction, raw: Raw, cluster_id: str) -> bool:
        key = (self.consumer.name, raw.topic, raw.partition_key)
        if not await store.is_parked(tx.conn, key):
            return False
        # A replay may have emptied the key since: look again under the lock, which a replay takes too.
        await store.lock_key(tx.conn, key)
        if not await store.is_parked(tx.conn, key):
            return False
        await store.park(
            tx.conn, self.consumer.name, raw,
            reason="waits behind an earlier parked record of its key", attempts=0, cluster_id=cluster_id,
        )  # fmt: skip
        return True

    async def _park(self, raw: Raw, error: Exception, attempts: int, cluster_id: str) -> None:
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            await self.park(tx, raw, error, attempts, cluster_id)
            await self._keep_progress(tx, [raw], cluster_id)
        await self.report(BatchResult(Counter(parked=1)))

    async def park(self, tx: Transaction, raw: Raw, error: Exception, attempts: int, cluster_id: str) -> None:
        """Park a record that can't be handled; later ones of its partition key will be parked behind it.

        Nothing is kept of a holder who is erased.
        """
        if await self._is_erased(tx, raw):
            return
        await store.lock_key(tx.conn, (self.consumer.name, raw.topic, raw.partition_key))
        await store.park(
            tx.conn, self.consumer.name, raw,
            reason=describe(error), attempts=attempts, cluster_id=cluster_id,
        )  # fmt: skip
        _log.error(
            "consumer.parked", consumer=self.consumer.name, topic=raw.topic, partition=raw.partition,
            offset=raw.offset, error=type(error).__name__,
        )  # fmt: skip

    async def _keep_progress(self, tx: Transaction, records: Sequence[Raw], cluster_id: str) -> None:
        ends = {(raw.topic, raw.partition): raw.offset + 1 for raw in records}
        await store.keep_progress(tx.conn, self.consumer.name, cluster_id, ends)

    def _cause(self, item: Decoded | Undecodable) -> Cause:
        if isinstance(item, Decoded):
            return Cause.of_event(item.event, self._actor)
        return Cause.new(self._actor)


def _erases(item: Decoded | Undecodable) -> TypeGuard[Decoded]:
    return isinstance(item, Decoded) and isinstance(item.event.data, HolderErased)


def describe(error: Exception) -> str:
    """Return an error as text that the table of parked records can store."""
    return storable(f"{type(error).__name__}: {error}"[:2000])


class _OneByOne(Exception):
    """The batch has a record that must be dispatched alone."""
