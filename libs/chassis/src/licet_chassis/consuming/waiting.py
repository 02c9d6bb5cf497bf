"""Retries events that wait for a state, when that arrives; gives them up after a bound."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import structlog

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.connection import Connection
from licet_chassis.consuming import store
from licet_chassis.consuming.consumer import Effect, MissingPrerequisite, PermanentFailure
from licet_chassis.consuming.dispatcher import (
    ATTEMPTS,
    FIRST_RETRY,
    HANDLING_SECONDS,
    NOT_ITS_FAULT,
    BatchResult,
    Dispatcher,
)
from licet_chassis.database import Database, Transaction
from licet_chassis.erasure import block_erasures
from licet_chassis.loops import Loop
from licet_events import Event, UnknownEventType, decode_event

PATIENCE = timedelta(minutes=15)
"""Machine time after which an event is given up. Longer than any catch-up of a healthy deployment."""
RAREST_RETRY = timedelta(seconds=30)
"""The longest pause between two attempts when nothing wakes the event."""

_log = structlog.get_logger("licet.consuming")


def waiting_loop(
    dispatchers: Sequence[Dispatcher], database: Database, clock: BusinessClock, service: str,
    patience: timedelta = PATIENCE,
) -> Loop:  # fmt: skip
    """Return the loop that retries waiting events, one per transaction.

    An event that fails otherwise is postponed, and parked after some attempts, so that it never holds up
    the others.
    """
    by_consumer = {dispatcher.consumer.name: dispatcher for dispatcher in dispatchers}
    retries = _Retries(by_consumer, database, clock, service, patience)
    return Loop("waiting", retries.step, idle_seconds=0.2)


class _Retries:
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
        """Retry the event that is due next; returns whether there was one."""
        waiting: store.WaitingEvent | None = None
        try:
            async with (
                asyncio.timeout(HANDLING_SECONDS),
                self._database.transaction(Cause.new(self._actor)) as tx,
            ):
                await block_erasures(tx.conn)
                waiting = await store.claim_waiting(tx.conn, self._patience)
                if waiting is None:
                    return False
                await self._retry(tx, waiting)
        except NOT_ITS_FAULT:
            if waiting is not None:
                # A handler that is too slow for this event alone must not hold up the others.
                async with self._database.reading() as conn:
                    await _postpone(conn, waiting, waiting.needs, waiting.reason)
            raise
        except Exception as error:
            if waiting is None:
                raise
            await self._fail(waiting, error)
        return True

    async def _retry(self, tx: Transaction, waiting: store.WaitingEvent) -> None:
        dispatcher = self._dispatchers.get(waiting.consumer)
        event: Event[Any] | None
        try:
            event = decode_event(waiting.raw.headers, waiting.raw.key, waiting.raw.value)
        except UnknownEventType:
            event = None
        handler = dispatcher.consumer.handler_of(type(event.data)) if dispatcher and event else None
        if event is None or not isinstance(handler, Effect):
            await self._leave_to_another_release(tx, waiting)
            return
        tx.cause = Cause.of_event(event, self._actor)
        try:
            async with tx.conn.transaction():
                if await store.note_effect(tx.conn, waiting.consumer, event.id):
                    await handler.handle(tx, event, self._clock.now())
        except MissingPrerequisite as missing:
            if not waiting.overdue:
                await _postpone(tx.conn, waiting, missing.needs, missing.reason)
                return
            await store.note_effect(tx.conn, waiting.consumer, event.id)
            if handler.give_up is not None:
                await handler.give_up(tx, event, missing.reason, self._clock.now())
            _log.warning("consumer.gave_up_waiting", consumer=waiting.consumer, event_id=str(event.id),
                         reason=missing.reason)  # fmt: skip
        await store.drop_waiting(tx.conn, waiting.id)

    async def _leave_to_another_release(self, tx: Transaction, waiting: store.WaitingEvent) -> None:
        # While a release is rolled out, older processes see events of effects that they do not have yet.
        # If no process has handled one until its time is up, the effect was removed.
        if waiting.overdue:
            _log.warning("consumer.effect_is_gone", consumer=waiting.consumer, event_id=str(waiting.event_id))
            await store.drop_waiting(tx.conn, waiting.id)
        else:
            await _postpone(tx.conn, waiting, waiting.needs, waiting.reason)

    async def _fail(self, waiting: store.WaitingEvent, error: Exception) -> None:
        dispatcher = self._dispatchers.get(waiting.consumer)
        parked = False
        async with self._database.transaction(Cause.new(self._actor)) as tx:
            await block_erasures(tx.conn)
            attempts = await store.fail_waiting(tx.conn, waiting.id, FIRST_RETRY)
            if attempts is None or dispatcher is None:
                return  # another process has handled it in between
            if attempts >= ATTEMPTS or isinstance(error, PermanentFailure):
                # Its offset was passed long ago; the event's id keeps it apart from other parked records.
                await dispatcher.park(tx, waiting.raw, error, attempts, f"waiting/{waiting.event_id}")
                await store.drop_waiting(tx.conn, waiting.id)
                parked = True
        if parked:
            await dispatcher.report(BatchResult(Counter(parked=1)))
        else:
            _log.warning("consumer.waiting_failed", consumer=waiting.consumer,
                         event_id=str(waiting.event_id), error=type(error).__name__)  # fmt: skip


async def _postpone(conn: Connection, waiting: store.WaitingEvent, needs: str, reason: str) -> None:
    await store.postpone_waiting(
        conn, waiting.id, needs=needs, reason=reason, at_least=FIRST_RETRY, at_most=RAREST_RETRY
    )
