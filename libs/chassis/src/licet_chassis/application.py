"""A service as an ASGI application: its HTTP interface, with the rest of the process in the lifespan."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

import structlog
from fastapi import FastAPI

from licet_chassis.clock import machine_now
from licet_chassis.extension import PLAIN, Extension
from licet_chassis.http.app import http_app
from licet_chassis.http.health import health_app
from licet_chassis.http.schemas import schemas_router
from licet_chassis.operations.erasures import erasures_router
from licet_chassis.operations.routes import operations_router
from licet_chassis.process import Process, open_runtime
from licet_chassis.service import Part, Service

_log = structlog.get_logger("licet.service")
_STOP_SECONDS = 22.0
"""How long a stop waits for the background parts; with what comes after it less than thirty seconds."""


def create_service_app(
    service: Service,
    *,
    parts: frozenset[Part] = frozenset(Part),
    extension: Extension = PLAIN,
    on_failure: Callable[[], None] = lambda: None,
) -> FastAPI:
    """Return the service as an ASGI application whose lifespan runs its background parts.

    `on_failure` is called when one of them fails for good, so that the server can end the process.
    """
    stopping = asyncio.Event()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_runtime(service) as runtime, service.compose(runtime) as composition:
            process = Process(service, runtime, composition, parts, extension)
            app.state.runtime = runtime
            app.state.process = process
            for name, value in composition.state.items():
                setattr(app.state, name, value)
            background = asyncio.create_task(_guarded(process, stopping, app, on_failure))
            _log.info("service.started", service=service.name, parts=sorted(parts))
            try:
                yield
            finally:
                stopping.set()
                await _finish(background, service.name)
                _log.info("service.stopped", service=service.name)

    async def missing() -> list[str]:
        process: Process | None = getattr(app.state, "process", None)
        return ["the service is starting"] if process is None else await process.missing()

    def stuck() -> list[str]:
        return [app.state.failed] if app.state.failed else []

    app = http_app(
        title=f"Licet {service.name}",
        version=version(service.package.replace("_", "-")),
        settings=service.settings,
        routers=[
            *(service.routers if Part.HTTP in parts else ()),
            operations_router(service.settings),
            erasures_router(service.erase, service.left_to_erase),
            schemas_router(service.settings.schemas_url),
        ],
        problems=service.problems,
        ready=missing,
        alive=stuck,
        lifespan=lifespan,
    )
    app.state.failed = None
    app.state.stopping = stopping
    app.state.health = health_app(missing, stuck)
    return app


async def _finish(background: asyncio.Task[None], service: str) -> None:
    """Wait for the background parts; what has not ended in time is cancelled, and done again elsewhere."""
    _, late = await asyncio.wait({background}, timeout=_STOP_SECONDS)
    if late:
        _log.error("service.stop_timed_out", service=service, seconds=_STOP_SECONDS)
        background.cancel()
        await asyncio.wait({background}, timeout=3)


async def _guarded(
    process: Process, stop: asyncio.Event, app: FastAPI, on_failure: Callable[[], None]
) -> None:
    try:
        await process.run(stop)
    except* Exception as group:  # noqa: BLE001  # whichever part it was, the process is of no use
        error = group.exceptions[0]
        app.state.failed = f"a part failed at {machine_now():%H:%M:%S} UTC: {type(error).__name__}: {error}"
        _log.critical("service.part_failed", service=process.service.name, exc_info=error)
        on_failure()
