"""The command of a service: `python -m licet_<service> serve | migrate | backfill | check`."""

import argparse
import asyncio
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import asyncpg
import structlog
import uvicorn
from fastapi import FastAPI

from licet_chassis.application import create_service_app
from licet_chassis.backfill import backfill
from licet_chassis.extension import PLAIN, Extension
from licet_chassis.http.protocol import ConnectionLimits, HttpProtocol
from licet_chassis.lifeline import end_with_parent
from licet_chassis.process import open_runtime
from licet_chassis.service import Part, Service
from licet_chassis.settings import ServiceSettings, describe_problems
from licet_chassis.telemetry import clean_text, configure_logging, without_secrets

_log = structlog.get_logger("licet.service")
_GRACE = 22
"""Seconds in which a stop finishes what is in hand; less than the thirty that Kubernetes waits."""


def run(
    package: str,
    settings_class: type[ServiceSettings],
    create_service: Callable[[Any], Service],
    arguments: Sequence[str] | None = None,
    *,
    extension: Extension = PLAIN,
) -> int:
    """Run a service's command line and return the exit code: 0 done, 1 failed, 2 wrong usage."""
    options = _parser(package).parse_args(arguments)
    problems = describe_problems(settings_class)
    if problems:
        print("\n".join(problems), file=sys.stderr)  # noqa: T201  # before there is a log
        return 2
    if options.command == "check" or (options.command == "serve" and options.check):
        print("The settings are in order.")  # noqa: T201  # the answer of a command
        return 0
    settings = settings_class()
    service = create_service(settings)
    configure_logging(service=service.name, level=settings.log_level, log_format=settings.log_format)
    if options.command == "migrate":
        return _reported(service, lambda: _migrate(package, service))
    if options.command == "backfill":
        return _reported(service, lambda: asyncio.run(_backfill(service)))
    return _serve(service, frozenset(map(Part, options.only)) or frozenset(Part), extension)


def _reported(service: Service, work: Callable[[], int]) -> int:
    """Run a command; report an outage of the database in a line, not in a traceback."""
    try:
        return work()
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        where = without_secrets(service.settings.direct_url.get_secret_value())
        said = clean_text(str(error)) or type(error).__name__
        print(f"{service.name}: the database at {where} can't be used: {said}", file=sys.stderr)  # noqa: T201  # the answer of a command
        return 1


def _migrate(package: str, service: Service) -> int:
    from licet_chassis import migrations  # noqa: PLC0415  # a service that serves does without Alembic

    revision = migrations.migrate(package, service.settings.direct_url.get_secret_value())
    _log.info("service.migrated", service=service.name, revision=revision)
    return 0


def _parser(package: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=f"python -m {package}")
    commands = parser.add_subparsers(dest="command", required=True)
    serve = commands.add_parser("serve", help="run the service until it is told to stop")
    serve.add_argument(
        "--only",
        action="append",
        default=[],
        choices=[part.value for part in Part],
        help="run just this part",
    )
    serve.add_argument("--check", action="store_true", help="say what is wrong with the settings, and end")
    commands.add_parser("migrate", help="bring the database to the newest schema")
    commands.add_parser("backfill", help="publish the present state of everything again")
    commands.add_parser("check", help="say what is wrong with the settings")
    return parser


async def _backfill(service: Service) -> int:
    async with open_runtime(service) as runtime:
        counts = await backfill(
            service.snapshots, runtime.database, runtime.clock,
            progress=lambda name, count: print(f"{service.name}: {count} {name}", flush=True),  # noqa: T201  # progress
        )  # fmt: skip
    print(f"{service.name}: published {sum(counts.values())} events")  # noqa: T201  # the answer of a command
    return 0


def _serve(service: Service, parts: frozenset[Part], extension: Extension) -> int:
    server: _Server | None = None

    def end() -> None:
        if server is not None:
            server.should_exit = True

    app = create_service_app(service, parts=parts, extension=extension, on_failure=end)
    settings = service.settings
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        http=_protocol(settings),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=_GRACE,
        timeout_keep_alive=30,
    )
    server = _Server(config, app.state.stopping, _health_server(app, settings))
    # uvicorn raises the signal again once it has ended; a stop that was asked for is no failure.
    signal.signal(signal.SIGTERM, lambda *_: end())
    if os.environ.get("LICET_ENDS_WITH_STDIN") == "1":
        end_with_parent(grace=_GRACE + 5)
    # Modules loaded so far stay to the end; keep the garbage collector from scanning them again and again.
    gc.collect()
    gc.freeze()
    with suppress(KeyboardInterrupt):  # uvicorn ends cleanly and re-raises the signal
        server.run()
    return 1 if app.state.failed or not server.started else 0


def _protocol(settings: ServiceSettings) -> type[HttpProtocol]:
    class Bounded(HttpProtocol):
        limits = ConnectionLimits(
            settings.connections_max, settings.connections_per_peer, settings.idle_seconds
        )

    return Bounded


def _health_server(app: FastAPI, settings: ServiceSettings) -> uvicorn.Server | None:
    if settings.health_port is None:
        return None
    config = uvicorn.Config(
        app.state.health, host=settings.host, port=settings.health_port, http=_protocol(settings), ws="none",
        log_config=None, access_log=False, server_header=False, lifespan="off", timeout_graceful_shutdown=1,
    )  # fmt: skip
    return _SecondServer(config)


class _SecondServer(uvicorn.Server):
    """A server beside the main one, which alone hears signals."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the main server."""
        yield


class _Server(uvicorn.Server):
    """A uvicorn server that stops the background parts together with the requests, not after them."""

    def __init__(
        self, config: uvicorn.Config, stopping: asyncio.Event, health: uvicorn.Server | None
    ) -> None:
        super().__init__(config)
        self._stopping = stopping
        self._health = health

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve, with the port for health beside it from the beginning to the end."""
        if self._health is None:
            await super().serve(sockets)
            return
        beside = asyncio.create_task(self._health.serve())
        try:
            await super().serve(sockets)
        finally:
            self._health.should_exit = True
            await beside

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Signal the stop, then wait for the requests; the lifespan waits for the background parts."""
        self._stopping.set()
        await super().shutdown(sockets)
