"""What a service declares in its `app.py`: routes, consumers, loops, snapshots, and what they share."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from fastapi import APIRouter

from licet_chassis.backfill import Repetition, Snapshots
from licet_chassis.clock import BusinessClock
from licet_chassis.connection import Connection
from licet_chassis.consuming import Consumer
from licet_chassis.database import Database
from licet_chassis.erasure import Erase, LeftToErase
from licet_chassis.http.auth import Authenticator
from licet_chassis.loops import Loop
from licet_chassis.rederiving import Derived
from licet_chassis.settings import ServiceSettings


class Part(StrEnum):
    """What a process can run alone."""

    HTTP = "http"
    CONSUMERS = "consumers"
    RELAY = "relay"
    LOOPS = "loops"


@dataclass(frozen=True)
class Runtime:
    """What the parts of a running service share. Routes find it as `request.app.state.runtime`."""

    service: str
    settings: ServiceSettings
    database: Database
    clock: BusinessClock
    authenticator: Authenticator


@dataclass(frozen=True)
class Composition:
    """The parts of a service, made once its runtime is there."""

    consumers: Sequence[Consumer] = ()
    loops: Sequence[Loop] = ()
    pending: Mapping[str, Callable[[Connection, datetime], Awaitable[int]]] = field(default_factory=dict)
    """Work that could be done now, by name: what `licet clock` waits for."""
    next_due: Callable[[Connection, datetime], Awaitable[datetime | None]] | None = None
    """The next instant of business time after now at which there will be work."""
    troubles: Sequence[Callable[[], str | None]] = ()
    """Each says in a sentence what keeps a part of the service from its work, `None` while it does it."""
    state: Mapping[str, Any] = field(default_factory=dict)
    """What the routes find on `request.app.state` beside the runtime."""


@dataclass(frozen=True)
class Service:
    """A service as its `app.py` declares it."""

    name: str
    package: str
    settings: ServiceSettings
    routers: Sequence[APIRouter]
    compose: Callable[[Runtime], AbstractAsyncContextManager[Composition]]
    """Opens what the service needs beside the database, and closes it at the end."""
    problems: Mapping[type[Exception], int] = field(default_factory=dict)
    """Which HTTP status each error of the service's models has."""
    snapshots: Sequence[Snapshots | Repetition] = ()
    derived: Sequence[Derived] = ()
    """What is derived again when a newer edition of the time zone database is installed, in this order."""
    erase: Erase | None = None
    """Deletes what the service keeps of others' making about a holder; its owner has a way of its own."""
    left_to_erase: LeftToErase | None = None
    """What an erasure has yet to remove after its commit."""
