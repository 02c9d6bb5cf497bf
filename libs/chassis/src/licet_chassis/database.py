"""PostgreSQL: a process's pool, transactions that carry their cause, and which errors may be retried."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

import asyncpg
import structlog

from licet_chassis import pooler
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
    asyncpg.InternalClientError,  # the driver's own, for a connection that is cut within a statement
)
"""Errors that pass by themselves: the network, a restart, a lock, a full disk. Retry them; never park.

asyncpg's `InterfaceError` is not among them: it also says that an argument does not fit (an integer
that is too large), which never passes. `Database` raises `ConnectionLost` where it means the connection.
"""

INFRASTRUCTURE_ERRORS: tuple[type[BaseException], ...] = (*TRANSIENT, asyncpg.InterfaceError)
"""Errors of the database or the connection while a job has a row in hand; they say nothing about the row."""

DATABASE_ERRORS: tuple[type[BaseException], ...] = (*INFRASTRUCTURE_ERRORS, asyncpg.PostgresError)
"""Whatever a database that is away, starting, full or set up otherwise may answer."""


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


class OutcomeUnknown(ConnectionError):
    """A commit was sent and not answered, and looking did not tell whether it took place.

    Where work is repeated anyway it is as good as a lost connection: what is repeated recognises itself.
    """


_UNKNOWN_IF: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,  # ended while it waited for a standby: committed here
    asyncpg.exceptions.StatementCompletionUnknownError,
)
"""Errors of a commit that leave open whether it took place; any other answer says that it did not."""

_STATUS = "select pg_xact_status($1::text::xid8) as status, pg_postmaster_start_time() as began"
_LOOK_SECONDS = 5.0
_LOOK_PAUSE = 0.2

_NO_WRITES = (asyncpg.exceptions.ReadOnlySQLTransactionError, asyncpg.exceptions.DiskFullError)
_REFUSAL_SECONDS = 30.0

_SESSION = {"idle_in_transaction_session_timeout": "60000", "jit": "off"}

_log = structlog.get_logger("licet.database")


class Transaction:
    """An open transaction, why it is open, and the way to publish from it. Commands never commit it."""

    __slots__ = ("_source", "cause", "conn", "xid")

    def __init__(self, conn: Connection, cause: Cause, source: str) -> None:
        self.conn = conn
        self.cause = cause
        self.xid: int | None = None
        """Its id in the database, once events were published in it; by it a lost commit is looked up."""
        self._source = source

    async def learn_id(self) -> None:
        """Ask for the transaction's id, unless it is known or nothing was written."""
        if self.xid is None:
            self.xid = await self.conn.fetchval("select pg_current_xact_id_if_assigned()::text::bigint")

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
        await self.append(self.records_of(events, causes))

    async def append(self, records: Sequence[Record]) -> None:
        """Append records that `records_of` made, under the same conditions as `publish`."""
        self.xid = await append(self.conn, records) or self.xid

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

    def __init__(self, pool: Pool, source: str, *, options: dict[str, Any] | None = None) -> None:
        self.pool = pool
        self.source = source
        """The `source` of every event published here, such as `/licet/credentials`."""
        self.pools_transactions = False
        """Whether a pooler between lends a server connection for one transaction only."""
        self._options = options or {}
        self._looked = False
        self._refused_write: tuple[float, str] | None = None
        self._server_began: datetime | None = None

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
        """Open the pool. A database that is away is no error here: whoever uses the pool finds that out."""
        options: dict[str, Any] = {
            "dsn": url,
            "max_size": max_size,
            "statement_cache_size": statement_cache_size,
            "command_timeout": command_timeout,
            "timeout": 10,
            "max_inactive_connection_lifetime": 60,
            "init": _begin_session,
            "reset": _leave,
            # Poolers know these two and keep them for each client.
            "server_settings": {"application_name": f"licet-{service}", "timezone": "UTC"},
        }
        try:
            pool = await asyncpg.create_pool(min_size=min_size, **options)
        except DATABASE_ERRORS as error:
            _log.warning("database.away", error=type(error).__name__, detail=str(error))
            pool = await asyncpg.create_pool(min_size=0, **options)
        database = cls(pool, f"/licet/{service}", options=options)
        try:
            await database.look_around()
        except DATABASE_ERRORS as error:
            _log.info("database.not_seen", error=type(error).__name__)
        return database

    async def look_around(self) -> None:
        """Find out what is between here and the server, and fit to it; once, as soon as it answers."""
        if self._looked:
            return
        async with self.pool.acquire(timeout=10) as conn:
            between = await pooler.has_pooler(conn)
        url = self._options.get("dsn")
        if between and url is not None and await pooler.pools_transactions(url):
            cached = self._options["statement_cache_size"] > 0
            if cached and not await pooler.keeps_prepared_statements(url):
                self._options["statement_cache_size"] = 0
                before, self.pool = self.pool, await asyncpg.create_pool(min_size=0, **self._options)
                await before.close()
            self.pools_transactions = True
            _log.info(
                "database.pooler",
                mode="transaction",
                prepared_statements=self._options["statement_cache_size"] > 0,
            )
        self._looked = True
        async with self.reading() as conn:
            self._server_began = await conn.fetchval("select pg_postmaster_start_time()")

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
        async with self.lending() as conn:
            if not self.pools_transactions:
                yield conn
                return
            # Else a statement might be prepared on one server connection and run on another.
            async with conn.transaction():
                yield conn

    @asynccontextmanager
    async def lending(self) -> AsyncIterator[Connection]:
        """Lend a connection to somebody who opens transactions; waits at most ten seconds for one."""
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
        async with self.lending() as conn, conn.transaction(isolation="repeatable_read", readonly=True):
            await conn.execute("set local enable_seqscan = off; set local random_page_cost = 1.1")
            yield conn

    @asynccontextmanager
    async def transaction(self, cause: Cause) -> AsyncIterator[Transaction]:
        """Open a transaction that commits when the block ends and rolls back when it raises.

        Raises `OutcomeUnknown` where the commit was not answered and looking did not tell what came of it.
        """
        lost: BaseException | None = None
        try:
            async with self.pool.acquire(timeout=10) as conn:
                transaction = conn.transaction()
                await transaction.start()
                tx = Transaction(conn, cause, self.source)
                server_began = self._server_began
                try:
                    yield tx
                except BaseException as error:
                    self._note_refusal(error)
                    await transaction.__aexit__(type(error), error, error.__traceback__)
                    raise
                try:
                    await transaction.commit()
                except _UNKNOWN_IF as error:
                    lost = error
        except asyncpg.InterfaceError as error:
            if lost is None:
                raise _translated(error) from error
        if lost is not None:
            await self._settle(tx.xid, server_began, lost)
        if tx.xid is not None:
            self._refused_write = None
        note_commit()

    def _note_refusal(self, error: BaseException) -> None:
        if isinstance(error, _NO_WRITES):
            self._refused_write = (time.monotonic(), str(error))

    @property
    def refuses_writes(self) -> str | None:
        """What the server said when it refused a write; `None` once it has taken one, or after a while.

        Where nobody writes nobody finds out that it takes writes again.
        """
        if self._refused_write is None or time.monotonic() - self._refused_write[0] > _REFUSAL_SECONDS:
            return None
        return self._refused_write[1]

    async def _settle(self, xid: int | None, server_began: datetime | None, lost: BaseException) -> None:
        """Return if the transaction turns out to be committed; raise `ConnectionLost` if it is not."""
        status = None if xid is None else await self._status_of(xid, server_began)
        _log.warning("database.commit_lost", error=type(lost).__name__, found=status)
        if status == "committed":
            return
        if status == "aborted":
            raise ConnectionLost("the transaction was rolled back") from lost
        raise OutcomeUnknown("the commit was not answered") from lost

    async def _status_of(self, xid: int, server_began: datetime | None) -> str | None:
        """Return `committed` or `aborted`, `None` where nobody can say.

        Ids of transactions mean the same only while the same server runs: one that was promoted meanwhile
        may have given this id to another transaction.
        """
        until = time.monotonic() + _LOOK_SECONDS
        while time.monotonic() < until:
            try:
                async with asyncio.timeout(_LOOK_SECONDS), self.reading() as conn:
                    row = await conn.fetchrow(_STATUS, str(xid))
            except DATABASE_ERRORS:
                row = None
            if row is not None:
                if row["began"] != server_began:
                    self._server_began = row["began"]
                    return None
                if row["status"] in {"committed", "aborted"}:
                    return str(row["status"])
            await asyncio.sleep(_LOOK_PAUSE)
        return None

    async def run(self, cause: Cause, work: Callable[[Transaction], Awaitable[T]]) -> T:
        """Do `work` in a transaction; on a deadlock, a lost race or a stale plan once more from the start."""
        try:
            async with self.transaction(cause) as tx:
                return await work(tx)
        except _RETRIED_AT_ONCE:
            async with self.transaction(cause) as tx:
                return await work(tx)


_commits: ContextVar[list[None] | None] = ContextVar("licet_commits", default=None)


def count_commits() -> list[None]:
    """Return a list that gets longer with each commit of this task and of those that it starts."""
    commits: list[None] = []
    _commits.set(commits)
    return commits


def note_commit() -> None:
    """Note a commit for whoever counts them."""
    commits = _commits.get()
    if commits is not None:
        commits.append(None)


async def _begin_session(conn: Connection) -> None:
    await pooler.set_for_session(conn, _SESSION)


async def _leave(_conn: Connection) -> None:
    # Settings and locks are made for a transaction only, which asyncpg has rolled back by now if it was open.
    # Resetting the session all the same would cost a round trip each time.
    pass


def _translated(error: asyncpg.InterfaceError) -> Exception:
    # asyncpg has one class for a connection that is gone, an argument that does not fit (a ValueError
    # too) and wrong use; only the message tells them apart.
    gone = any(word in str(error) for word in ("closed", "closing", "released back", "terminat"))
    return ConnectionLost(str(error)) if gone and not isinstance(error, ValueError) else error
