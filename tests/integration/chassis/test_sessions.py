"""A session goes from one borrower to the next as it was: nothing clears it in between."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from licet_chassis.cause import Cause
from licet_chassis.database import Database, Transaction
from licet_chassis.queries import load_queries

SESSION = """
    select pg_backend_pid() as session, current_setting('enable_seqscan') as enable_seqscan,
        (select count(*) from pg_locks where pid = pg_backend_pid() and locktype = 'advisory') as locks
"""
CAUSE = Cause.new("service:test")


@pytest.fixture
async def one_session(database_url) -> AsyncIterator[Database]:
    database = await Database.open(database_url, service="test", max_size=1)
    yield database
    await database.close()


async def lists(database: Database) -> None:
    async with database.listing() as conn:
        assert await conn.fetchval("select current_setting('enable_seqscan')") == "off"


async def locks(database: Database) -> None:
    async with database.transaction(CAUSE) as tx:
        assert await tx.conn.fetchval(load_queries("licet_chassis.http")["claim_key"], 1)


async def fails(database: Database) -> None:
    with pytest.raises(ZeroDivisionError):
        await database.run(CAUSE, _lock_and_fail)


async def _lock_and_fail(tx: Transaction) -> None:
    await tx.conn.fetchval(load_queries("licet_chassis.http")["claim_key"], 1)
    raise ZeroDivisionError


async def leaves_a_transaction_open(database: Database) -> None:
    async with database.reading() as conn:
        await conn.execute("begin; set local enable_seqscan = off; select pg_advisory_xact_lock(1)")


@pytest.mark.parametrize("borrower", [lists, locks, fails, leaves_a_transaction_open])
async def test_borrower_leaves_nothing_to_the_next(
    one_session: Database, borrower: Callable[[Database], Awaitable[None]]
) -> None:
    async with one_session.reading() as conn:
        before = await conn.fetchrow(SESSION)
    await borrower(one_session)
    async with one_session.reading() as conn:
        assert await conn.fetchrow(SESSION) == before
        assert not conn.is_in_transaction()


def test_no_statement_changes_a_session_that_is_lent() -> None:
    changes = re.compile(
        r"pg_(try_)?advisory_lock(_shared)?\(|set_config\([^)]*false|^--.*\n(set (?!local)|listen )",
        re.MULTILINE,
    )
    relay = "licet_chassis/outbox/queries.sql"  # its sessions are its own
    found = {
        str(file)
        for part in ("libs", "services")
        for file in (Path(__file__).parents[3] / part).glob("**/src/**/*.sql")
        if "versions" not in file.parts and changes.search(file.read_text("utf-8"))
    }
    assert [file.endswith(relay) for file in found] == [True]
