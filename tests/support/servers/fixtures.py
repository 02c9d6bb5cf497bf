"""The servers that tests run on, one of each a session: `postgres`, `kafka`, `s3`, `smtp`.

See `servers.choice` for how each is chosen.
"""

from collections.abc import Iterator

import pytest
import pytest_asyncio

from support.servers.choice import needed
from support.servers.kafka import KafkaServer, make_kafka
from support.servers.postgres import PostgresServer, make_postgres
from support.servers.s3 import S3Server, make_s3
from support.servers.smtp import SmtpServer


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A PostgreSQL server; `await postgres.create_database()` gives a fresh database's URL."""
    with needed("PostgreSQL"):
        server = make_postgres(tmp_path_factory.mktemp("postgres"))
    yield server
    server.close()


@pytest_asyncio.fixture
async def database_url(postgres: PostgresServer) -> str:
    """The URL of an empty database for this test alone."""
    return await postgres.create_database()


@pytest.fixture(scope="session")
def kafka_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaServer]:
    """The broker as it starts: without topics."""
    with needed("Kafka"):
        server = make_kafka(tmp_path_factory.mktemp("kafka"))
    yield server
    server.close()


@pytest_asyncio.fixture
async def kafka(kafka_server: KafkaServer) -> KafkaServer:
    """The broker, with the contract's topics; records of other tests may be on them."""
    await kafka_server.create_topics()
    return kafka_server


@pytest_asyncio.fixture
async def empty_kafka(kafka_server: KafkaServer) -> KafkaServer:
    """The broker, with the contract's topics and nothing on them."""
    await kafka_server.reset_topics()
    return kafka_server


@pytest.fixture(scope="session")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """An S3 server; `s3.create_bucket()` gives a private bucket."""
    with needed("S3 server"):
        server = make_s3(tmp_path_factory.mktemp("s3"))
    yield server
    server.close()


@pytest.fixture(scope="session")
def _smtp_server() -> Iterator[SmtpServer]:
    server = SmtpServer()
    yield server
    server.close()


@pytest.fixture
def smtp(_smtp_server: SmtpServer) -> Iterator[SmtpServer]:
    """An SMTP server with an empty mail box that behaves until told otherwise."""
    _smtp_server.reset()
    yield _smtp_server
    _smtp_server.reset()
