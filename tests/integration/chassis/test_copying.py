"""Rows that are copied while the next ones are made."""

import asyncpg
import pytest

from licet_chassis.copying import Copying
from licet_events.ids import uuid7


async def test_every_row_is_there_when_the_block_ends(database):
    rows = [(uuid7(), number) for number in range(3_000)]
    async with database.reading() as conn:
        async with Copying(conn) as copying:
            await copying.take("projected", ("holder_id", "version"), rows)
            await copying.take("projected", ("holder_id", "version"), [])
            await copying.take("effects", ("holder_id", "version"), rows)
        assert await conn.fetchval("select count(*) from projected join effects using (holder_id)") == 3_000


async def test_invalid_rows_raise_at_the_next_take(database):
    twice = [(uuid7(), 1)] * 2
    async with database.reading() as conn:
        async with Copying(conn) as copying:
            await copying.take("projected", ("holder_id", "version"), twice)
            with pytest.raises(asyncpg.UniqueViolationError):
                await copying.take("effects", ("holder_id", "version"), [])
        assert await conn.fetchval("select count(*) from projected") == 0


async def test_invalid_rows_raise_at_the_end(database):
    twice = [(uuid7(), 1)] * 2
    async with database.reading() as conn:
        with pytest.raises(asyncpg.UniqueViolationError):
            async with Copying(conn) as copying:
                await copying.take("projected", ("holder_id", "version"), twice)


async def test_the_connection_can_go_on_after_an_error_while_rows_are_written(database):
    rows = [(uuid7(), number) for number in range(3_000)]

    async def interrupted(conn):
        async with Copying(conn) as copying:
            await copying.take("projected", ("holder_id", "version"), rows)
            raise ZeroDivisionError

    async with database.reading() as conn:
        with pytest.raises(ZeroDivisionError):
            await interrupted(conn)
        assert await conn.fetchval("select 1") == 1
