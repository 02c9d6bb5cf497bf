"""Events that wait for something: tried again when it arrives, given up after a bound."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import structlog

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming.consumer import Effect, MissingPrerequisite, PermanentFailure
from licet_chassis.consuming.dispatcher import (
    ATTEMPTS,
    FIRST_RETRY,
    HANDLING_SECONDS,
    NOT_ITS_FAULT,
    QUERIES,
    BatchResult,
    Dispatcher,
)
from licet_chassis.consuming.records import Raw, pair_headers
from licet_chassis.database import Database, Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.loops import Loop
from licet_events import Event, UnknownEventType, decode_event

PATIENCE = timedelta(minutes=15)
"""Machine time after which an event is given up. Longer than any catch-up of a healthy deployment."""
RAREST_RETRY = timedelta(seconds=30)
"""How long a waiting event rests at most when nothing wakes it."""

_log = structlog.get_logger("licet.consuming")


def waiting_loop(
    dispatchers: Sequence[Dispatcher], database: Database, clock: BusinessClock, service: str,
    patience: timedelta = PATIENCE,
) -> Loop:  # fmt: skip
    """Return the loop that tries waiting events again, one to a transaction.

    An event that fails for another reason than waiting is put off, and parked after some attempts, so
    that it never stands in the way of the others.
    """
    by_consumer = {dispatcher.consumer.name: dispatcher for dispatcher in dispatchers}
    trial = _Trial(by_consumer, database, clock, service, patience)
    return Loop("waiting", trial.step, idle_seconds=0.2)


class _Trial:
    def __init__(
        self,
        dispatchers: dict[str, Dispatcher],
        database: Database,
        clock: BusinessClock,
        service: str,
        patience: timedelta,
    ) -> None:
        self._dispatchers = dispatchers
        self._database = database
        self._clock = clock
        self._actor = f"service:{service}"
        self._patience = patience

    async def step(self) -> bool:
        """Try the event whose turn it is; returns whether there was one."""
        row: Any = None
        try:
            async with (
                asyncio.timeout(HANDLING_SECONDS),
                self._database.transaction(Cause.new(self._actor)) as tx,
            ):
                await block_erasures(tx.conn)
                row = await tx.conn.fetchrow(QUERIES["claim_waiting"], self._patience)
                if row is None:
                    return False
                await self._try(tx, row)
        except NOT_ITS_FAULT:
            if row is not None:
                # Others may still go: a handler that is too slow only for this one must not stop them.
                async with self._database.reading() as conn:
                    await conn.execute(
                        QUERIES["postpone_waiting"], row["id"], row["needs"], row["reason"], FIRST_RETRY,
                        RAREST_RETRY,
                    )  # fmt: skip
            raise
        except Exception as error:
            if row is None:
                raise
            await self._fail(row, error)
        return True

    async def _try(self, tx: Transaction, row: asyncpg.Record) -> None:
        dispatcher = self._dispatchers.get(row["consumer"])
        event: Event[Any] | None
        try:
            event = decode_event(pair_headers(row["headers"]), row["record_key"], row["value"])
        except UnknownEventType:
            event = None
        handler = dispatcher.consumer.handler_of(type(event.data)) if dispatcher and event else None
        if event is None or not isinstance(handler, Effect):
            await self._leave_to_another_release(tx, row)
            return
        tx.cause = Cause.of_event(event, self._actor)
        try:
            async with tx.conn.transaction():
                if await tx.conn.fetchval(QUERIES["note_effect"], row["consumer"], event.id):
                    await handler.handle(tx, event, self._clock.now())
        except MissingPrerequisite as waiting:
            if not row["overdue"]:
                await self._postpone(tx, row, waiting.needs, waiting.reason)
                return
            await tx.conn.execute(QUERIES["note_effect"], row["consumer"], event.id)
            if handler.give_up is not None:
                await handler.give_up(tx, event, waiting.reason, self._clock.now())
            _log.warning("consumer.gave_up_waiting", consumer=row["consumer"], event_id=str(event.id),
                         reason=waiting.reason)  # fmt: skip
        await tx.conn.execute(QUERIES["drop_waiting"], row["id"])

    async def _leave_to_another_release(self, tx: Transaction, row: asyncpg.Record) -> None:
        # While a release is rolled out, the older processes see events of effects they do not have yet.
        # What nobody has claimed until its time is up belonged to an effect that is no more.
        if row["overdue"]:
            _log.warning("consumer.effect_is_gone", consumer=row["consumer"], event_id=str(row["event_id"]))
            await tx.conn.execute(QUERIES["drop_waiting"], row["id"])
        else:
            await self._postpone(tx, row, row["needs"], row["reason"])

    async def _postpone(self, tx: Transaction, row: asyncpg.Record, needs: str, reason: str) -> None:
        await tx.conn.execute(
            QUERIES["postpone_waiting"], row["id"], needs, reason, FIRST_RETRY, RAREST_RETRY
        )

    async def _fail(self, row: asyncpg.Record, error: Exception) -> None:
        dispatcher = self._dispatchers.get(row["consumer"])
        parked = False
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            await block_erasures(tx.conn)
            attempts = await tx.conn.fetchval(QUERIES["fail_waiting"], row["id"], FIRST_RETRY)
            if attempts is None or dispatcher is None:
                return  # another one has carried it out in between
            if attempts >= ATTEMPTS or isinstance(error, PermanentFailure):
                raw = Raw(row["topic"], row["partition"], row["position"], row["record_key"],
                          pair_headers(row["headers"]), row["value"])  # fmt: skip
                # Its place on the topic was passed long ago; the event's id keeps it apart from others there.
                await dispatcher.park(tx, raw, error, attempts, f"waiting/{row['event_id']}")
                await tx.conn.execute(QUERIES["drop_waiting"], row["id"])
                parked = True
        if parked:
            await dispatcher.tell(BatchResult(Counter(parked=1)))
        else:
            _log.warning("consumer.waiting_failed", consumer=row["consumer"],
                         event_id=str(row["event_id"]), error=type(error).__name__)  # fmt: skip
