"""Replays parked records (dead letters) once what made them fail is mended."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog

from licet_chassis.cause import Cause
from licet_chassis.consuming import store
from licet_chassis.consuming.consumer import PermanentFailure
from licet_chassis.consuming.dispatcher import (
    HANDLING_SECONDS,
    NOT_ITS_FAULT,
    BatchResult,
    Dispatcher,
    describe,
)
from licet_chassis.consuming.records import Decoded, Undecodable, decode_raw
from licet_chassis.database import Database
from licet_chassis.erasure import block_erasures

_log = structlog.get_logger("licet.consuming")
_KEYS_AT_ONCE = 1000


@dataclass(frozen=True)
class Replayed:
    """What a replay did."""

    replayed: int
    still_parked: int


async def replay(
    dispatchers: Sequence[Dispatcher], database: Database, service: str, ids: Sequence[int] | None
) -> Replayed:
    """Dispatch parked records again, oldest first for each key; all keys, or those of the records `ids`.

    Stops with a key at the first record that fails again. Safe to repeat and to run beside the consumers:
    what they park behind a key meanwhile is replayed too.
    """
    by_consumer = {dispatcher.consumer.name: dispatcher for dispatcher in dispatchers}
    done = 0
    last = ("", "", "")
    while True:
        async with database.reading() as conn:
            keys = await store.parked_keys(conn, ids, last, _KEYS_AT_ONCE)
        for last in keys:
            dispatcher = by_consumer.get(last[0])
            if dispatcher is not None:
                done += await _replay_key(dispatcher, database, service, last)
        if len(keys) < _KEYS_AT_ONCE:
            break
    async with database.reading() as conn:
        return Replayed(done, await store.count_parked(conn))


async def _replay_key(dispatcher: Dispatcher, database: Database, service: str, key: store.ParkingKey) -> int:
    replayed = 0
    while True:
        parked = None
        done = BatchResult()
        try:
            async with (
                asyncio.timeout(HANDLING_SECONDS),
                database.transaction(Cause.new(f"service:{service}")) as tx,
            ):
                await block_erasures(tx.conn)
                # The key's lock first: consumers decide under it whether to park behind the key.
                await store.lock_key(tx.conn, key)
                parked = await store.next_parked(tx.conn, key)
                if parked is None:
                    return replayed
                item = decode_raw(parked[1], dispatcher.wanted)
                if isinstance(item, Undecodable):
                    raise PermanentFailure(item.error)
                if isinstance(item, Decoded):
                    done = await dispatcher.dispatch_all(tx, [item])
                await store.mark_replayed(tx.conn, parked[0])
        except NOT_ITS_FAULT:
            raise
        except Exception as error:
            if parked is None:
                raise
            async with database.reading() as conn:
                await store.mark_failed_again(conn, parked[0], describe(error))
            _log.warning("parked.failed_again", parked_id=parked[0], error=type(error).__name__)
            return replayed
        replayed += 1
        await dispatcher.report(done)
