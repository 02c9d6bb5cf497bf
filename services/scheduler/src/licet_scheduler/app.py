"""Composition of the scheduler."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from licet_chassis.application import create_service_app
from licet_chassis.backfill import Repetition
from licet_chassis.cause import Cause
from licet_chassis.database import Transaction
from licet_chassis.loops import Loop
from licet_chassis.service import Composition, Runtime, Service
from licet_events import Topic
from licet_scheduler.consumers import STATES
from licet_scheduler.settings import SchedulerSettings
from licet_scheduler.timers import commands, routes, store


def create_service(settings: SchedulerSettings) -> Service:
    """Declare the scheduler."""

    @asynccontextmanager
    async def compose(runtime: Runtime) -> AsyncIterator[Composition]:
        yield Composition(
            consumers=(STATES,),
            loops=(Loop("timers", lambda: decide_due(runtime, settings.timers_per_claim)),),
            pending={"timers": store.count_due},
            next_due=store.next_due,
        )

    return Service(
        name="scheduler",
        package="licet_scheduler",
        settings=settings,
        routers=(routes.router,),
        compose=compose,
        snapshots=(Repetition("announcements", Topic.SCHEDULE, store.page_announced),),
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
