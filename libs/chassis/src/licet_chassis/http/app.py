"""The FastAPI application of a service, with everything that all of them have."""

from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any

from fastapi import APIRouter, Depends, FastAPI
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel
from starlette.middleware import Middleware
from starlette.routing import compile_path

from licet_chassis.errors import STATUSES
from licet_chassis.http.auth import Authentication
from licet_chassis.http.contract import make_readable
from licet_chassis.http.health import health_routes
from licet_chassis.http.problems import MEDIA_TYPE, MethodsOfPath, handle_problems
from licet_chassis.http.requests import BodyLimit, BodyLimits, Requests
from licet_chassis.http.strictness import documented_parameters
from licet_chassis.settings import ServiceSettings


class InputError(BaseModel):
    """Which input is wrong: a place in the body, a parameter or a header."""

    pointer: str | None = None
    parameter: str | None = None
    header: str | None = None
    detail: str


class ProblemDocument(BaseModel):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    instance: str
    errors: list[InputError] | None = None


_PROBLEM: dict[int | str, dict[str, Any]] = {
    "default": {
        "description": "Anything else: a problem document",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
}


class _Application(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document, with the schema that every answer but the good ones has."""
        if self.openapi_schema is not None:
            return self.openapi_schema
        document = super().openapi()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        if ProblemDocument.__name__ not in schemas:
            schema = ProblemDocument.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= {**schema.pop("$defs"), ProblemDocument.__name__: schema}
        make_readable(document)
        return document


def http_app(
    *,
    title: str,
    version: str,
    settings: ServiceSettings,
    routers: Iterable[APIRouter],
    problems: Mapping[type[Exception], int],
    ready: Callable[[], Awaitable[list[str]]],
    lifespan: Callable[[FastAPI], AbstractAsyncContextManager[None]],
    alive: Callable[[], list[str]],
) -> FastAPI:
    """Return the application; `lifespan` puts what requests need on `app.state.runtime`.

    Routers bring their whole paths, `/v1` too. `ready` says what is missing before requests can be
    answered, `alive` what stands still and would only go on after a restart; both in words, empty
    when all is well. `problems` gives the status of each domain error.
    """
    templates: dict[Any, str] = {}
    exceptions: list[BodyLimit] = []
    app = _Application(
        title=title,
        version=version,
        lifespan=lifespan,
        redoc_url=None,
        redirect_slashes=False,
        responses=_PROBLEM,
        dependencies=[Depends(documented_parameters)],
        middleware=[
            Middleware(Requests, templates=templates),
            Middleware(BodyLimits, largest=settings.body_limit_bytes, exceptions=exceptions),
            Middleware(Authentication),
        ],
    )
    handle_problems(app, {**STATUSES, **problems})
    for router in routers:
        app.include_router(router)
    app.router.routes += health_routes(ready, alive)
    taken: list[MethodsOfPath] = []
    for route in iter_route_contexts(app.routes):
        path = route.path_format
        if path is None or route.endpoint is None:
            continue
        templates[route.endpoint] = path
        taken.append((compile_path(path)[0], frozenset(route.methods or ())))
        largest = getattr(route, "max_body_size", None)
        if largest is not None:
            exceptions.append(BodyLimit(frozenset(route.methods or ()), compile_path(path)[0], largest))
    app.state.methods_of_paths = taken
    return app
