"""A service as a process: what it says before it starts, when it is ready, how it ends."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import httpx
import pytest

from licet_chassis.outbox.append import append
from licet_cli.embedded.ports import free_port
from licet_events import Event, encode
from sample_service.app import HELD
from support.consuming import holder_event, send
from support.edge.jwks import served_keys

TESTS = Path(__file__).parents[2]


class Sample:
    """Starts the sample service with an environment of its own."""

    def __init__(self, directory: Path, **environment: str) -> None:
        about = directory / "sample_service-1.0.dist-info"
        about.mkdir(exist_ok=True)
        (about / "METADATA").write_text("Metadata-Version: 2.1\nName: sample-service\nVersion: 1.0\n")
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.environment = {
            "PATH": os.environ["PATH"], "PYTHONPATH": f"{TESTS}{os.pathsep}{directory}",
            "LICET_PORT": str(self.port), "LICET_ISSUER_URL": "https://issuer.test", **environment,
        }  # fmt: skip

    async def start(self, *arguments: str, **changes: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "sample_service", *arguments, env=self.environment | changes,
            stdin=pipe, stdout=asyncio.subprocess.DEVNULL, stderr=pipe,
        )  # fmt: skip

    async def run(self, *arguments: str, **changes: str) -> tuple[int, str]:
        process = await self.start(*arguments, **changes)
        _, said = await asyncio.wait_for(process.communicate(), 60)
        return process.returncode or 0, said.decode()

    @asynccontextmanager
    async def serving(self, *arguments: str, **changes: str) -> AsyncIterator[asyncio.subprocess.Process]:
        process = await self.start("serve", *arguments, **changes)
        assert process.stderr is not None
        reading = asyncio.create_task(process.stderr.read())  # a full pipe would stop it
        try:
            await until(lambda: self.answers("/livez"), process)
            yield process
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
            sys.stderr.write((await reading).decode())

    async def answers(self, path: str) -> int:
        async with httpx.AsyncClient() as client:
            try:
                return (await client.get(self.url + path, timeout=5)).status_code
            except httpx.TransportError:
                return 0

    async def paths(self) -> set[str]:
        async with httpx.AsyncClient() as client:
            return set((await client.get(f"{self.url}/openapi.json")).json()["paths"])

    async def missing(self) -> list[str]:
        async with httpx.AsyncClient() as client:
            answer: list[str] = (await client.get(f"{self.url}/readyz")).json()["missing"]
        return answer


async def until(condition: Callable, process: asyncio.subprocess.Process | None = None) -> None:
    async with asyncio.timeout(40):
        while not await condition():  # the state is in another process
            assert process is None or process.returncode is None, "it has ended"
            await asyncio.sleep(0.05)


@pytest.fixture
def sample(tmp_path, database_url, empty_kafka) -> Iterator[Sample]:
    with served_keys() as keys:
        yield Sample(
            tmp_path, LICET_DATABASE_URL=database_url, LICET_KAFKA_URL=empty_kafka.bootstrap,
            LICET_JWKS_URL=keys,
        )  # fmt: skip


@pytest.fixture
async def conn(database_url) -> AsyncIterator[asyncpg.Connection]:
    conn = await asyncpg.connect(database_url)
    yield conn
    await conn.close()


def named(name: str) -> Event:
    event = holder_event(uuid4())
    return replace(event, data=event.data.model_copy(update={"holder": event.data.holder.model_copy(update={"name": name})}))  # fmt: skip  # noqa: E501


async def test_check_names_every_variable_that_is_wrong_and_shows_none(sample):
    del sample.environment["LICET_KAFKA_URL"]
    code, said = await sample.run(
        "check", LICET_DATABASE_URL="mysql://user:secret@db/x", LICET_CLOCK="movable"
    )
    assert code == 2
    assert "LICET_KAFKA_URL is missing" in said
    assert "LICET_DATABASE_URL" in said
    assert "secret" not in said


async def test_two_migrations_at_once_migrate_once(sample, conn):
    done = await asyncio.gather(sample.run("migrate"), sample.run("migrate"))
    assert [code for code, _ in done] == [0, 0], done
    assert await conn.fetch("select version_num from alembic_version") == [("0002",)]


async def test_a_migration_without_a_database_fails_in_one_line(sample):
    code, said = await sample.run("migrate", LICET_DATABASE_URL=f"postgresql://127.0.0.1:{free_port()}/none")
    assert code == 1
    assert "Traceback" not in said


async def test_a_migration_with_a_wrong_password_fails_in_one_line_that_shows_none(sample, database_url):
    server = urlsplit(database_url)
    wrong = server._replace(netloc=f"{server.username}:not-the-secret@{server.hostname}:{server.port}")
    code, said = await sample.run("migrate", LICET_DATABASE_URL=urlunsplit(wrong))
    assert code == 1
    assert said.strip().count("\n") == 0
    assert f"the database at {server.hostname}:{server.port}{server.path} can't be used: " in said
    assert "not-the-secret" not in said


async def test_a_service_that_starts_before_its_database_waits_for_it(sample, database_url):
    """The database's address answers only later: until then the process lives and says what is missing."""
    await sample.run("migrate")
    server = urlsplit(database_url)
    port = free_port()
    early = urlunsplit(server._replace(netloc=f"{server.username}:{server.password}@127.0.0.1:{port}"))

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(server.hostname, server.port)

        async def pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                sink.write(data)
            sink.close()

        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    async with sample.serving(LICET_DATABASE_URL=early) as process:
        assert await sample.answers("/readyz") == 503
        assert any("the database does not answer" in each for each in await sample.missing())
        proxy = await asyncio.start_server(forward, "127.0.0.1", port)
        await until(lambda: ready(sample), process)
        proxy.close()


