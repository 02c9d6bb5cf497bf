"""Locations and teams in the database."""

from typing import Any

import asyncpg

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.errors import NotFound
from licet_credentials.places.model import Location, Team
from licet_credentials.rows import Row

QUERIES = load_queries(__package__ or "")


async def lock_location(conn: Connection, code: str) -> Location | None:
    """Return the location and hold its code until the transaction ends, whether it exists or not."""
    await conn.execute(QUERIES["reserve_place"], f"location/{code}")
    row = await conn.fetchrow(QUERIES["lock_location"], code)
    return None if row is None else location_of(row)


async def save_location(conn: Connection, location: Location) -> None:
    """Write a location."""
    await conn.execute(
        QUERIES["save_location"],
        *_of_any_place(location),
        location.time_zone,
        location.country,
        location.subdivision,
    )


async def read_location(conn: Connection, code: str) -> Location:
    """Return a location; raises `NotFound`."""
    return location_of(_found(await conn.fetchrow(QUERIES["read_location"], code), "location", code))


async def lock_locations_after(conn: Connection, after: str | None, limit: int) -> list[Location]:
    """Return locations by code, after `after`, held until the transaction ends."""
    return [location_of(row) for row in await conn.fetch(QUERIES["lock_locations_after"], after, limit)]


async def list_locations(conn: Connection, after: str | None, limit: int) -> list[Location]:
    """Return locations by code, after `after`."""
    return [location_of(row) for row in await conn.fetch(QUERIES["list_locations"], after, limit)]


async def lock_team(conn: Connection, code: str) -> Team | None:
    """Return the team and hold its code until the transaction ends, whether it exists or not."""
    await conn.execute(QUERIES["reserve_place"], f"team/{code}")
    row = await conn.fetchrow(QUERIES["lock_team"], code)
    return None if row is None else team_of(row)


async def save_team(conn: Connection, team: Team) -> None:
    """Write a team."""
    await conn.execute(QUERIES["save_team"], *_of_any_place(team))


async def read_team(conn: Connection, code: str) -> Team:
    """Return a team; raises `NotFound`."""
    return team_of(_found(await conn.fetchrow(QUERIES["read_team"], code), "team", code))


async def lock_teams_after(conn: Connection, after: str | None, limit: int) -> list[Team]:
    """Return teams by code, after `after`, held until the transaction ends."""
    return [team_of(row) for row in await conn.fetch(QUERIES["lock_teams_after"], after, limit)]


async def list_teams(conn: Connection, after: str | None, limit: int) -> list[Team]:
    """Return teams by code, after `after`."""
    return [team_of(row) for row in await conn.fetch(QUERIES["list_teams"], after, limit)]


def _of_any_place(place: Location | Team) -> tuple[Any, ...]:
    return (
        place.code,
        place.version,
        place.name,
        list(place.supervisor_ids),
        place.fallback_email,
        place.created_at,
        place.updated_at,
    )


def _found(row: asyncpg.Record | None, kind: str, code: str) -> asyncpg.Record:
    if row is None:
        raise NotFound(f"There is no {kind} {code}.")
    return row


def location_of(row: Row) -> Location:
    """Return the location that a row is."""
    return Location(**{**row, "supervisor_ids": tuple(row["supervisor_ids"])})


def team_of(row: Row) -> Team:
    """Return the team that a row is."""
    return Team(**{**row, "supervisor_ids": tuple(row["supervisor_ids"])})
