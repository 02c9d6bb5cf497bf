"""One route, one consumer, one loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import APIRouter

from licet_chassis.cause import Cause
from licet_chassis.consuming import Consumer, Effect
from licet_chassis.database import Transaction
from licet_chassis.http.auth import requires
from licet_chassis.loops import Loop
from licet_chassis.service import Composition, Runtime, Service
from licet_chassis.settings import ServiceSettings
from licet_events import Event, Topic
from licet_events.holders import HolderRegistered

HELD = 7
"""The advisory lock that every effect takes, so that a test can hold one in flight."""
router = APIRouter()


@router.get("/v1/ping", dependencies=[requires("credentials:read")])
async def ping() -> str:
    """Answer."""
    return "pong"


async def take_effect(tx: Transaction, event: Event[HolderRegistered], now: datetime) -> None:
    """Count the call, for good, and the effect, if it is committed."""
    if event.data.holder.name == "cancel":
        raise asyncio.CancelledError
    await tx.conn.execute("select nextval('calls')")
    await tx.conn.execute("select pg_advisory_xact_lock($1)", HELD)
    await tx.conn.execute("insert into effects values ($1)", event.id)


def create_service(settings: ServiceSettings) -> Service:
    """Declare it."""

    @asynccontextmanager
    async def compose(runtime: Runtime) -> AsyncIterator[Composition]:
        async def tick() -> bool:
            async with runtime.database.transaction(Cause.new("service:sample")) as tx:
                await tx.conn.execute("insert into ticks values (now())")
            return False

        consumer = Consumer("effects", (Topic.HOLDERS,), (Effect((HolderRegistered,), take_effect),))
        yield Composition(consumers=(consumer,), loops=(Loop("tick", tick, idle_seconds=0.1),))

    return Service("sample", "sample_service", settings, (router,), compose)
