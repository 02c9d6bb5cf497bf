"""The relay's database connections."""

import contextlib
from typing import TYPE_CHECKING

import asyncpg

from licet_chassis import pooler

if TYPE_CHECKING:
    _Connection = asyncpg.Connection[asyncpg.Record]

_COMMAND_SECONDS = 60.0
LEASE_SECONDS = 10.0
"""How long a relay may ask for nothing before it loses its shards."""
LEASE_BEGINS = f"set idle_session_timeout = '{LEASE_SECONDS:.0f}s'"
"""For the session that holds shards: PostgreSQL ends it once a frozen process asks for nothing."""
LEASE_ENDS = "set idle_session_timeout = 0"
_SESSION = {
    "jit": "off",
    # The scan must walk the primary key from the low mark: the statistics of a table that fills and
    # empties all the time say nothing, and any other plan reads the dead rows.
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "tcp_user_timeout": f"{LEASE_SECONDS * 1000:.0f}",
    # A relay whose machine is gone must lose its locks in seconds, not hours.
    "tcp_keepalives_idle": "10",
    "tcp_keepalives_interval": "5",
    "tcp_keepalives_count": "3",
}


class NoSessions(Exception):
    """A pooler in transaction mode is between: it keeps neither locks nor settings of a session."""


async def connect(url: str, name: str, stack: contextlib.AsyncExitStack) -> "_Connection":
    """Open a connection that `stack` closes; raises `NoSessions`."""
    conn: _Connection = await asyncpg.connect(
        url,
        timeout=10,
        command_timeout=_COMMAND_SECONDS,
        server_settings={"timezone": "UTC", "application_name": name},
    )
    stack.push_async_callback(_disconnect, conn)
    if await pooler.has_pooler(conn) and await pooler.pools_transactions(url):
        raise NoSessions(pooler.NEEDS_SESSIONS)
    await pooler.set_for_session(conn, _SESSION)
    return conn


async def _disconnect(conn: "_Connection") -> None:
    try:
        await conn.close(timeout=2)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        conn.terminate()
