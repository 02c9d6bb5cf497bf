"""Rows on their way: read, acknowledged by Kafka, deleted."""

import asyncio
import contextlib
from collections.abc import Callable, Iterable
from itertools import islice
from typing import TYPE_CHECKING

import asyncpg

from licet_chassis.failpoints import Failpoint
from licet_chassis.loops import wait_for_stop
from licet_chassis.outbox.low_mark import LowMark
from licet_chassis.queries import load_queries

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]

_QUERIES = load_queries("licet_chassis.outbox")
_DELETED_AT_ONCE = 5_000
_DELETED = Failpoint("relay.deleted")


class Deleter:
    """Deletes acknowledged rows on a connection of its own, many in one statement.

    So a delete costs one round trip per batch and never holds up reading. The transaction ids that it
    draws anyway are what the low mark rises by.
    """

    def __init__(self, conn: "_Connection", low_mark: LowMark, on_room: Callable[[], None]) -> None:
        self._conn = conn
        self._low_mark = low_mark
        self._on_room = on_room
        self._wake = asyncio.Event()
        self.in_flight: dict[int, int] = {}
        """Rows that were read and are still in the table, and the shard of each."""
        self._acknowledged: dict[int, None] = {}
        """Those of them that Kafka has stored; only the task of `run` removes any."""

    async def run(self) -> None:
        """Delete until cancelled. Raises what asyncpg raises when the connection is lost."""
        while True:
            await wait_for_stop(self._wake, 1.0)
            self._wake.clear()
            drawn = self._low_mark.drawn  # before our transaction id is drawn, see LowMark
            if self._acknowledged:
                rows = list(islice(self._acknowledged, _DELETED_AT_ONCE))
                xid = await self._conn.fetchval(_QUERIES["delete_rows"], rows)
                _DELETED()
                self._forget(rows)
            elif self._low_mark.unstamped:
                xid = await self._conn.fetchval(_QUERIES["draw_transaction_id"])
            else:
                continue
            self._low_mark.stamp(xid, drawn)

    def acknowledged(self, rows: Iterable[int]) -> None:
        """Note rows that Kafka has stored; they are deleted soon."""
        self._acknowledged.update(dict.fromkeys(rows))
        self._wake.set()

    def drop_unacknowledged(self) -> None:
        """Forget the rows that were read and not acknowledged; the low mark falls back before them."""
        lost = [row for row in self.in_flight if row not in self._acknowledged]
        if lost:
            self._low_mark.fall_back(min(lost))
            for row in lost:
                del self.in_flight[row]

    async def finish(self, room: asyncio.Event, lost: Callable[[], bool], seconds: float) -> None:
        """Wait until every acknowledged row is deleted, `seconds` at most.

        One that is left would be published again by the next relay. `room` is set whenever rows are gone.
        """
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while self._acknowledged and not lost():
                    room.clear()
                    await room.wait()

    def _forget(self, rows: Iterable[int]) -> None:
        for row in rows:
            del self._acknowledged[row]
            del self.in_flight[row]
        if self._acknowledged:
            self._wake.set()
        self._on_room()
