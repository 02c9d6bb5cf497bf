"""Composition root of the credentials service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from fastapi import FastAPI

from licet_chassis.application import create_service_app
from licet_chassis.connection import Connection
from licet_chassis.loops import Loop
from licet_chassis.service import Composition, Runtime, Service
from licet_credentials.awards.routes import router as awards
from licet_credentials.bulk import store as bulk_store
from licet_credentials.bulk.job import bulk_jobs
from licet_credentials.bulk.routes import router as bulk
from licet_credentials.catalogues.routes import router as catalogues
from licet_credentials.consumers import SCHEDULE, awards_consumer
from licet_credentials.credentials.replanning import Replanning
from licet_credentials.credentials.routes import router as credentials
from licet_credentials.doctor.routes import router as doctor
from licet_credentials.errors import ImageRefused
from licet_credentials.history.routes import router as history
from licet_credentials.holders.routes import router as holders
from licet_credentials.images.collecting import Collecting
from licet_credentials.images.receiving import remove_abandoned
from licet_credentials.images.routes import router as images
from licet_credentials.images.storage import ImageStorage
from licet_credentials.images.workers import ImageWorkers
from licet_credentials.imports import store as import_store
from licet_credentials.imports.job import ImportJobs
from licet_credentials.imports.routes import router as imports
from licet_credentials.merging.routes import router as merging
from licet_credentials.places.routes import router as places
from licet_credentials.privacy import store as privacy_store
from licet_credentials.privacy.routes import router as privacy
from licet_credentials.profiles.routes import router as profiles
from licet_credentials.rederiving.commands import CREDENTIALS
from licet_credentials.register.routes import router as register
from licet_credentials.settings import Settings
from licet_credentials.snapshots import SNAPSHOTS
from licet_credentials.types import store as type_store
from licet_credentials.types.routes import router as types
from licet_credentials.verifications.routes import router as verifications

PROBLEMS: dict[type[Exception], int] = {ImageRefused: 422}
"""HTTP status of each refusal that only this service has."""


def create_service(settings: Settings) -> Service:
    """Return the declaration of the service; opens nothing."""

    @asynccontextmanager
    async def compose(runtime: Runtime) -> AsyncIterator[Composition]:
        workers, storage = ImageWorkers(settings.worker_limits), ImageStorage(settings.bucket)
        jobs = ImportJobs(runtime.database, runtime.clock, settings.default_time_zone)
        replanning = Replanning(runtime.database, runtime.clock)
        collecting = Collecting(runtime.database, storage)
        try:
            yield Composition(
                consumers=(SCHEDULE, awards_consumer(settings.default_time_zone)),
                loops=(
                    Loop("imports", jobs.step, idle_seconds=0.5),
                    Loop("bulk", bulk_jobs(runtime.database, runtime.clock).step, idle_seconds=0.5),
                    Loop("replanning", replanning.step, idle_seconds=1.0),
                    Loop("collecting", collecting.step, idle_seconds=5.0),
                    Loop("left_behind", remove_abandoned, idle_seconds=600.0),
                ),
                pending={"imports": _open_imports, "bulk": _open_bulks, "replanning": _types_to_replan},
                state={
                    "image_workers": workers,
                    "image_storage": storage,
                    "upload_room": settings.upload_room,
                },
            )
        finally:
            await workers.close()
            storage.close()

    return Service(
        name="credentials",
        package="licet_credentials",
        settings=settings,
        routers=(
            holders,
            profiles,
            merging,
            privacy,
            places,
            catalogues,
            types,
            register,
            bulk,
            credentials,
            history,
            verifications,
            awards,
            doctor,
            images,
            imports,
        ),
        compose=compose,
        problems=PROBLEMS,
        snapshots=SNAPSHOTS,
        derived=(CREDENTIALS,),
        left_to_erase=privacy_store.objects_left,
    )


async def _open_imports(conn: Connection, _now: datetime) -> int:
    return await import_store.count_open(conn)


async def _open_bulks(conn: Connection, _now: datetime) -> int:
    return await bulk_store.count_open(conn)


async def _types_to_replan(conn: Connection, _now: datetime) -> int:
    return await type_store.count_replanning(conn)


def create_app(settings: Settings) -> FastAPI:
    """Return the service as an ASGI application."""
    return create_service_app(create_service(settings))
