"""The same request twice has one effect and one answer, on a real PostgreSQL."""

import asyncio
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, MutableMapping
from datetime import timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
import httpx
import pytest
import pytest_asyncio
from starlette.types import Message

from licet_chassis.database import Database
from licet_chassis.http.writes import forget_answers
from support.edge.counters import BODY, KEY, TABLE, NameRefused, counters
from support.edge.issuer import Issuer, bearer
from support.edge.logs import logged
from support.edge.service import client_of, edge_app

REPLAYED = "idempotency-replayed"
__all__ = ["logged"]


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest_asyncio.fixture
async def url(database_url: str) -> str:
    conn = await asyncpg.connect(database_url)
    try:
        await conn.execute(files("licet_chassis").joinpath("schema/0001.sql").read_text())
        await conn.execute(TABLE)
    finally:
        await conn.close()
    return database_url


@pytest_asyncio.fixture
async def database(url: str) -> AsyncIterator[Database]:
    database = await Database.open(url, service="edge", max_size=20)
    yield database
    await database.close()


@pytest_asyncio.fixture
async def client(issuer: Issuer, database: Database) -> AsyncIterator[httpx.AsyncClient]:
    app = edge_app(issuer, counters, problems={NameRefused: 409}, database=database)
    async with client_of(app, issuer.token(scope="edge:write")) as client:
        yield client


async def count(database: Database, table: str = "counter") -> int:
    async with database.reading() as conn:
        return int(await conn.fetchval(f"select count(*) from {table}"))


async def post(client: httpx.AsyncClient, key: str | None = KEY, name: str = "first") -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/v1/counters", json={"name": name}, headers=headers)


async def test_200_clients_with_one_key_have_one_effect_and_one_answer(
    client: httpx.AsyncClient, database: Database
) -> None:
    answered, told = asyncio.Event(), asyncio.Event()

    async def until_answered() -> httpx.Response:
        while (answer := await post(client, name="slow")).status_code == 409:
            assert "still being worked on" in answer.json()["detail"]
            assert answer.headers["retry-after"] == "1"
            told.set()
            await answered.wait()
        answered.set()
        return answer

    async with database.reading() as conn, conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(42)")  # the first one waits for it in its command
        clients = [asyncio.create_task(until_answered()) for _ in range(200)]
        async with asyncio.timeout(30):
            await told.wait()
    answers = await asyncio.gather(*clients)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.content for answer in answers}) == 1
    assert len({(answer.headers["location"], answer.headers["etag"]) for answer in answers}) == 1
    assert Counter(answer.headers.get(REPLAYED) for answer in answers) == {None: 1, "true": 199}
    assert await count(database) == 1


async def test_200_keys_at_once_have_200_effects(client: httpx.AsyncClient, database: Database) -> None:
    answers = await asyncio.gather(*(post(client, key=f"k-{number}") for number in range(200)))
    assert {answer.status_code for answer in answers} == {201}
    assert await count(database) == 200


async def test_a_request_in_progress_is_409_and_its_answer_comes_later(
    client: httpx.AsyncClient, database: Database
) -> None:
    async with database.reading() as conn, conn.transaction():
        await conn.execute("select pg_advisory_xact_lock(42)")
        first = asyncio.create_task(post(client, name="slow"))
        waiting = "select count(*) from pg_locks where locktype = 'advisory' and not granted"
        async with database.reading() as other, asyncio.timeout(60):
            while not await other.fetchval(waiting):  # until the first request has taken the key
                pass
        assert (await post(client, name="slow")).status_code == 409
    answer = await first
    again = await post(client, name="slow")
    assert (answer.status_code, again.content, again.headers[REPLAYED]) == (201, answer.content, "true")
    assert await count(database) == 1


async def test_a_replayed_answer_is_the_same_byte_for_byte_even_after_a_later_change(
    client: httpx.AsyncClient, database: Database
) -> None:
    first = await post(client)
    path = first.headers["location"]
    changed = await client.patch(path, json={"name": "second"}, headers={"If-Match": first.headers["etag"]})
    assert changed.json()["version"] == 2
    again = await post(client)
    assert again.content == first.content
    assert again.status_code == first.status_code
    for name in ("content-type", "etag", "location"):
        assert again.headers[name] == first.headers[name]
    assert again.headers["etag"] == '"1"'


