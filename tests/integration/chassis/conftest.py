"""A database with the chassis' tables and some of the test's own, and a consumer that counts effects."""

from collections.abc import AsyncIterator
from importlib.resources import files
from uuid import uuid4

import pytest

from licet_chassis.clock import BusinessClock
from licet_chassis.consuming import Consumer, Effect
from licet_chassis.consuming.dispatcher import Dispatcher
from licet_chassis.database import Database
from licet_events import Topic
from licet_events.holders import HolderRegistered, HolderUpdated
from support.consuming import Effects


@pytest.fixture
async def database(database_url) -> AsyncIterator[Database]:
    database = await Database.open(database_url, service="test")
    async with database.reading() as conn:
        await conn.execute(files("licet_chassis").joinpath("schema", "0001.sql").read_text())
        await conn.execute(
            "create table effects (n bigserial, event_id uuid, holder_id uuid, version int);"
            "create table projected (holder_id uuid primary key, version int not null)"
        )
    yield database
    await database.close()


@pytest.fixture
def effects() -> Effects:
    return Effects()


@pytest.fixture
def dispatcher(database, effects) -> Dispatcher:
    consumer = Consumer(
        "effects", (Topic.HOLDERS,), (Effect((HolderRegistered, HolderUpdated), effects.handle),)
    )
    return Dispatcher(consumer, database, BusinessClock(movable=False), f"test-{uuid4().hex[:8]}")