async def test_a_service_says_that_the_issuers_keys_were_never_read(sample):
    await sample.run("migrate")
    async with sample.serving(LICET_JWKS_URL="http://127.0.0.1:9/keys") as process:
        await until(lambda: says(sample, "keys were never read: http://127.0.0.1:9/keys"), process)


@pytest.mark.faults
async def test_health_has_a_port_of_its_own_and_says_that_the_database_is_read_only(sample, conn):
    await sample.run("migrate")
    port = free_port()
    async with sample.serving(LICET_HEALTH_PORT=str(port)) as process:
        await until(lambda: ready(sample), process)
        sample.url = f"http://127.0.0.1:{port}"
        assert await ready(sample)
        assert await sample.answers("/v1/work") == 404
        try:
            await conn.execute("alter system set default_transaction_read_only = on")
            await conn.execute("select pg_reload_conf()")
            await until(lambda: says(sample, "the database takes no writes: it is read-only"), process)
        finally:
            await conn.execute("alter system reset default_transaction_read_only")
            await conn.execute("select pg_reload_conf()")
        await until(lambda: ready(sample), process)


async def says(sample: Sample, words: str) -> bool:
    return any(words in each for each in await sample.missing())


async def test_on_an_older_schema_nothing_runs_and_it_says_so_until_it_is_migrated(sample, conn):
    await sample.run("migrate")
    await conn.execute(
        "update alembic_version set version_num = '0001'; drop table effects; drop table ticks"
    )
    await conn.execute("drop sequence calls")
    async with sample.serving() as process:
        assert await sample.answers("/readyz") == 503
        assert await sample.missing() == ["the database is at schema 0001, this release needs 0002: migrate"]
        assert (await sample.run("migrate"))[0] == 0
        await until(lambda: ready(sample), process)
        await until(lambda: conn.fetchval("select exists (select from ticks)"), process)
        # A later release has migrated: this one still serves.
        await conn.execute("update alembic_version set version_num = '0099'")
        assert await sample.answers("/readyz") == 200


async def ready(sample: Sample) -> bool:
    return await sample.answers("/readyz") == 200


async def test_sigterm_finishes_the_handler_in_flight_and_nothing_comes_again(sample, conn, empty_kafka):
    await sample.run("migrate")
    await conn.execute("select pg_advisory_lock($1)", HELD)
    await send(empty_kafka, encode(holder_event(uuid4())))
    async with sample.serving() as process:
        waiting = "select exists (select from pg_locks where locktype = 'advisory' and not granted)"
        await until(lambda: conn.fetchval(waiting), process)
        process.send_signal(signal.SIGTERM)
        await asyncio.sleep(1)  # it must wait for its handler, so there is nothing to wait for here
        assert process.returncode is None
        await conn.execute("select pg_advisory_unlock($1)", HELD)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert await conn.fetchval("select count(*) from effects") == 1
    async with sample.serving() as process:
        await send(empty_kafka, encode(holder_event(uuid4())))
        await until(lambda: conn.fetchval("select count(*) = 2 from effects"), process)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert await conn.fetchval("select last_value from calls") == 2, "an event was handed out twice"


async def test_it_ends_cleanly_with_its_standard_input(sample):
    await sample.run("migrate")
    async with sample.serving(LICET_ENDS_WITH_STDIN="1") as process:
        await until(lambda: ready(sample), process)
        process.stdin.close()
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_a_part_that_fails_for_good_ends_the_process_with_1(sample, empty_kafka):
    await sample.run("migrate")
    async with sample.serving() as process:
        await send(empty_kafka, encode(named("cancel")))
        assert await asyncio.wait_for(process.wait(), 40) == 1


async def test_only_the_relay_publishes_and_serves_no_api(sample, conn):
    await sample.run("migrate")
    await append(conn, [encode(holder_event(uuid4()))])
    async with sample.serving("--only", "relay") as process:
        await until(lambda: conn.fetchval("select count(*) = 0 from outbox"), process)
        await until(lambda: ready(sample), process)
        assert "/v1/ping" not in await sample.paths()
        assert await conn.fetchval("select count(*) from effects") == 0
        assert await conn.fetchval("select count(*) from ticks") == 0
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0


async def test_the_api_answers_while_kafka_is_down_at_start_up(sample, conn):
    await sample.run("migrate")
    async with sample.serving(LICET_KAFKA_URL=f"127.0.0.1:{free_port()}") as process:
        await until(lambda: ready(sample), process)
        assert "/v1/ping" in await sample.paths()
        assert await sample.answers("/v1/ping") == 401
        await until(lambda: conn.fetchval("select exists (select from ticks)"), process)
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 60) == 0
