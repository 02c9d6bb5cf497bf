"""Servers given by URL instead of the embedded ones."""

import asyncio
from dataclasses import dataclass
from typing import Self
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

import asyncpg
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError

from licet_cli.embedded.errors import EmbeddedError
from licet_events.topics import Topic


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


def make_topics(bootstrap: str) -> None:
    """Make those topics of the contract that the cluster lacks, with the broker's own retention.

    Raises `EmbeddedError` if one has another number of partitions. A cluster that is to stay gets
    its topics from `licet topics apply`.
    """
    asyncio.run(_make_topics(bootstrap))


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


async def _make_topics(bootstrap: str) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, request_timeout_ms=10_000)
    try:
        await admin.start()
        present = set(await admin.list_topics())
        missing = [topic for topic in Topic if topic.value not in present]
        if missing:
            await admin.create_topics([NewTopic(topic.value, topic.partitions, -1) for topic in missing])
        described = await admin.describe_topics([topic.value for topic in Topic if topic not in missing])
    except (KafkaError, OSError) as error:
        raise EmbeddedError(f"the Kafka given at {bootstrap} does not do: {error}") from error
    finally:
        await admin.close()
    for topic in described:
        expected = Topic(topic["topic"]).partitions
        if len(topic["partitions"]) != expected:
            raise EmbeddedError(
                f"topic {topic['topic']} on {bootstrap} has {len(topic['partitions'])} partitions, "
                f"the contract says {expected}; that can't be changed without losing the order per key"
            )
