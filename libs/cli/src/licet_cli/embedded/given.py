"""Servers given by URL instead of the embedded ones."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import asyncpg

from licet_cli import topics
from licet_cli.client import CommandFailed
from licet_cli.embedded.errors import EmbeddedError
from licet_events import Topic


@dataclass(frozen=True)
class GivenS3:
    """An S3 server: `http://ACCESS_KEY:SECRET_KEY@host:port/bucket?region=…`."""

    endpoint: str
    access_key: str
    secret_key: str
    bucket: str
    region: str

    @classmethod
    def of_url(cls, url: str) -> Self:
        """Take the URL apart; raises `EmbeddedError` if something is missing."""
        parts = urlsplit(url)
        bucket = parts.path.strip("/")
        if parts.scheme not in ("http", "https") or not (parts.username and parts.password and bucket):
            raise EmbeddedError("--s3 takes http://ACCESS_KEY:SECRET_KEY@host:port/bucket?region=us-east-1")
        host = parts.netloc.rpartition("@")[2]
        return cls(
            endpoint=f"{parts.scheme}://{host}",
            access_key=unquote(parts.username),
            secret_key=unquote(parts.password),
            bucket=bucket,
            region=parse_qs(parts.query).get("region", ["us-east-1"])[0],
        )


def database_url(server: str, database: str) -> str:
    """Return the URL of another database on the same server."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


def make_databases(server: str, names: list[str]) -> None:
    """Make those databases that the server lacks; raises `EmbeddedError` if it does not let us."""
    if not server.startswith(("postgresql://", "postgres://")):
        raise EmbeddedError("--database takes postgresql://user:password@host:port/postgres")
    asyncio.run(_make_databases(server, names))


def require_topics(bootstrap: str, file: Path) -> None:
    """Raise `EmbeddedError` unless the cluster's topics are as the reviewed file asks, but for replication.

    Nothing is changed: a topic that was made in passing would keep the broker's own retention and would not
    be compacted.
    """
    try:
        present = asyncio.run(topics.look(bootstrap, list(Topic)))
        copies = {topic.replication for topic in present.values()}
        wanted = topics.read(file, min(copies, default=None))
    except (OSError, ValueError) as error:
        raise EmbeddedError(f"{file} can't be read: {error}; name the file of topics by --topics") from error
    except CommandFailed as error:
        raise EmbeddedError(f"the Kafka given at {bootstrap} does not do: {error}") from error
    differing = [change.words for change in topics.compare(wanted, present)]
    if differing:
        raise EmbeddedError(
            f"the topics of the Kafka given at {bootstrap} are not as {file} asks:\n  "
            + "\n  ".join(differing)
            + f"\nNothing was started. `licet topics apply --kafka {bootstrap} --file {file}` makes them so."
        )


async def _make_databases(server: str, names: list[str]) -> None:
    try:
        connection = await asyncpg.connect(server, timeout=10)
        try:
            present = {row["datname"] for row in await connection.fetch("select datname from pg_database")}
            for name in names:
                if name not in present:
                    await connection.execute(f'create database "{name}"')
        finally:
            await connection.close()
    except (OSError, asyncpg.PostgresError) as error:
        raise EmbeddedError(f"the database server given does not do: {error}") from error
