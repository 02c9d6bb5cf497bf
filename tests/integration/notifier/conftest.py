"""A notifier's database, migrated and empty, for each test."""

import pytest_asyncio

from support.servers.postgres import PostgresServer


@pytest_asyncio.fixture
async def database_url(postgres: PostgresServer) -> str:
    return await postgres.migrated("licet_notifier")