@pytest.mark.parametrize("change", ["body", "path", "query", "if-match"])
async def test_key_with_another_request_is_422_and_does_nothing(
    client: httpx.AsyncClient, database: Database, change: str
) -> None:
    path = (await post(client, key=None)).headers["location"]
    other = (await post(client, key=None)).headers["location"]
    headers = {"Idempotency-Key": KEY, "If-Match": '"1"'}
    assert (await client.patch(path, json=BODY, headers=headers)).status_code == 200
    answer = await {
        "body": lambda: client.patch(path, json={"name": "other"}, headers=headers),
        "path": lambda: client.patch(other, json=BODY, headers=headers),
        "query": lambda: client.patch(path + "?loud=true", json=BODY, headers=headers),
        "if-match": lambda: client.patch(path, json=BODY, headers=headers | {"If-Match": '"2"'}),
    }[change]()
    assert answer.status_code == 422, answer.text
    assert answer.json()["errors"][0]["header"] == "Idempotency-Key"
    async with database.reading() as conn:
        versions = await conn.fetch("select version from counter order by 1")
        assert [row["version"] for row in versions] == [1, 2]


async def test_key_belongs_to_its_principal(
    client: httpx.AsyncClient, issuer: Issuer, database: Database
) -> None:
    await post(client)
    someone = bearer(issuer.token(sub="u-2", scope="edge:write"))
    answer = await client.post("/v1/counters", json={"name": "x"}, headers=someone | {"Idempotency-Key": KEY})
    assert (answer.status_code, REPLAYED in answer.headers) == (201, False)
    async with database.reading() as conn:
        assert {row["actor"] for row in await conn.fetch("select actor from counter")} == {
            "user:u-1",
            "user:u-2",
        }


@pytest.mark.parametrize("claim", ["licet_teams", "licet_locations"])
async def test_an_answer_is_not_given_again_to_a_token_that_sees_others(
    client: httpx.AsyncClient, issuer: Issuer, database: Database, claim: str
) -> None:
    def sees(*codes: str) -> dict[str, str]:
        claims: dict[str, Any] = {claim: list(codes)}
        return bearer(issuer.token(scope="edge:write", **claims))

    async def sent(token: dict[str, str], key: str) -> httpx.Response:
        return await client.post("/v1/counters", json=BODY, headers=token | {"Idempotency-Key": key})

    everyone = bearer(issuer.token(scope="edge:write"))
    assert (await sent(everyone, "wide")).status_code == 201
    assert (await sent(sees("red", "blue"), "narrow")).status_code == 201
    again = await sent(sees("blue", "red"), "narrow")
    assert (again.status_code, again.headers[REPLAYED]) == (201, "true")
    for key in ("wide", "narrow"):
        for token in (sees("red"), sees()):
            refused = await sent(token, key)
            assert (refused.status_code, "sees other people" in refused.text) == (422, True)
    assert (await sent(everyone, "narrow")).status_code == 422
    assert await count(database) == 2


