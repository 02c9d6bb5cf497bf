"""Locations and teams in the database: one way for both, on a table each."""

from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries
from licet_credentials.places.model import Kind, PlaceT, StateT
from licet_credentials.rows import Row, fields_of, jsonb

QUERIES = load_queries(__package__ or "")


async def lock_place(conn: Connection, kind: Kind[PlaceT, StateT], code: str) -> PlaceT | None:
    """Return the place and hold its code until the transaction ends, whether it exists or not."""
    await conn.execute(QUERIES["reserve_place"], f"{kind.name}/{code}")
    row = await conn.fetchrow(QUERIES[f"lock_{kind.name}"], code)
    return None if row is None else _place_of(kind, row)


async def save_place(conn: Connection, kind: Kind[PlaceT, StateT], place: PlaceT) -> None:
    """Write a place."""
    said = {name: getattr(place, name) for name in kind.made.__dataclass_fields__}
    await conn.execute(QUERIES[f"save_{kind.name}"], jsonb(said))


async def read_place(conn: Connection, kind: Kind[PlaceT, StateT], code: str) -> PlaceT:
    """Return a place; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES[f"read_{kind.name}"], code)
    if row is None:
        raise NotFound(f"There is no {kind.name} {code}.")
    return _place_of(kind, row)


async def list_places(
    conn: Connection, kind: Kind[PlaceT, StateT], after: str | None, limit: int
) -> list[PlaceT]:
    """Return places by code, after `after`."""
    return [_place_of(kind, row) for row in await conn.fetch(QUERIES[f"list_{kind.name}s"], after, limit)]


async def lock_places_after(
    conn: Connection, after: str | None, limit: int, *, kind: Kind[PlaceT, StateT]
) -> list[PlaceT]:
    """Return places by code, after `after`, held until the transaction ends."""
    rows = await conn.fetch(QUERIES[f"lock_{kind.name}s_after"], after, limit)
    return [_place_of(kind, row) for row in rows]


async def lock_supervised_by(conn: Connection, kind: Kind[PlaceT, StateT], holder_id: UUID) -> list[PlaceT]:
    """Return the places that a holder supervises, by code, held until the transaction ends."""
    rows = await conn.fetch(QUERIES[f"lock_{kind.name}s_supervised_by"], holder_id)
    return [_place_of(kind, row) for row in rows]


def _place_of(kind: Kind[PlaceT, StateT], row: Row) -> PlaceT:
    return kind.made(**fields_of(kind.made, row) | {"supervisor_ids": tuple(row["supervisor_ids"])})
