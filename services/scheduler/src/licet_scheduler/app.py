"""Composition of the scheduler."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

from fastapi import FastAPI

from licet_chassis.application import create_service_app
from licet_chassis.backfill import Repetition
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.loops import Loop
from licet_chassis.service import Composition, Runtime, Service
from licet_events import Topic
from licet_scheduler.consumers import STATES
from licet_scheduler.periods import commands as period_commands
from licet_scheduler.periods import store as periods
from licet_scheduler.periods.routes import router as periods_router
from licet_scheduler.settings import SchedulerSettings
from licet_scheduler.timers import commands, routes, store
from licet_scheduler.timers.rederiving import PLANS


def create_service(settings: SchedulerSettings) -> Service:
    """Declare the scheduler."""

    @asynccontextmanager
    async def compose(runtime: Runtime) -> AsyncIterator[Composition]:
        yield Composition(
            consumers=(STATES,),
            loops=(
                Loop("timers", lambda: decide_due(runtime, settings.timers_per_claim)),
                Loop("periods", lambda: announce_periods(runtime), idle_seconds=1.0),
                *_heartbeat(runtime, settings.heartbeat_seconds),
            ),
            pending={"timers": store.count_due, "periods": periods.count_due},
            next_due=next_due,
        )

    return Service(
        name="scheduler",
        package="licet_scheduler",
        settings=settings,
        routers=(routes.router, periods_router),
        compose=compose,
        snapshots=(Repetition("announcements", Topic.SCHEDULE, store.page_announced),),
        derived=(PLANS,),
        erase=commands.forget_holder,
    )


def create_app(settings: SchedulerSettings) -> FastAPI:
    """Return the scheduler as an ASGI application."""
    return create_service_app(create_service(settings))


async def decide_due(runtime: Runtime, limit: int) -> bool:
    """Decide one batch of due timers; returns whether there may be more."""

    async def work(tx: Transaction) -> int:
        return await commands.decide_due(tx, limit=limit, now=runtime.clock.now())

    return await runtime.database.run(Cause.new("service:scheduler"), work) > 0


async def announce_periods(runtime: Runtime) -> bool:
    """Announce periods that have begun; returns whether there may be more."""

    async def work(tx: Transaction) -> int:
        return await period_commands.announce_due(tx, now=runtime.clock.now())

    return await runtime.database.run(Cause.new("service:scheduler"), work) > 0


async def next_due(conn: Connection, now: datetime) -> datetime | None:
    """Return the next instant after `now` at which a timer is due or a period begins."""
    instants = [await store.next_due(conn, now), await periods.next_due(conn, now)]
    return min((instant for instant in instants if instant is not None), default=None)


def _heartbeat(runtime: Runtime, seconds: int) -> tuple[Loop, ...]:
    if not seconds:
        return ()

    async def beat() -> bool:
        async def work(tx: Transaction) -> None:
            await period_commands.beat(tx, timedelta(seconds=seconds))

        await runtime.database.run(Cause.new("service:scheduler"), work)
        return False

    return (Loop("heartbeat", beat, idle_seconds=min(seconds, 60)),)
