"""Who may do what here."""

from fastapi import Depends
from starlette.requests import Request

from licet_chassis.http.auth import principal_of, requires
from licet_chassis.http.problems import Forbidden

READ = requires("credentials:read")
WRITE = requires("credentials:write")
ADMIN = requires("credentials:admin")


def _sees_everyone(request: Request) -> None:
    # A token that is meant to see some must never be served as one that sees all.
    principal = principal_of(request)
    if principal.teams is not None or principal.locations is not None:
        raise Forbidden("This service does not serve tokens that are limited to teams or locations.")


EVERYONE = Depends(_sees_everyone)
"""Refuses tokens that are narrowed to teams or locations."""
