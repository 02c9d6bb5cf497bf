"""The service put together."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import datetime
from uuid import UUID

from fastapi import FastAPI

from licet_certifications.audit_schedules import commands as audit_schedules
from licet_certifications.audit_schedules.routes import router as audit_schedules_router
from licet_certifications.audits import commands as audits
from licet_certifications.audits.routes import router as audits_router
from licet_certifications.bulk import store as bulk
from licet_certifications.bulk.job import bulk_jobs
from licet_certifications.bulk.routes import migrations_router
from licet_certifications.bulk.routes import router as bulk_router
from licet_certifications.certificates.routes import router as certificates_router
from licet_certifications.consumers import FACTS, SCHEDULE
from licet_certifications.doctor.routes import router as doctor_router
from licet_certifications.eligibility import commands as eligibility
from licet_certifications.eligibility import store
from licet_certifications.eligibility.routes import router as eligibility_router
from licet_certifications.enrolments import commands as enrolments
from licet_certifications.enrolments import deciders
from licet_certifications.enrolments.routes import router as enrolments_router
from licet_certifications.entry import store as entry
from licet_certifications.entry.following import EntryByRule
from licet_certifications.gaps.routes import router as gaps_router
from licet_certifications.history.routes import router as history_router
from licet_certifications.intake import commands as intake
from licet_certifications.intake.consumers import COMPLETIONS
from licet_certifications.intake.routes import router as completions_router
from licet_certifications.programmes import commands as programmes
from licet_certifications.programmes.routes import router as programmes_router
from licet_certifications.rederiving.sources import SOURCES
from licet_certifications.register import store as register
from licet_certifications.register.routes import router as register_router
from licet_certifications.requirements import commands as requirements
from licet_certifications.requirements.routes import router as requirements_router
from licet_certifications.roster.routes import router as roster_router
from licet_certifications.settings import Settings
from licet_certifications.shifts import commands as shifts
from licet_certifications.shifts import store as shift_store
from licet_certifications.shifts.consumer import BOOKINGS
from licet_certifications.shifts.routes import router as shifts_router
from licet_certifications.training.routes import router as training_router
from licet_certifications.waivers import commands as waivers
from licet_certifications.waivers.routes import overrides_router
from licet_certifications.waivers.routes import router as waivers_router
from licet_certifications.whatifs import store as what_ifs
from licet_certifications.whatifs.job import WhatIfs
from licet_certifications.whatifs.routes import router as what_ifs_router
from licet_certifications.worklist import store as worklist
from licet_certifications.worklist.commands import Decider
from licet_certifications.worklist.routes import worklist_router
from licet_certifications.xapi import store as xapi
from licet_certifications.xapi.routes import router as xapi_router
from licet_chassis.application import create_service_app
from licet_chassis.backfill import Snapshots
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.loops import Loop
from licet_chassis.service import Composition, Runtime, Service
from licet_events import Topic

NAME = "certifications"
ACTOR = f"service:{NAME}"

DECIDERS: Mapping[str, Decider] = {
    **deciders.DECIDERS,
    intake.UNMATCHED: intake.decide_unmatched,
    intake.CONFLICT: intake.decide_conflict,
    waivers.REQUEST: waivers.decide_item,
    waivers.REVIEW: waivers.decide_item,
}
"""Who carries out decisions about items of the worklist, by the kind of item."""


def create_service(settings: Settings) -> Service:
    """Return what the service is made of."""
    return Service(
        name=NAME,
        package="licet_certifications",
        settings=settings,
        routers=[
            programmes_router,
            migrations_router,
            register_router,  # before whatever takes what follows /v1/enrolments/ for an id
            bulk_router,
            enrolments_router,
            certificates_router,
            requirements_router,
            # Before those with a holder's id in their path.
            roster_router,
            history_router,
            waivers_router,
            overrides_router,
            eligibility_router,
            shifts_router,
            audit_schedules_router,
            audits_router,
            gaps_router,
            training_router,
            what_ifs_router,
            doctor_router,
            worklist_router(DECIDERS),
            completions_router,
            xapi_router,
        ],
        compose=_compose,
        snapshots=[
            Snapshots("requirements", Topic.CATALOGUE, requirements.requirement_snapshots),
            Snapshots("programmes", Topic.CATALOGUE, programmes.programme_snapshots),
            Snapshots("enrolments", Topic.CERTIFICATIONS, enrolments.enrolment_snapshots),
            Snapshots("waivers", Topic.CERTIFICATIONS, waivers.waiver_snapshots),
            Snapshots("timelines", Topic.ELIGIBILITY, eligibility.timeline_snapshots),
            Snapshots("audit_schedules", Topic.CERTIFICATIONS, audit_schedules.schedule_snapshots),
            Snapshots("audits", Topic.CERTIFICATIONS, audits.audit_snapshots),
            Snapshots("shifts", Topic.SHIFTS, shifts.shift_snapshots),
        ],
        derived=SOURCES,
        erase=forget_holder,
    )


def create_app(settings: Settings) -> FastAPI:
    """Return the service as an ASGI application."""
    return create_service_app(create_service(settings))


async def forget_holder(tx: Transaction, holder_id: UUID, now: datetime) -> None:
    """Delete what every feature keeps about a holder, and end its keys on the topics."""
    # These ask the facts, completions and accounts what the holder goes by, so they come first.
    await register.forget_holder(tx.conn, holder_id)
    await shifts.forget_holder(tx, holder_id, now)
    await xapi.forget_holder(tx.conn, holder_id)
    await intake.forget_holder(tx, holder_id, now)
    await eligibility.forget_holder(tx, holder_id, now)
    await waivers.forget_holder(tx, holder_id, now)
    await audits.forget_holder(tx, holder_id)
    await what_ifs.forget_holder(tx.conn, holder_id)
    await bulk.forget_holder(tx.conn, holder_id)
    await enrolments.forget_holder(tx, holder_id, now)
    await worklist.forget_holder(tx.conn, holder_id)


@asynccontextmanager
async def _compose(runtime: Runtime) -> AsyncIterator[Composition]:
    async def keep_up() -> bool:
        return await work_off(runtime)

    async def follow() -> bool:
        return await review_shifts(runtime)

    async def resolve() -> bool:
        return await resolve_bookings(runtime)

    async def pending(conn: Connection, _now: datetime) -> int:
        return await store.count_pending(conn)

    async def to_review(conn: Connection, _now: datetime) -> int:
        return await shift_store.count_reviews(conn)

    async def entries(conn: Connection, _now: datetime) -> int:
        return await entry.count_pending(conn)

    async def jobs(conn: Connection, _now: datetime) -> int:
        return await bulk.count_open(conn)

    yield Composition(
        consumers=[FACTS, SCHEDULE, BOOKINGS, COMPLETIONS],
        loops=[
            Loop("eligibility", keep_up, idle_seconds=0.2),
            Loop("shifts", follow, idle_seconds=0.2),
            Loop("bookings", resolve, idle_seconds=2.0),
            Loop("entry", EntryByRule(runtime.database, runtime.clock, ACTOR).step, idle_seconds=0.5),
            Loop("bulk", bulk_jobs(runtime.database, runtime.clock).step, idle_seconds=0.5),
            Loop("what_ifs", WhatIfs(runtime.database, runtime.clock, ACTOR).step, idle_seconds=0.5),
        ],
        pending={
            "recomputations": pending,
            "shift_reviews": to_review,
            "entries": entries,
            "bulk": jobs,
            "what_ifs": what_ifs.count_running,
        },
    )


async def work_off(runtime: Runtime) -> bool:
    """Queue what changed facts touch, compute some of what is queued; returns whether anything was done."""
    async with runtime.database.transaction(Cause.new(ACTOR)) as tx:
        changes = await eligibility.queue_affected(tx)
    # While one batch is computed here, PostgreSQL reads and writes the other.
    pairs = await asyncio.gather(_recompute(runtime), _recompute(runtime))
    return changes > 0 or any(pairs)


async def _recompute(runtime: Runtime) -> int:
    async with runtime.database.transaction(Cause.new(ACTOR)) as tx:
        return await eligibility.recompute(tx, now=runtime.clock.now())


async def review_shifts(runtime: Runtime) -> bool:
    """Judge again some shifts whose timelines have changed; returns whether there were any."""
    async with runtime.database.transaction(Cause.new(ACTOR)) as tx:
        return await shifts.review(tx, now=runtime.clock.now()) > 0


async def resolve_bookings(runtime: Runtime) -> bool:
    """Find the holders of some shifts that wait for them; returns whether any was found."""
    async with runtime.database.transaction(Cause.new(ACTOR)) as tx:
        resolved = await shifts.resolve_bookings(tx, now=runtime.clock.now())
    async with runtime.database.transaction(Cause.new(ACTOR)) as tx:
        queued = await shifts.queue_unjudged(tx, now=runtime.clock.now())
    return resolved > 0 or queued > 0
