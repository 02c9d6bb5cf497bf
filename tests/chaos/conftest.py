"""One credentials service for the tests of a module, on the servers of the session."""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from chaos.service_process import CredentialsService


@pytest.fixture(scope="module")
def service(
    postgres: Any, kafka_server: Any, s3: Any, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[CredentialsService]:
    asyncio.run(kafka_server.reset_topics())
    url = asyncio.run(postgres.create_database())
    running = CredentialsService(
        tmp_path_factory.mktemp("service"), database_url=url, kafka=kafka_server.bootstrap, s3=s3
    )
    running.start()
    yield running
    running.close()
