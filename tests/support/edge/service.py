"""A service with nothing but the HTTP edge, for tests of the edge itself."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI

from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database
from licet_chassis.http.app import http_app
from licet_chassis.http.auth import Authenticator
from licet_chassis.settings import ServiceSettings
from support.edge.issuer import Issuer


@dataclass
class Running:
    """What `app.state.runtime` has; a test of routes without a database leaves it out."""

    settings: ServiceSettings
    authenticator: Authenticator
    clock: BusinessClock
    database: Any = None


def edge_settings(**changes: Any) -> ServiceSettings:
    """Return settings that are good for tests."""
    values = {
        "database_url": "postgresql://localhost/none", "kafka_url": "localhost:9092",
        "issuer_url": "https://issuer.test",
    } | changes  # fmt: skip
    return ServiceSettings(**values)


async def nothing_missing() -> list[str]:
    """Say that the service is ready."""
    return []


def edge_app(
    issuer: Issuer,
    *routers: APIRouter,
    problems: Mapping[type[Exception], int] | None = None,
    database: Database | None = None,
    clock: BusinessClock | None = None,
    alive: Callable[[], Sequence[str]] = list,
    ready: Any = nothing_missing,
    **settings: Any,
) -> FastAPI:
    """Return an application of these routers that trusts `issuer`."""
    given = edge_settings(**settings)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        time = clock or BusinessClock(movable=False)
        app.state.runtime = Running(given, issuer.authenticator(), time, database)
        yield

    return http_app(
        title="Edge", version="1", settings=given, routers=routers, problems=problems or {},
        ready=ready, alive=lambda: list(alive()), lifespan=lifespan,
    )  # fmt: skip


@asynccontextmanager
async def client_of(app: FastAPI, token: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
    """Run the application's lifespan and lend a client of it that sends `token`."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    transport = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://edge.test", headers=headers) as client,
    ):
        yield client
