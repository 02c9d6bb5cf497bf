"""A scheduler's database, migrated and empty, for each test."""

from collections.abc import AsyncIterator

import pytest_asyncio

from licet_chassis.database import Database
from support.scheduling.database import Scheduler
from support.servers.postgres import PostgresServer


@pytest_asyncio.fixture
async def database_url(postgres: PostgresServer) -> str:
    return await postgres.migrated("licet_scheduler")


@pytest_asyncio.fixture
async def scheduler(database_url: str) -> AsyncIterator[Scheduler]:
    database = await Database.open(database_url, service="scheduler", max_size=6)
    yield Scheduler(database, database_url)
    await database.close()
