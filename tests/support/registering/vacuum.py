"""Vacuuming until index-only scans need no heap: a snapshot that is open elsewhere keeps pages from that."""

import asyncio
from typing import Any


async def vacuum(conn: Any, table: str) -> None:
    """Vacuum and analyse a table, again until all its pages are visible to everybody."""
    async with asyncio.timeout(300):
        while True:
            await conn.execute(f"vacuum (analyze) {table}", timeout=1800)
            if await conn.fetchval(
                "select relallvisible >= relpages from pg_class where oid = $1::text::regclass", table
            ):
                return
