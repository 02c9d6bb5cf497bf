"""Who calls and what they may do: bearer tokens (RFC 6750, RFC 7519) of the deployment's issuer.

Every request but those for health, metrics and documents is authenticated before its body is read;
every route declares the scope it needs.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Self

import jwt
from fastapi import FastAPI, Security
from fastapi.openapi.models import HTTPBearer as HTTPBearerModel
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from licet_chassis.clock import machine_now
from licet_chassis.http.keys import KeySet, KeysUnavailable
from licet_chassis.http.problems import Forbidden, Problem, Unauthenticated, Unavailable, problem_response
from licet_chassis.http.serving import serving_of
from licet_chassis.settings import ServiceSettings

OPEN_PATHS = frozenset({"/livez", "/readyz", "/metrics", "/openapi.json", "/docs", "/docs/oauth2-redirect"})
"""What is answered without a token."""

_LONGEST_TOKEN = 8192
_LEEWAY = timedelta(seconds=10)
_REQUIRED_CLAIMS = ["iss", "aud", "sub", "exp", "iat"]
_REMEMBERED_TOKENS = 1_000
_PRINCIPAL = "licet.principal"


@dataclass(frozen=True, slots=True)
class Principal:
    """Whoever a token stands for."""

    subject: str
    scopes: frozenset[str] = frozenset()
    teams: frozenset[str] | None = None
    """The only teams whose people this token sees; `None`: all, empty: none."""
    locations: frozenset[str] | None = None
    """The only locations whose people this token sees; `None`: all, empty: none."""

    @property
    def actor(self) -> str:
        """What causes and histories call this principal."""
        return f"user:{self.subject}"

    def may_see(self, *, team: str | None, location: str | None) -> bool:
        """Whether someone of that team at that location is within both claims."""
        return (self.teams is None or team in self.teams) and (
            self.locations is None or location in self.locations
        )

    @property
    def narrowed(self) -> bool:
        """Whether the token is limited to teams or locations."""
        return self.teams is not None or self.locations is not None

    def must_see_everyone(self) -> None:
        """Raise a 403 where the token is limited to teams or locations."""
        if self.narrowed:
            raise Forbidden(
                "This needs a token that sees everyone; this one is limited to teams or locations."
            )

    def must_have(self, scope: str, *instead: str) -> None:
        """Raise the 403 that names `scope`, unless the token has it or one of those that do `instead`."""
        if scope not in self.scopes and self.scopes.isdisjoint(instead):
            raise Forbidden(
                f"This token lacks the scope {scope}.",
                headers={"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{scope}"'},
            )


@dataclass(frozen=True, slots=True)
class _Judged:
    """A token found good: it stays so until it expires or its key is read anew."""

    kid: str
    key: jwt.PyJWK
    expires_at: float
    principal: Principal


class Authenticator:
    """Judges tokens by the issuer's keys, in machine time.

    The tokens seen last are remembered: checking a signature costs as much as the rest of a request.
    """

    def __init__(self, keys: KeySet, *, issuer: str, audience: str) -> None:
        self._keys = keys
        self._issuer = issuer
        self._audience = audience
        self._judged: OrderedDict[str, _Judged] = OrderedDict()

    @classmethod
    def of(cls, settings: ServiceSettings) -> Self:
        """Return the authenticator for the issuer and audience of the settings."""
        return cls(KeySet(settings.keys_url), issuer=settings.issuer_url, audience=settings.audience)

    async def close(self) -> None:
        """Close the connections to the issuer."""
        await self._keys.close()

    async def authenticate(self, authorization: Iterable[str]) -> Principal:
        """Return who the `Authorization` header speaks for.

        Raises `Unauthenticated` with a sentence that says what is wrong with the token, and
        `Unavailable` while the issuer's keys have never been read.
        """
        headers = list(authorization)
        if not headers:
            raise Unauthenticated(
                "This needs a token: send the header `Authorization: Bearer <token>`.",
                headers={"WWW-Authenticate": "Bearer"},
            )
        scheme, _, token = headers[0].partition(" ")
        token = token.strip()
        if len(headers) > 1 or scheme.lower() != "bearer" or not token:
            raise _refused("The header Authorization must be sent once, as `Bearer <token>`.")
        if len(token) > _LONGEST_TOKEN:
            raise _refused(f"The token is longer than {_LONGEST_TOKEN} characters.")
        try:
            return await self._judge(token)
        except KeysUnavailable as error:
            raise Unavailable(
                "Tokens can't be checked at present: the issuer's keys are out of reach. Try again.",
                headers={"Retry-After": "5"},
            ) from error
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            # Whatever a token makes a parser do is the token's fault.
            raise _refused(self._fault(error)) from None

    def _fault(self, error: Exception) -> str:
        match error:
            case jwt.ExpiredSignatureError():
                return "The token has expired; ask the issuer for a new one."
            case jwt.ImmatureSignatureError():
                return "The token is not valid yet; compare the clocks of issuer and service."
            case jwt.InvalidIssuerError():
                return "The token is of another issuer."
            case jwt.InvalidAudienceError():
                return f"The token is for another audience, not for {self._audience}."
            case jwt.MissingRequiredClaimError():
                return f"The token lacks the claim {error.claim}."
            case _:
                return "The token is malformed or its signature does not match."

    async def _judge(self, token: str) -> Principal:
        known = self._judged.get(token)
        if (
            known is not None
            and machine_now().timestamp() < known.expires_at
            and await self._keys.find(known.kid) is known.key
        ):
            self._judged.move_to_end(token)
            return known.principal
        kid = jwt.get_unverified_header(token).get("kid")
        if not isinstance(kid, str) or not kid:
            raise _refused("The token does not name its key (`kid`).")
        key = await self._keys.find(kid)
        if key is None:
            raise _refused("The token is signed with a key that the issuer does not list.")
        # The algorithm is the key's, never the token's: a public key is no shared secret.
        claims = jwt.decode(
            token,
            key.key,
            algorithms=[key.algorithm_name],
            issuer=self._issuer,
            audience=self._audience,
            leeway=_LEEWAY,
            options={"require": _REQUIRED_CLAIMS},
        )
        principal = _principal(claims)
        self._judged[token] = _Judged(kid, key, float(claims["exp"]), principal)
        if len(self._judged) > _REMEMBERED_TOKENS:
            self._judged.popitem(last=False)
        return principal


def _principal(claims: Mapping[str, Any]) -> Principal:
    subject = claims["sub"]
    if not isinstance(subject, str) or not subject or len(subject) > 255 or not subject.isprintable():
        raise _refused("The claim sub must be text of 1 to 255 characters.")
    scopes = claims.get("scope", claims.get("scp", ""))
    if isinstance(scopes, str):
        scopes = scopes.split()
    return Principal(
        subject,
        frozenset(_codes("scope", scopes)),
        None if "licet_teams" not in claims else frozenset(_codes("licet_teams", claims["licet_teams"])),
        None
        if "licet_locations" not in claims
        else frozenset(_codes("licet_locations", claims["licet_locations"])),
    )


def _codes(claim: str, value: Any) -> list[str]:
    # A claim that narrows and can't be read must never be taken for one that does not narrow.
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _refused(f"The claim {claim} must be a list of texts.")
    return value


def _refused(detail: str) -> Unauthenticated:
    return Unauthenticated(detail, headers={"WWW-Authenticate": 'Bearer error="invalid_token"'})


class Authentication:
    """ASGI middleware: no request but those for `OPEN_PATHS` goes on without a principal."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Authenticate, then go on; or answer 401 before anything of the body is read."""
        if scope["type"] == "http" and scope["path"] not in OPEN_PATHS:
            authenticator = serving_of(scope).authenticator
            try:
                scope[_PRINCIPAL] = await authenticator.authenticate(
                    Headers(scope=scope).getlist("authorization")
                )
            except Problem as problem:
                await problem_response(problem, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)


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
    locations are refused: what the route shows or does is about all people.
    """
    return Security(RequiredScope(scope, everyone=everyone), scopes=[scope])


def principal_of(request: Request) -> Principal:
    """Return whoever sent the request; the middleware has seen to it that there is someone."""
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
        if route.path not in OPEN_PATHS
    }


def routes_without_scope(app: FastAPI) -> list[str]:
    """Return the routes that anyone with any token may call; a test of every service wants none."""
    return sorted(name for name, scope in declared_scopes(app).items() if scope is None)
