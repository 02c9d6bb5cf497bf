"""Authentication of requests and the scope that each route declares.

Every request but those for health, metrics and documents is authenticated before its body is read;
every route declares the scope it needs.
"""

from base64 import b64decode
from typing import Any

from fastapi import FastAPI, Security
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from licet_chassis.http.principal import Principal
from licet_chassis.http.problems import Problem, problem_response
from licet_chassis.http.serving import serving_of
from licet_chassis.http.tokens import Authenticator

__all__ = [
    "LINKS_UNDER",
    "OPEN_PATHS",
    "OPEN_UNDER",
    "Authentication",
    "Authenticator",
    "Principal",
    "RequiredScope",
    "declared_scope",
    "declared_scopes",
    "is_open",
    "principal_of",
    "requires",
    "routes_without_scope",
]

OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/oauth2-redirect"})
"""What is answered without a token."""

OPEN_UNDER = "/schemas/"
"""So is every path below: a contract is no secret, and tools that follow a link have no token."""

LINKS_UNDER = "/links/"
"""So is every path below: the link in a mail is itself the permission, and its route checks it."""

BASIC_UNDER = "/xapi/"
"""Where a token may also come as the password of Basic authentication (RFC 7617), whatever the user's name:
learning systems know nothing else. Nowhere else, since browsers send such credentials by themselves."""

_PRINCIPAL = "licet.principal"


def is_open(path: str) -> bool:
    """Return whether a path is answered without a token."""
    return path in OPEN_PATHS or path.startswith((OPEN_UNDER, LINKS_UNDER))


class Authentication:
    """ASGI middleware: every request except those for open paths needs a valid token."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate and go on, or answer 401 before the body is read."""
        if scope["type"] == "http" and not is_open(scope["path"]):
            authenticator = serving_of(scope).authenticator
            sent = Headers(scope=scope).getlist("authorization")
            if scope["path"].startswith(BASIC_UNDER):
                sent = [_token_of_basic(one) for one in sent]
            try:
                scope[_PRINCIPAL] = await authenticator.authenticate(sent)
            except Problem as problem:
                await problem_response(problem, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)


def _token_of_basic(authorization: str) -> str:
    scheme, _, credentials = authorization.partition(" ")
    if scheme.lower() != "basic":
        return authorization
    try:
        _, _, password = b64decode(credentials.strip(), validate=True).decode().partition(":")
    except ValueError:
        return authorization  # refused like any other that is no token
    return f"Bearer {password}"


_BEARER = HTTPBearerModel(bearerFormat="JWT", description="A token of the deployment's issuer")


class RequiredScope(SecurityBase):
    """The dependency behind `requires`; tests recognise it by its class.

    To OpenAPI it is the scheme `bearer` itself, so that it needs no dependency of its own for that.
    """

    def __init__(self, scope: str, *, everyone: bool = False) -> None:
        self.model = _BEARER
        self.scheme_name = "bearer"
        self.scope = scope
        self.everyone = everyone

    async def __call__(self, request: Request) -> Principal:
        """Return the principal; raises 403 if the token lacks the scope or does not see enough."""
        principal = principal_of(request)
        principal.must_have(self.scope)
        if self.everyone:
            principal.must_see_everyone()
        return principal


def requires(scope: str, *, everyone: bool = False) -> Any:
    """Return the dependency that every route has: the principal, if its token has `scope`.

    Both as a parameter, `principal: Annotated[Principal, requires("credentials:read")]`, and in
    `dependencies=[requires("credentials:read")]`. With `everyone`, tokens that are limited to teams or
    locations are refused, because the route concerns all people.
    """
    return Security(RequiredScope(scope, everyone=everyone), scopes=[scope])


def principal_of(request: Request) -> Principal:
    """Return the caller of the request; the middleware has set it."""
    principal: Principal = request.scope[_PRINCIPAL]
    return principal


def declared_scope(route: RouteContext) -> str | None:
    """Return the scope that a route declares, `None` if it declares none."""
    dependant = getattr(route, "dependant", None)
    pending = list(dependant.dependencies) if dependant is not None else []
    while pending:
        dependency = pending.pop()
        if isinstance(dependency.call, RequiredScope):
            return dependency.call.scope
        pending += dependency.dependencies
    return None


def declared_scopes(app: FastAPI) -> dict[str, str | None]:
    """Return the scope of every route, under names like `GET /v1/holders/{holder_id}`."""
    return {
        f"{method} {route.path_format or route.path}": declared_scope(route)
        for route in iter_route_contexts(app.routes)
        for method in sorted((route.methods or {"*"}) - {"HEAD"})
        if not is_open(route.path or "")
    }


def routes_without_scope(app: FastAPI) -> list[str]:
    """Return the routes that anyone with any token may call; a test of every service wants none."""
    return sorted(name for name, scope in declared_scopes(app).items() if scope is None)
