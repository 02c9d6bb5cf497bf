"""What requests use of the running service: `app.state.runtime`, set when it starts."""

from typing import Protocol

from starlette.requests import Request
from starlette.types import Scope

from licet_chassis.clock import BusinessClock
from licet_chassis.database import Database
from licet_chassis.http.tokens import Authenticator
from licet_chassis.settings import ServiceSettings


class Serving(Protocol):
    """The part of a running service that requests use."""

    @property
    def settings(self) -> ServiceSettings:
        """The service's settings."""

    @property
    def database(self) -> Database:
        """The service's database."""

    @property
    def clock(self) -> BusinessClock:
        """Business time."""

    @property
    def authenticator(self) -> Authenticator:
        """Verifies tokens."""


def serving_of(scope: Scope) -> Serving:
    """Return the running service that answers the request of `scope`."""
    serving: Serving = scope["app"].state.runtime
    return serving


def serving(request: Request) -> Serving:
    """Return the running service that answers `request`."""
    return serving_of(request.scope)
