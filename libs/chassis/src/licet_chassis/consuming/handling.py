"""Carrying out what was read: batches first, one by one where a batch fails, parking what can't be."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import structlog
from prometheus_client import Counter

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming.consumer import Consumer, Effect, PermanentFailure, Projection, Waiting
from licet_chassis.consuming.records import Decoded, Raw, Undecodable, decode_raw
from licet_chassis.database import TRANSIENT, Database, Transaction
from licet_chassis.queries import load_queries
from licet_events import Event, EventData, encode
from licet_events.operations import BackfillFinished

QUERIES = load_queries("licet_chassis.consuming")
RETRY_WAITING = timedelta(seconds=30)
"""How long a waiting event rests when nothing wakes it."""
ATTEMPTS = 3
"""How often a handler that fails for no transient reason is tried before its event is parked."""

_log = structlog.get_logger("licet.consuming")
_records = Counter(
    "licet_consumed_records_total", "Records read, by what became of them", ["consumer", "outcome"]
)


class Handling:
    """Carries out the records of one consumer. Knows nothing of Kafka; raises only what is transient."""

    def __init__(self, consumer: Consumer, database: Database, clock: BusinessClock, service: str) -> None:
        self.consumer = consumer
        self._database = database
        self._clock = clock
        self.service = service
        self._actor = f"service:{service}"
        self.wanted: frozenset[type[EventData]] = frozenset(
            {model for handler in consumer.handlers for model in handler.types} | {BackfillFinished}
        )

    async def handle(self, records: Sequence[Raw], cluster_id: str) -> None:
        """Carry out a batch and keep the progress, so that its offsets may be committed.

        Everything in one transaction if it goes well; else record by record. Raises only transient
        errors, after which the same batch is to be handled again.
        """
        decoded = [decode_raw(raw, self.wanted) for raw in records]
        try:
            async with self._database.transaction(self._cause(None)) as tx:
                behind = await self._parked_keys(tx, records)
                if behind or any(isinstance(item, Undecodable) for item in decoded):
                    raise _OneByOne
                await self._carry_out(tx, [item.event for item in decoded if isinstance(item, Decoded)])
                await self._keep_progress(tx, records, cluster_id)
        except TRANSIENT:
            raise
        except Exception as error:  # noqa: BLE001  # whichever record it was, each is judged by itself below
            if not isinstance(error, _OneByOne):
                _log.info("consumer.batch_failed", consumer=self.consumer.name, error=type(error).__name__)
            for raw, item in zip(records, decoded, strict=True):
                await self._handle_one(raw, item, cluster_id)
        _records.labels(self.consumer.name, "passed_over").inc(sum(item is None for item in decoded))
        _records.labels(self.consumer.name, "handled").inc(sum(item is not None for item in decoded))

    async def _handle_one(self, raw: Raw, item: Decoded | Undecodable | None, cluster_id: str) -> None:
        attempt = 0
        while True:
            attempt += 1
            try:
                async with self._database.transaction(self._cause(item)) as tx:
                    if item is None:
                        pass
                    elif await self._park_behind(tx, raw, cluster_id):
                        _records.labels(self.consumer.name, "parked").inc()
                    elif isinstance(item, Undecodable):
                        raise PermanentFailure(item.error)
                    else:
                        await self._carry_out(tx, [item.event])
                    await self._keep_progress(tx, [raw], cluster_id)
            except TRANSIENT:
                raise
            except Exception as error:  # noqa: BLE001  # it is parked with its reason
                if attempt < ATTEMPTS and not isinstance(error, PermanentFailure):
                    continue
                await self._park(raw, error, attempt, cluster_id)
            return

    async def carry_out(self, tx: Transaction, event: Event[Any]) -> None:
        """Carry out one event in a transaction of the caller's; raises whatever its handler raises."""
        await self._carry_out(tx, [event])

    async def _carry_out(self, tx: Transaction, events: Sequence[Event[Any]]) -> None:
        now = self._clock.now()
        projections: dict[int, list[Event[Any]]] = {}
        effects: list[tuple[Effect, Event[Any]]] = []
        for event in events:
            handler = self.consumer.handler_of(type(event.data))
            if isinstance(handler, Projection):
                projections.setdefault(self.consumer.handlers.index(handler), []).append(event)
            elif isinstance(handler, Effect):
                effects.append((handler, event))
            elif isinstance(event.data, BackfillFinished):
                await self._find_place(tx, event.data)
        for index, several in projections.items():
            handler = self.consumer.handlers[index]
            if not isinstance(handler, Projection):
                raise TypeError("a projection is expected here")
            await handler.apply(tx, several, now)
            provided = {key for event in several if (key := handler.provides(event.data)) is not None}
            if provided:
                await tx.conn.execute(QUERIES["wake_waiting"], sorted(provided))
        for effect, event in effects:
            await self._effect(tx, effect, event, now)

    async def _effect(self, tx: Transaction, effect: Effect, event: Event[Any], now: datetime) -> None:
        own = Transaction(tx.conn, Cause.of_event(event, self._actor), self._database.source)
        try:
            # A savepoint of its own: an event that has to wait leaves nothing half done.
            async with tx.conn.transaction():
                if await tx.conn.fetchval(QUERIES["note_effect"], self.consumer.name, event.id):
                    await effect.handle(own, event, now)
        except Waiting as waiting:
            await self._keep_waiting(tx, event, waiting)

    async def _keep_waiting(self, tx: Transaction, event: Event[Any], waiting: Waiting) -> None:
        record = encode(event)
        headers = [part for name, value in record.headers for part in (name.encode(), value)]
        await tx.conn.execute(
            QUERIES["keep_waiting"], self.consumer.name, event.id, waiting.needs, waiting.reason,
            record.key, headers, record.value, RETRY_WAITING,
        )  # fmt: skip
        _log.info(
            "consumer.waiting", consumer=self.consumer.name, event_id=str(event.id), needs=waiting.needs
        )

    async def _find_place(self, tx: Transaction, marker: BackfillFinished) -> None:
        await tx.conn.execute(
            QUERIES["find_place"], self.consumer.name, marker.of, marker.partition, marker.started_at
        )

    async def _parked_keys(self, tx: Transaction, records: Sequence[Raw]) -> bool:
        keys = {(raw.topic, raw.partition_key) for raw in records}
        rows = await tx.conn.fetch(
            QUERIES["parked_keys"], self.consumer.name, [key[0] for key in keys], [key[1] for key in keys]
        )
        return bool(rows)

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
        reason = f"{type(error).__name__}: {error}"[:2000].replace("\0", "\\0")
        async with self._database.transaction(self._cause(None)) as tx:
            await tx.conn.execute(QUERIES["lock_key"], self.consumer.name, raw.topic, raw.partition_key)
            await self._insert_parked(tx, raw, reason, attempts, cluster_id)
            await self._keep_progress(tx, [raw], cluster_id)
        _records.labels(self.consumer.name, "parked").inc()
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
        await tx.conn.execute(
            QUERIES["keep_progress"], self.consumer.name, [topic for topic, _ in ends],
            [partition for _, partition in ends], [cluster_id] * len(ends), list(ends.values()),
        )  # fmt: skip

    def _cause(self, item: Decoded | Undecodable | None) -> Cause:
        if isinstance(item, Decoded):
            return Cause.of_event(item.event, self._actor)
        return Cause.new(self._actor)


class _OneByOne(Exception):
    """The batch has records that must be judged one by one."""
