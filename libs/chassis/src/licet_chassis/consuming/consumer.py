"""A service's declaration of the events that it reads, and what handles them."""

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
    """The event can never be handled; it is parked at once, with this message as the reason."""


@dataclass(frozen=True)
class Projection:
    """Keeps a copy of another service's state.

    `apply` gets the events of a batch, in order for each partition key, and compares versions, so that
    repetitions and replays change nothing. `provides` names what an event brings, for effects that wait
    for it.
    """

    types: tuple[type[EventData], ...]
    apply: Callable[[Transaction, Sequence[Event[Any]], datetime], Awaitable[None]]
    provides: Callable[[Any], str | None] = lambda data: None  # noqa: ARG005  # the default provides nothing


@dataclass(frozen=True)
class Effect:
    """Does something once for each event id.

    `handle` runs in a transaction that has already noted the id in the inbox; it may raise
    `MissingPrerequisite` or `PermanentFailure`. `give_up` replaces it once the event has waited too long.
    """

    types: tuple[type[EventData], ...]
    handle: Callable[[Transaction, Event[Any], datetime], Awaitable[None]]
    give_up: Callable[[Transaction, Event[Any], str, datetime], Awaitable[None]] | None = None


Handler: TypeAlias = Projection | Effect


@dataclass(frozen=True)
class Consumer:
    """A group of readers of some topics.

    Of a batch, projections are applied before effects. A type that no handler names is skipped.
    """

    name: str
    topics: tuple[Topic, ...]
    handlers: tuple[Handler, ...]
    ordered: bool = True
    """Whether a record waits behind an earlier parked one of its key; no, where events say which counts."""

    def handler_of(self, model: type[EventData]) -> Handler | None:
        """Return the handler that names the type, or none."""
        return next((handler for handler in self.handlers if model in handler.types), None)
