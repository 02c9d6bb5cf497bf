"""What locations and teams are."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_events.catalogue import LocationState, TeamState


@dataclass(frozen=True, slots=True)
class Location:
    """A place where work is done. Its zone is that of the terms recorded for its holders."""

    code: str
    version: int
    name: str
    time_zone: str | None
    country: str | None
    subdivision: str | None
    supervisor_ids: tuple[UUID, ...]
    fallback_email: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Team:
    """People who work together."""

    code: str
    version: int
    name: str
    supervisor_ids: tuple[UUID, ...]
    fallback_email: str | None
    created_at: datetime
    updated_at: datetime


def location_state(location: Location) -> LocationState:
    """Return the location as the contract tells it."""
    return LocationState(
        code=location.code,
        version=location.version,
        name=location.name,
        time_zone=location.time_zone,
        country=location.country,
        subdivision=location.subdivision,
        supervisor_ids=location.supervisor_ids,
        fallback_email=location.fallback_email,
        created_at=location.created_at,
        updated_at=location.updated_at,
    )


def team_state(team: Team) -> TeamState:
    """Return the team as the contract tells it."""
    return TeamState(
        code=team.code,
        version=team.version,
        name=team.name,
        supervisor_ids=team.supervisor_ids,
        fallback_email=team.fallback_email,
        created_at=team.created_at,
        updated_at=team.updated_at,
    )
