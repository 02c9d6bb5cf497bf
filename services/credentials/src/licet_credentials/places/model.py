"""Locations and teams: two kinds of place, with supervisors and a fallback address."""

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
    """A location or a team that holders belong to."""

    code: str
    version: int
    name: str
    supervisor_ids: tuple[UUID, ...]
    """Ids of holders, without duplicates."""
    fallback_email: str | None
    """A functional address, not that of a person."""
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Location(Place):
    """A place of work. Terms that are recorded for its holders get its zone by default."""

    time_zone: str | None
    country: str | None
    subdivision: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Team(Place):
    """A group of holders who work together."""


PlaceT = TypeVar("PlaceT", bound=Place)
StateT = TypeVar("StateT", LocationState, TeamState)


@dataclass(frozen=True, slots=True)
class Kind(Generic[PlaceT, StateT]):
    """A kind of place: its dataclass, its state in the contract, and its events."""

    name: str
    """Name in paths, queries and events."""
    build: type[PlaceT]
    state: type[StateT]
    changed: Callable[..., EventData]
    snapshot: Callable[..., EventData]

    def state_of(self, place: PlaceT) -> StateT:
        """Return the state that events carry."""
        return self.state.model_validate(place, from_attributes=True)

    def changed_event(self, place: PlaceT) -> EventData:
        """Return the event of a changed place."""
        return self.changed(**{self.name: self.state_of(place)})

    def snapshot_event(self, place: PlaceT) -> EventData:
        """Return the snapshot event of a place."""
        return self.snapshot(**{self.name: self.state_of(place)})


LOCATION = Kind("location", Location, LocationState, LocationChanged, LocationSnapshot)
TEAM = Kind("team", Team, TeamState, TeamChanged, TeamSnapshot)
KINDS: tuple[Kind[Any, Any], ...] = (LOCATION, TEAM)