async def test_without_a_key_every_request_has_its_effect(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post(client, key=None)
    await post(client, key=None)
    assert (await count(database), await count(database, "idempotency")) == (2, 0)


async def test_an_error_is_not_stored_and_has_no_effect(
    client: httpx.AsyncClient, database: Database
) -> None:
    refused = await post(client, name="refused")
    assert refused.status_code == 409
    assert (await count(database), await count(database, "idempotency")) == (0, 0)
    assert (await post(client)).status_code == 201


@pytest.mark.parametrize(("place", "effects"), [("before_commit", 0), ("after_commit", 1)])
async def test_killed_around_the_commit_the_request_is_answered_when_it_is_sent_again(
    client: httpx.AsyncClient, database: Database, url: str, place: str, effects: int
) -> None:
    tests = Path(__file__).parents[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "support.edge.killed", place, url, env=os.environ | {"PYTHONPATH": str(tests)}
    )
    assert await process.wait() == -signal.SIGKILL
    assert await count(database) == effects
    answer = await post(client)
    assert answer.status_code == 201
    assert answer.headers.get(REPLAYED) == ("true" if effects else None)
    assert await count(database) == 1
    async with database.reading() as conn:
        assert str(await conn.fetchval("select id from counter")) == answer.json()["id"]


async def test_answer_lost_on_the_way_is_given_again(
    client: httpx.AsyncClient, issuer: Issuer, database: Database, logged: list[MutableMapping[str, Any]]
) -> None:
    request = httpx.Request(
        "POST", "http://edge.test/v1/counters", json=BODY,
        headers=bearer(issuer.token(scope="edge:write")) | {"Idempotency-Key": KEY},
    )  # fmt: skip
    scope = {
        "type": "http", "method": "POST", "path": "/v1/counters", "query_string": b"",
        "headers": [(name.lower(), value) for name, value in request.headers.raw],
    }  # fmt: skip

    async def receive() -> Message:
        return {"type": "http.request", "body": request.content}

    async def send(message: Message) -> None:
        raise ConnectionResetError("the client is gone")

    app = edge_app(issuer, counters, database=database)
    async with client_of(app):
        await app(scope, receive, send)
    assert [line["event"] for line in logged] == ["keys.fetched", "http.client_gone", "http.request"]
    again = await post(client)
    assert (again.status_code, again.headers[REPLAYED]) == (201, "true")
    assert await count(database) == 1


async def test_form_is_told_apart_by_its_fields_and_files(
    client: httpx.AsyncClient, database: Database
) -> None:
    async def upload(name: str, content: bytes, boundary: str) -> httpx.Response:
        headers = {"Idempotency-Key": KEY, "Content-Type": f"multipart/form-data; boundary={boundary}"}
        return await client.post(
            "/v1/counters/files", data={"name": name}, files={"file": ("a.jpg", content)}, headers=headers
        )

    first = await upload("n", b"abc", "one")
    again = await upload("n", b"abc", "two")
    assert (first.status_code, again.content, again.headers[REPLAYED]) == (201, first.content, "true")
    assert (await upload("m", b"abc", "one")).status_code == 422
    assert (await upload("n", b"abd", "one")).status_code == 422
    assert await count(database) == 1


async def test_answer_without_a_body_is_replayed_too(client: httpx.AsyncClient, database: Database) -> None:
    path = (await post(client, key=None)).headers["location"]
    headers = {"Idempotency-Key": KEY}
    first = await client.delete(path, headers=headers)
    again = await client.delete(path, headers=headers)
    assert (first.status_code, first.content, REPLAYED in first.headers) == (204, b"", False)
    assert (again.status_code, again.content, again.headers[REPLAYED]) == (204, b"", "true")


@pytest.mark.parametrize("key", ["", "x" * 256])
async def test_key_has_bounds(client: httpx.AsyncClient, key: str) -> None:
    answer = await post(client, key=key)
    assert (answer.status_code, answer.json()["errors"][0]["header"]) == (422, "Idempotency-Key")


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        (None, 428), ("", 400), ("*", 400), ("1", 400), ('W/"1"', 400), ('"1", "2"', 400), ('"x"', 400),
        ('"-1"', 400), ('"1', 400), ('"99999999999999999999"', 400), ('"1"', 200), (' "1" ', 200),
    ],
)  # fmt: skip
async def test_change_needs_the_tag_of_one_version(
    client: httpx.AsyncClient, tag: str | None, status: int
) -> None:
    path = (await post(client, key=None)).headers["location"]
    headers = {} if tag is None else {"If-Match": tag}
    answer = await client.patch(path, json=BODY, headers=headers)
    assert answer.status_code == status, answer.text


async def test_effects_carry_the_correlation_id_of_the_request(
    client: httpx.AsyncClient, database: Database
) -> None:
    headers = {"X-Correlation-Id": "c-77"}
    await client.post("/v1/counters", json=BODY, headers=headers)
    async with database.reading() as conn:
        assert await conn.fetchval("select correlation_id from counter") == "c-77"


async def test_answers_are_forgotten_after_a_day_in_bounded_batches(
    client: httpx.AsyncClient, database: Database
) -> None:
    await post(client, key="fresh")
    async with database.reading() as conn:
        await conn.execute(
            "insert into idempotency select 'u', n::text, '', 200, '{}', '', now() - $1::interval "
            "from generate_series(1, 1500) n",
            timedelta(hours=24, minutes=1),
        )
        await conn.execute(
            "insert into idempotency select 'v', n::text, '', 200, '{}', '', now() - $1::interval "
            "from generate_series(1, 5) n",
            timedelta(hours=23, minutes=59),
        )
    assert await forget_answers(database)
    assert await count(database, "idempotency") == 506
    assert not await forget_answers(database)
    assert await count(database, "idempotency") == 6


async def test_request_without_a_database_is_503(client: httpx.AsyncClient, database: Database) -> None:
    database.pool.terminate()
    answer = await post(client, key=str(uuid4()))
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
