"""What locations and teams are: both are kinds of place, with supervisors and a fallback address."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

from licet_events import EventData
from licet_events.catalogue import (
    LocationChanged,
    LocationSnapshot,
    LocationState,
    TeamChanged,
    TeamSnapshot,
    TeamState,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where somebody belongs."""

    code: str
    version: int
    name: str
    supervisor_ids: tuple[UUID, ...]
    """Holders, each once."""
    fallback_email: str | None
    """An address of a function, not of a person."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Place):
    """A place where work is done. Its zone is that of the terms recorded for its holders."""

    time_zone: str | None
    country: str | None
    subdivision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team(Place):
    """People who work together."""


PlaceT = TypeVar("PlaceT", bound=Place)
StateT = TypeVar("StateT", LocationState, TeamState)


@dataclass(frozen=True, slots=True)
class Kind(Generic[PlaceT, StateT]):
    """What one kind of place has of its own: what it is made of, and how it is told."""

    name: str
    """As paths, statements and events call it."""
    made: type[PlaceT]
    state: type[StateT]
    changed: Callable[..., EventData]
    snapshot: Callable[..., EventData]

    def state_of(self, place: PlaceT) -> StateT:
        """Return the place as the contract tells it."""
        return self.state.model_validate(place, from_attributes=True)

    def changed_event(self, place: PlaceT) -> EventData:
        """Return the event that tells its state after a change."""
        return self.changed(**{self.name: self.state_of(place)})

    def snapshot_event(self, place: PlaceT) -> EventData:
        """Return the event that tells its state again."""
        return self.snapshot(**{self.name: self.state_of(place)})


LOCATION = Kind("location", Location, LocationState, LocationChanged, LocationSnapshot)
TEAM = Kind("team", Team, TeamState, TeamChanged, TeamSnapshot)
KINDS: tuple[Kind[Any, Any], ...] = (LOCATION, TEAM)
