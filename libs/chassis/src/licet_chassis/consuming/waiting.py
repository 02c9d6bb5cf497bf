"""Events that wait for something: tried again when it arrives, given up after a bound."""

from collections.abc import Sequence
from datetime import timedelta

import structlog

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock
from licet_chassis.consuming.consumer import Effect, Waiting
from licet_chassis.consuming.handling import QUERIES, RETRY_WAITING, Handling
from licet_chassis.consuming.records import pair_headers
from licet_chassis.database import Database
from licet_chassis.loops import Loop
from licet_events import decode_event

PATIENCE = timedelta(minutes=15)
"""Machine time after which an event is given up. Longer than any catch-up of a healthy deployment."""

_log = structlog.get_logger("licet.consuming")


def waiting_loop(
    handlings: Sequence[Handling], database: Database, clock: BusinessClock, service: str,
    patience: timedelta = PATIENCE,
) -> Loop:  # fmt: skip
    """Return the loop that tries waiting events again, one to a transaction."""
    by_consumer = {handling.consumer.name: handling for handling in handlings}
    actor = f"service:{service}"

    async def step() -> bool:
        async with database.transaction(Cause.new(actor)) as tx:
            row = await tx.conn.fetchrow(QUERIES["claim_waiting"], patience)
            if row is None:
                return False
            event = decode_event(pair_headers(row["headers"]), row["record_key"], row["value"])
            handling = by_consumer.get(row["consumer"])
            handler = handling.consumer.handler_of(type(event.data)) if handling else None
            if not isinstance(handler, Effect):
                # A release that no longer has the effect also no longer owes it.
                await tx.conn.execute(QUERIES["drop_waiting"], row["id"])
                return True
            tx.cause = Cause.of_event(event, actor)
            try:
                async with tx.conn.transaction():
                    if await tx.conn.fetchval(QUERIES["note_effect"], row["consumer"], event.id):
                        await handler.handle(tx, event, clock.now())
            except Waiting as waiting:
                if not row["overdue"]:
                    await tx.conn.execute(
                        QUERIES["postpone_waiting"], row["id"], waiting.needs, waiting.reason, RETRY_WAITING
                    )
                    return True
                await tx.conn.execute(QUERIES["note_effect"], row["consumer"], event.id)
                if handler.give_up is not None:
                    await handler.give_up(tx, event, waiting.reason, clock.now())
                _log.warning("consumer.gave_up_waiting", consumer=row["consumer"], event_id=str(event.id),
                             reason=waiting.reason)  # fmt: skip
            await tx.conn.execute(QUERIES["drop_waiting"], row["id"])
            return True

    return Loop("waiting", step, idle_seconds=0.2)
