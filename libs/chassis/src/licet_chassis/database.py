"""PostgreSQL: a process's pool, transactions that carry their cause, and which errors may be retried."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import TypeVar
from uuid import UUID

import asyncpg

from licet_chassis.cause import Cause
from licet_chassis.clock import machine_now
from licet_chassis.connection import Connection, Pool
from licet_chassis.outbox.append import append
from licet_events import Event, EventData, Record, encode

T = TypeVar("T")

TRANSIENT: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OutdatedSchemaCacheError,
    asyncpg.exceptions.TransactionRollbackError,
    asyncpg.exceptions.InsufficientResourcesError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.LockNotAvailableError,
    asyncpg.exceptions.IdleInTransactionSessionTimeoutError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,
)
"""Errors that pass by themselves: the network, a restart, a lock, a full disk. Retry them; never park.

asyncpg's `InterfaceError` is not among them: it also says that an argument does not fit (an integer
that is too large), which never passes. `Database` raises `ConnectionLost` where it means the connection.
"""

INFRASTRUCTURE_ERRORS: tuple[type[BaseException], ...] = (*TRANSIENT, asyncpg.InterfaceError)
"""Errors of the database or the connection while a job has a row in hand; they say nothing about the row."""


class LostRace(Exception):
    """Another transaction wrote at the same moment what this one was to write; a second run sees it.

    Raise a subclass that says what to answer should the second run fail in the same way.
    """


_RETRIED_AT_ONCE: tuple[type[BaseException], ...] = (
    LostRace,
    asyncpg.exceptions.InvalidCachedStatementError,  # the first use of a plan after a migration
    asyncpg.exceptions.DeadlockDetectedError,
    asyncpg.exceptions.SerializationError,
)


class ConnectionLost(ConnectionError):
    """The connection to the database, or the whole pool, was closed while it was in use."""


class Transaction:
    """An open transaction, why it is open, and the way to publish from it. Commands never commit it."""

    __slots__ = ("_source", "cause", "conn")

    def __init__(self, conn: Connection, cause: Cause, source: str) -> None:
        self.conn = conn
        self.cause = cause
        self._source = source

    async def publish(self, *data: EventData, now: datetime, id: UUID | None = None) -> None:
        """Append events to the outbox, in order; they reach Kafka if and only if this commits.

        Call it under the lock of the aggregate the events are about and after its state is saved:
        then the order of ids in the outbox is the order of versions. `now` is business time; `id`
        goes with a single derived event. Raises `RecordTooLarge` before anything is written.
        """
        if id is not None and len(data) != 1:
            raise ValueError("an id belongs to exactly one event")
        await self.publish_all([(item, id, now) for item in data])

    async def publish_all(
        self,
        events: Sequence[tuple[EventData, UUID | None, datetime]],
        causes: Sequence[Cause] | None = None,
    ) -> None:
        """Append many events, each with its own id (or none) and business time, in one statement.

        `causes` gives each its own cause, in the same order, where one transaction carries on several
        conversations; without it all have the transaction's.
        """
        await append(self.conn, self.records_of(events, causes))

    def records_of(
        self,
        events: Sequence[tuple[EventData, UUID | None, datetime]],
        causes: Sequence[Cause] | None = None,
    ) -> list[Record]:
        """Return the records that `publish_all` would append, for a caller that appends them later."""
        recorded = machine_now()
        return [
            encode(
                Event.of(
                    item,
                    id=event_id,
                    source=self._source,
                    time=time,
                    recorded_time=recorded,
                    correlation_id=cause.correlation_id,
                    causation_id=cause.causation_id,
                    traceparent=cause.traceparent,
                )
            )
            for (item, event_id, time), cause in zip(
                events, causes or [self.cause] * len(events), strict=True
            )
        ]


class Database:
    """A service's database: a bounded pool and the transactions on it."""

    def __init__(self, pool: Pool, source: str) -> None:
        self.pool = pool
        self.source = source
        """The `source` of every event published here, such as `/licet/credentials`."""

    @classmethod
    async def open(
        cls,
        url: str,
        *,
        service: str,
        min_size: int = 1,
        max_size: int = 10,
        statement_cache_size: int = 256,
        command_timeout: float = 30.0,
    ) -> "Database":
        """Open the pool. `statement_cache_size=0` is for a pooler in transaction mode."""
        pool = await asyncpg.create_pool(
            url,
            min_size=min_size,
            max_size=max_size,
            statement_cache_size=statement_cache_size,
            command_timeout=command_timeout,
            timeout=10,
            max_inactive_connection_lifetime=60,
            reset=_leave,
            server_settings={
                "application_name": f"licet-{service}",
                "timezone": "UTC",
                "idle_in_transaction_session_timeout": "60000",
                "jit": "off",
            },
        )
        return cls(pool, f"/licet/{service}")

    @property
    def service(self) -> str:
        """The name of the service whose database it is."""
        name: str = self.source.rpartition("/")[2]
        return name

    async def close(self) -> None:
        """Close the pool, waiting at most ten seconds for what is still in use."""
        try:
            async with asyncio.timeout(10):
                await self.pool.close()
        except TimeoutError:
            self.pool.terminate()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Connection]:
        """Lend a connection for reading; waits at most ten seconds for one."""
        try:
            async with self.pool.acquire(timeout=10) as conn:
                yield conn
        except asyncpg.InterfaceError as error:
            raise _translated(error) from error

    @asynccontextmanager
    async def listing(self) -> AsyncIterator[Connection]:
        """Lend a connection for reading a page of a list: all its statements see the same state.

        They take an index wherever there is one. What the planner knows of the tables is a sample of some
        time ago, or nothing after an import, and a list must not read a whole table for that.
        """
        async with self.reading() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            await conn.execute("set local enable_seqscan = off; set local random_page_cost = 1.1")
            yield conn

    @asynccontextmanager
    async def transaction(self, cause: Cause) -> AsyncIterator[Transaction]:
        """Open a transaction that commits when the block ends and rolls back when it raises."""
        try:
            async with self.pool.acquire(timeout=10) as conn, conn.transaction():
                yield Transaction(conn, cause, self.source)
        except asyncpg.InterfaceError as error:
            raise _translated(error) from error

    async def run(self, cause: Cause, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do `work` in a transaction; on a deadlock, a lost race or a stale plan once more from the start."""
        try:
            async with self.transaction(cause) as tx:
                return await work(tx)
        except _RETRIED_AT_ONCE:
            async with self.transaction(cause) as tx:
                return await work(tx)


async def _leave(_conn: Connection) -> None:
    # Settings and locks are made for a transaction only, which asyncpg has rolled back by now if it was open.
    # Resetting the session all the same would cost a round trip each time.
    pass


def _translated(error: asyncpg.InterfaceError) -> Exception:
    # asyncpg has one class for a connection that is gone, an argument that does not fit (a ValueError
    # too) and wrong use; only the message tells them apart.
    gone = any(word in str(error) for word in ("closed", "closing", "released back", "terminat"))
    return ConnectionLost(str(error)) if gone and not isinstance(error, ValueError) else error
