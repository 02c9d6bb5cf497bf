"""Parked records: look at them, and carry them out again once their cause is gone."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import asyncpg
import structlog

from licet_chassis.cause import Cause
from licet_chassis.consuming.consumer import PermanentFailure
from licet_chassis.consuming.dispatcher import (
    HANDLING_SECONDS,
    NOT_ITS_FAULT,
    QUERIES,
    BatchResult,
    Dispatcher,
    describe,
)
from licet_chassis.consuming.records import Decoded, Raw, Undecodable, decode_raw, pair_headers
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
    """Carry out parked records again, oldest first for each key; all keys, or those of `ids`.

    A key ends at the first record that fails again. Safe to repeat and to run beside the consumers:
    what they park meanwhile behind a key is carried out too.
    """
    by_consumer = {dispatcher.consumer.name: dispatcher for dispatcher in dispatchers}
    done = 0
    last = ("", "", "")
    while True:
        async with database.reading() as conn:
            keys = await conn.fetch(QUERIES["parked_keys_to_replay"], ids, _KEYS_AT_ONCE, *last)
        for key in keys:
            last = (key["consumer"], key["topic"], key["partition_key"])
            dispatcher = by_consumer.get(key["consumer"])
            if dispatcher is not None:
                done += await _replay_key(dispatcher, database, service, last)
        if len(keys) < _KEYS_AT_ONCE:
            break
    async with database.reading() as conn:
        return Replayed(done, await conn.fetchval(QUERIES["count_parked"]))


async def _replay_key(
    dispatcher: Dispatcher, database: Database, service: str, where: tuple[str, str, str]
) -> int:
    replayed = 0
    while True:
        row = None
        done = BatchResult()
        try:
            async with (
                asyncio.timeout(HANDLING_SECONDS),
                database.transaction(Cause.new(f"service:{service}")) as tx,
            ):
                await block_erasures(tx.conn)
                # The key's lock before anything else: what is decided about a key is decided under it.
                await tx.conn.execute(QUERIES["lock_key"], *where)
                row = await tx.conn.fetchrow(QUERIES["next_parked"], *where)
                if row is None:
                    return replayed
                item = decode_raw(_raw(row), dispatcher.wanted)
                if isinstance(item, Undecodable):
                    raise PermanentFailure(item.error)
                if isinstance(item, Decoded):
                    done = await dispatcher.dispatch_all(tx, [item])
                await tx.conn.execute(QUERIES["mark_replayed"], row["id"])
        except NOT_ITS_FAULT:
            raise
        except Exception as error:
            if row is None:
                raise
            async with database.reading() as conn:
                await conn.execute(QUERIES["mark_failed_again"], row["id"], describe(error))
            _log.warning("parked.failed_again", parked_id=row["id"], error=type(error).__name__)
            return replayed
        replayed += 1
        await dispatcher.tell(done)


def _raw(row: asyncpg.Record) -> Raw:
    return Raw(
        row["topic"],
        row["partition"],
        row["position"],
        row["record_key"],
        pair_headers(row["headers"]),
        row["value"],
    )
