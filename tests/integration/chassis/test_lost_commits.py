"""A commit that is not answered: the service looks, and says that it does not know where it can't."""

import asyncio
from collections.abc import AsyncIterator
from importlib.resources import files
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from licet_chassis.cause import Cause
from licet_chassis.database import Database, OutcomeUnknown, Transaction
from support.edge.counters import TABLE, NameRefused, counters
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app

CAUSE = Cause.new("service:test")


@pytest_asyncio.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    conn = await asyncpg.connect(database_url)
    await conn.execute(files("licet_chassis").joinpath("schema/0001.sql").read_text())
    await conn.execute(TABLE)
    await conn.close()
    database = await Database.open(database_url, service="edge", max_size=4)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def client(database: Database) -> AsyncIterator[httpx.AsyncClient]:
    issuer = Issuer()
    app = edge_app(issuer, counters, problems={NameRefused: 409}, database=database)
    async with client_of(app, issuer.token(scope="edge:write")) as client:
        yield client


class Commits:
    """Loses the answer to the next commit: before it takes place, or after."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lose: str | None = None
        commit = asyncpg.transaction.Transaction.commit

        async def lossy(transaction: Any) -> None:
            lose, self.lose = self.lose, None
            if lose != "before":
                await commit(transaction)
            if lose is not None:
                transaction._connection.terminate()
                raise asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")

        monkeypatch.setattr(asyncpg.transaction.Transaction, "commit", lossy)


@pytest.fixture
def commits(monkeypatch: pytest.MonkeyPatch) -> Commits:
    return Commits(monkeypatch)


async def count(database: Database) -> int:
    async with database.reading() as conn:
        return int(await conn.fetchval("select count(*) from counter"))


def blind(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nobody_can_say(*_: object) -> None:
        return None

    monkeypatch.setattr(database, "_status_of", nobody_can_say)


async def post(client: httpx.AsyncClient, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/v1/counters", json={"name": "first"}, headers=headers)


async def test_a_commit_that_took_place_is_found_and_answered(client, database, commits) -> None:
    commits.lose = "after"
    answer = await post(client)
    assert answer.status_code == 201, answer.text
    assert await count(database) == 1


async def test_a_commit_that_did_not_take_place_changed_nothing(client, database, commits) -> None:
    commits.lose = "before"
    answer = await post(client)
    assert answer.status_code == 503
    assert "nothing was changed" in answer.json()["detail"]
    assert answer.headers["retry-after"] == "1"
    assert await count(database) == 0


@pytest.mark.parametrize("lose", ["before", "after"])
async def test_without_a_key_an_unknown_outcome_invites_no_repetition(
    client, database, commits, monkeypatch, lose
) -> None:
    blind(database, monkeypatch)
    commits.lose = lose
    answer = await post(client)
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:licet:problem:outcome-unknown"
    assert "not known whether" in answer.json()["detail"]
    assert "Look before sending it again" in answer.json()["detail"]
    assert "retry-after" not in answer.headers


@pytest.mark.parametrize("lose", ["before", "after"])
async def test_with_a_key_the_same_request_tells(client, database, commits, monkeypatch, lose) -> None:
    blind(database, monkeypatch)
    commits.lose = lose
    first = await post(client, "key-1")
    if lose == "after":  # the answer was kept in the same transaction, so it is found by its key
        assert first.status_code == 201
    else:
        assert "with the same Idempotency-Key" in first.json()["detail"]
        assert first.headers["retry-after"] == "1"
    assert (await post(client, "key-1")).status_code == 201
    assert await count(database) == 1


async def test_a_transaction_whose_server_was_replaced_is_unknown(database, commits) -> None:
    database._server_began = None  # as after a promotion: ids of transactions mean something else there
    commits.lose = "after"

    async def write(tx: Transaction) -> None:
        await tx.conn.execute("create table other (id int)")
        await tx.learn_id()

    with pytest.raises(OutcomeUnknown):
        await database.run(CAUSE, write)


async def test_a_standby_that_does_not_answer_leaves_no_doubt_about_the_commit(
    postgres, database_url
) -> None:
    """The server waits for a standby that is not there; our patience ends, and the commit has taken place."""
    database = await Database.open(database_url, service="edge", command_timeout=0.5)
    admin = await asyncpg.connect(database_url)
    await admin.execute("create table kept (id int)")
    try:
        await admin.execute("alter system set synchronous_standby_names = 'standby'")
        await admin.execute("select pg_reload_conf()")
        async with asyncio.timeout(5):
            while await admin.fetchval("show synchronous_standby_names") != "standby":  # noqa: ASYNC110  # the server tells nobody when it has read them
                await asyncio.sleep(0.02)
        async with database.transaction(CAUSE) as tx:
            await tx.conn.execute("insert into kept values (1)")
            await tx.learn_id()
        assert await admin.fetchval("select count(*) from kept") == 1
    finally:
        await admin.execute("alter system reset synchronous_standby_names")
        await admin.execute("select pg_reload_conf()")
        await admin.close()
        await database.close()


async def test_a_database_that_is_away_at_the_start_is_used_as_soon_as_it_answers(unused_tcp_port) -> None:
    database = await Database.open(f"postgresql://nobody@127.0.0.1:{unused_tcp_port}/none", service="edge")
    with pytest.raises(OSError, match="Connect"):
        async with database.reading():
            pass
    await database.close()
