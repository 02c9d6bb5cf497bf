"""SQL of locations and teams, one table each."""

from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries
from licet_credentials.places.model import Kind, PlaceT, StateT
from licet_credentials.rows import Row, fields_of, jsonb
from licet_events.sameness import folded_code

QUERIES = load_queries(__package__ or "")


async def lock_place(conn: Connection, kind: Kind[PlaceT, StateT], code: str) -> PlaceT | None:
    """Lock the code in whatever case, whether the place exists or not, and return the place."""
    await conn.execute(QUERIES["reserve_place"], f"{kind.name}/{folded_code(code)}")
    row = await conn.fetchrow(QUERIES[f"lock_{kind.name}"], code)
    return None if row is None else _place_of(kind, row)


async def save_place(conn: Connection, kind: Kind[PlaceT, StateT], place: PlaceT) -> None:
    fields = {name: getattr(place, name) for name in kind.build.__dataclass_fields__}
    await conn.execute(QUERIES[f"save_{kind.name}"], jsonb(fields))


async def read_place(conn: Connection, kind: Kind[PlaceT, StateT], code: str) -> PlaceT:
    """Return a place; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES[f"read_{kind.name}"], code)
    if row is None:
        raise NotFound(f"There is no {kind.name} {code}.")
    return _place_of(kind, row)


async def list_places(
    conn: Connection, kind: Kind[PlaceT, StateT], after: str | None, limit: int
) -> list[PlaceT]:
    return [_place_of(kind, row) for row in await conn.fetch(QUERIES[f"list_{kind.name}s"], after, limit)]


async def lock_places_after(
    conn: Connection, after: str | None, limit: int, *, kind: Kind[PlaceT, StateT]
) -> list[PlaceT]:
    rows = await conn.fetch(QUERIES[f"lock_{kind.name}s_after"], after, limit)
    return [_place_of(kind, row) for row in rows]


async def lock_supervised_by(conn: Connection, kind: Kind[PlaceT, StateT], holder_id: UUID) -> list[PlaceT]:
    rows = await conn.fetch(QUERIES[f"lock_{kind.name}s_supervised_by"], holder_id)
    return [_place_of(kind, row) for row in rows]


def _place_of(kind: Kind[PlaceT, StateT], row: Row) -> PlaceT:
    return kind.build(**fields_of(kind.build, row) | {"supervisor_ids": tuple(row["supervisor_ids"])})
