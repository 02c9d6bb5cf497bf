"""A scheduler's database, migrated, for each test."""

import asyncio
from collections.abc import AsyncIterator

import pytest_asyncio

from licet_chassis import migrations
from licet_chassis.database import Database
from scheduling.database import Scheduler


@pytest_asyncio.fixture
async def scheduler(database_url: str) -> AsyncIterator[Scheduler]:
    await asyncio.to_thread(migrations.migrate, "licet_scheduler", database_url)
    database = await Database.open(database_url, service="scheduler", max_size=6)
    yield Scheduler(database, database_url)
    await database.close()
