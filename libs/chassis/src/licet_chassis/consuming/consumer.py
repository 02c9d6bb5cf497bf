"""What a service declares about the events it reads."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from licet_chassis.database import Transaction
from licet_events import Event, EventData, Topic


class MissingPrerequisite(Exception):
    """An effect needs a state that has not arrived yet; its event is kept as waiting and tried again."""

    def __init__(self, needs: str, reason: str) -> None:
        """`needs` is a key that some projection provides; `reason` a code to give up with."""
        super().__init__(f"waits for {needs}")
        self.needs = needs
        self.reason = reason


class PermanentFailure(Exception):
    """The event can never be handled; it is parked at once, with this message."""


@dataclass(frozen=True)
class Projection:
    """Keeps a copy of somebody else's state.

    `apply` gets the events of a batch, in order for each partition key, and guards by version, so
    that repetitions and replays change nothing. It may be called for the same events again.
    `provides` names what an event brings, for effects that wait for it.
    """

    types: tuple[type[EventData], ...]
    apply: Callable[[Transaction, Sequence[Event[Any]], datetime], Awaitable[None]]
    provides: Callable[[Any], str | None] = lambda data: None  # noqa: ARG005  # the default provides nothing


@dataclass(frozen=True)
class Effect:
    """Does something once for each event id.

    `handle` runs in a transaction that has already noted the id; it may raise `MissingPrerequisite` or
    `PermanentFailure`. `give_up` is called in its place when the wait has lasted too long.
    """

    types: tuple[type[EventData], ...]
    handle: Callable[[Transaction, Event[Any], datetime], Awaitable[None]]
    give_up: Callable[[Transaction, Event[Any], str, datetime], Awaitable[None]] | None = None


Handler: TypeAlias = Projection | Effect


@dataclass(frozen=True)
class Consumer:
    """A group of readers of some topics.

    Of one batch, projections are applied before effects. A type that no handler names is passed over.
    """

    name: str
    topics: tuple[Topic, ...]
    handlers: tuple[Handler, ...]

    def handler_of(self, model: type[EventData]) -> Handler | None:
        """Return the handler that names the type, or none."""
        return next((handler for handler in self.handlers if model in handler.types), None)
