"""Training sessions, prices and what is to be done, in the database."""

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from licet_certifications.programmes import store as programmes
from licet_certifications.training.model import Courses, Money, Price, Session
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries, load_templates

if TYPE_CHECKING:
    import asyncpg

QUERIES = load_queries(__package__ or "")
TEMPLATES = load_templates(__package__ or "")

MOST_SESSIONS = 20_000
"""Sessions that one question about demand looks at."""
MOST_PRICES = 10_000


async def lock_session(conn: Connection, external_id: str) -> Session | None:
    """Return a session and hold it until the transaction ends; `None` if there is none."""
    row = await conn.fetchrow(QUERIES["lock_session"], external_id)
    return None if row is None else _session(row)


async def read_session(conn: Connection, external_id: str) -> Session:
    """Return a session; raises `NotFound`."""
    row = await conn.fetchrow(QUERIES["read_session"], external_id)
    if row is None:
        raise NotFound(f"There is no training session {external_id}.")
    return _session(row)


async def save_session(conn: Connection, session: Session) -> None:
    """Write a session as it is now."""
    price = session.price
    await conn.execute(
        QUERIES["save_session"], session.external_id, session.version, session.programme, session.component,
        session.location, session.starts_at, session.seats, session.booked,
        None if price is None else price.amount, None if price is None else price.currency,
        session.updated_at,
    )  # fmt: skip


async def delete_session(conn: Connection, external_id: str) -> None:
    """Forget a session."""
    await conn.execute(QUERIES["delete_session"], external_id)


async def list_sessions(
    conn: Connection,
    *,
    after: tuple[datetime, str] | None,
    limit: int,
    programme: str | None = None,
    component: str | None = None,
    location: str | None = None,
    start: datetime | None = None,
) -> list[Session]:
    """Return a page of sessions, in the order in which they begin."""
    given = {
        "after_start": None if after is None else after[0],
        "after": None if after is None else after[1],
        "limit": limit,
        "programme": programme,
        "component": component,
        "location": location,
        "start": start,
    }
    return [_session(row) for row in await TEMPLATES["list_sessions"].fetch(conn, given)]


async def read_sessions_within(conn: Connection, start: datetime, end: datetime) -> list[Session]:
    """Return the sessions that begin in [start, end), in order, `MOST_SESSIONS` at most."""
    rows = await conn.fetch(QUERIES["read_sessions_within"], start, end, MOST_SESSIONS)
    return [_session(row) for row in rows]


async def lock_price(conn: Connection, programme: str, component: str) -> Price | None:
    """Return the price of a component and hold it until the transaction ends; `None` if there is none."""
    row = await conn.fetchrow(QUERIES["lock_price"], programme, component)
    return None if row is None else _price(row)


async def save_price(conn: Connection, price: Price) -> None:
    """Write the price of a component as it is now."""
    await conn.execute(
        QUERIES["save_price"], price.programme, price.component, price.version, price.price.amount,
        price.price.currency, price.updated_at,
    )  # fmt: skip


async def list_prices(conn: Connection, after: tuple[str, str] | None, limit: int) -> list[Price]:
    """Return a page of prices, in the order of programmes and components."""
    programme, component = after or ("", "")
    return [_price(row) for row in await conn.fetch(QUERIES["list_prices"], programme, component, limit)]


async def read_prices(conn: Connection) -> dict[tuple[str, str], Money]:
    """Return the prices by programme and component."""
    return {(one.programme, one.component): one.price for one in await list_prices(conn, None, MOST_PRICES)}


async def read_courses(conn: Connection) -> Courses:
    """Return what the programmes that can be entered ask for, and what they lead to."""
    definitions = {one.programme: one.definition for one in await programmes.all_newest_published(conn)}
    issued = {
        row["code"]: row["credential_type"] for row in await conn.fetch(QUERIES["read_programme_types"])
    }
    issued |= {code: one.credential_type for code, one in definitions.items() if one.credential_type}
    leading_to: dict[str, list[str]] = {}
    for code in sorted(issued):
        leading_to.setdefault(issued[code], []).append(code)
    return Courses(definitions, leading_to)


async def read_open_work(
    conn: Connection, holder_ids: Collection[UUID]
) -> dict[UUID, dict[str, Mapping[str, bool]]]:
    """Return, by holder and programme, whether each required component of an open enrolment is to be done."""
    found: dict[UUID, dict[str, Mapping[str, bool]]] = {}
    for row in await conn.fetch(QUERIES["read_open_work"], sorted(holder_ids)):
        found.setdefault(row["holder_id"], {})[row["programme"]] = {
            one["code"]: one["status"] != "completed"
            for one in json.loads(row["components"] or "[]")
            if one.get("required", True)
        }
    return found


def _session(row: "asyncpg.Record") -> Session:
    price = None if row["price"] is None else Money(row["price"], row["currency"])
    return Session(
        row["external_id"], row["version"], row["programme"], row["component"], row["location"],
        row["starts_at"], row["seats"], row["booked"], price, row["updated_at"],
    )  # fmt: skip


def _price(row: "asyncpg.Record") -> Price:
    money = Money(row["price"], row["currency"])
    return Price(row["programme"], row["component"], row["version"], money, row["updated_at"])
