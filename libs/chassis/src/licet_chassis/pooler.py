"""Poolers between here and PostgreSQL, such as PgBouncer: session settings, and what they can't do."""

import asyncio
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeAlias

import asyncpg

from licet_chassis.connection import Connection

if TYPE_CHECKING:
    _Own: TypeAlias = "asyncpg.Connection[asyncpg.Record]"

_CONNECT_SECONDS = 10.0
_ASK_SECONDS = 3.0
_ROUNDS = 3
_HOLDERS = 8
_SERVER = "select pg_backend_pid()"

NEEDS_SESSIONS = (
    "the database is reached through a pooler in transaction mode, which keeps no session locks for the "
    "relay: set LICET_DATABASE_DIRECT_URL to PostgreSQL itself, or to a pool in session mode"
)


async def set_for_session(conn: Connection, settings: Mapping[str, str]) -> None:
    """Set parameters of the session after it was made: poolers refuse most of them when connecting."""
    calls = ", ".join(f"set_config('{name}', '{value}', false)" for name, value in settings.items())
    await conn.execute(f"select {calls}")


async def has_pooler(conn: Connection) -> bool:
    """Tell whether something answers in place of PostgreSQL: it made up the process id of this connection."""
    try:
        async with conn.transaction():
            return bool(await conn.fetchval(_SERVER) != conn.get_server_pid())
    except (asyncpg.DuplicatePreparedStatementError, asyncpg.InvalidSQLStatementNameError):
        return True  # It gave us a server connection with the prepared statements of somebody else.


async def pools_transactions(url: str) -> bool:
    """Tell whether a pooler lends its server connections for a transaction only.

    Then two clients that are idle between their transactions are seen on the same one.
    """
    one = await _connect(url)
    try:
        two = await _connect(url)
        try:
            for _ in range(_ROUNDS):
                async with asyncio.timeout(_ASK_SECONDS):
                    if await _server_of(one) == await _server_of(two):
                        return True
        finally:
            two.terminate()
    except TimeoutError:
        return False  # The second client waits for the first: its whole session holds the server connection.
    finally:
        one.terminate()
    return False


async def keeps_prepared_statements(url: str) -> bool:
    """Tell whether a statement that was prepared on one server connection runs on another.

    PgBouncer sees to that from 1.21 on, if `max_prepared_statements` is set.
    """
    async with AsyncExitStack() as stack:
        try:
            async with asyncio.timeout(_ASK_SECONDS):
                one = await _connect(url)
                stack.callback(one.terminate)
                async with one.transaction():
                    server = await one.fetchval(_SERVER)
                    statement = await one.prepare(_SERVER, name=f"licet_{secrets.token_hex(6)}")
                for _ in range(_HOLDERS):
                    # Others hold server connections, until one of them holds the one with our statement.
                    holder = await _connect(url)
                    stack.callback(holder.terminate)
                    await holder.execute("begin")
                    if await holder.fetchval(_SERVER) == server:
                        await statement.fetchval()
                        return True
        except (asyncpg.PostgresError, asyncpg.InterfaceError, TimeoutError):
            pass
        return False


async def _connect(url: str) -> "_Own":
    return await asyncpg.connect(
        url, timeout=_CONNECT_SECONDS, command_timeout=_ASK_SECONDS, statement_cache_size=0
    )


async def _server_of(conn: "_Own") -> int:
    async with conn.transaction():
        pid: int = await conn.fetchval(_SERVER)
    return pid
