"""Entering sessions and prices, and working out the demand."""

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import groupby
from uuid import UUID

from licet_certifications.gaps import store as gaps
from licet_certifications.gaps.model import Gap
from licet_certifications.gaps.store import GapQuery
from licet_certifications.programmes import store as programmes
from licet_certifications.training import store
from licet_certifications.training.model import Courses, Demand, Money, Need, Price, Session
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, NotFound, require_version


async def put_session(
    tx: Transaction, session: Session, *, expected_version: int | None
) -> tuple[Session, bool]:
    """Write a session, and return it and whether it is new; the same again changes nothing.

    Raises `Invalid` for a programme or component that there is not, and `StaleVersion`.
    """
    await _require_component(tx.conn, session.programme, session.component)
    before = await store.lock_session(tx.conn, session.external_id)
    if before is not None:
        require_version(expected_version, before.version)
        if replace(session, version=before.version, updated_at=before.updated_at) == before:
            return before, False
        session = replace(session, version=before.version + 1)
    await store.save_session(tx.conn, session)
    return session, before is None


async def delete_session(tx: Transaction, external_id: str, *, expected_version: int | None) -> None:
    """Forget a session; raises `NotFound` and `StaleVersion`."""
    before = await store.lock_session(tx.conn, external_id)
    if before is None:
        raise NotFound(f"There is no training session {external_id}.")
    require_version(expected_version, before.version)
    await store.delete_session(tx.conn, external_id)


async def put_price(
    tx: Transaction,
    programme: str,
    component: str,
    money: Money,
    *,
    expected_version: int | None,
    now: datetime,
) -> tuple[Price, bool]:
    """Write what a seat costs, and return it and whether it is new; raises `NotFound` and `StaleVersion`."""
    try:
        await _require_component(tx.conn, programme, component)
    except Invalid as unknown:
        raise NotFound(unknown.detail) from None
    before = await store.lock_price(tx.conn, programme, component)
    if before is not None:
        require_version(expected_version, before.version)
        if before.price == money:
            return before, False
    price = Price(programme, component, 1 if before is None else before.version + 1, money, now)
    await store.save_price(tx.conn, price)
    return price, before is None


async def read_demand(conn: Connection, query: GapQuery, time_zone: str) -> Demand:
    """Return the demand of the holders whom a query finds."""
    end = end_of(query)
    demand = Demand(
        query.start,
        end,
        time_zone,
        await store.read_sessions_within(conn, query.start, end),
        await store.read_prices(conn),
    )
    courses = await store.read_courses(conn)
    async with aclosing(gaps.read_gaps(conn, query)) as chunks:
        async for chunk in chunks:
            demand.add(await _needs(conn, courses, chunk))
    return demand


async def read_needs(
    conn: Connection,
    query: GapQuery,
    wanted: Callable[[Need], bool],
    after: tuple[UUID, str, str] | None,
    limit: int,
) -> list[Need]:
    """Return a page of needs in the order of holders, programmes and components."""
    courses = await store.read_courses(conn)
    found: list[Need] = []
    if after is not None:
        left = await _needs(conn, courses, await gaps.read_gaps_of(conn, query, after[0]))
        found = [need for need in left if (need.programme, need.component) > after[1:] and wanted(need)]
    chunks: AsyncGenerator[list[Gap], None] = gaps.read_gaps(conn, query, after=after and after[0], chunk=500)
    async with aclosing(chunks):
        async for chunk in chunks:
            found += filter(wanted, await _needs(conn, courses, chunk))
            if len(found) >= limit:
                break
    return found[:limit]


def end_of(query: GapQuery) -> datetime:
    """Return when the window ends."""
    return query.start + timedelta(days=query.within_days)


async def _needs(conn: Connection, courses: Courses, chunk: list[Gap]) -> list[Need]:
    work = await store.read_open_work(conn, {gap.holder_id for gap in chunk})
    return [
        need
        for holder_id, several in groupby(chunk, key=lambda gap: gap.holder_id)
        for need in courses.needs_of(several, work.get(holder_id, {}))
    ]


async def _require_component(conn: Connection, programme: str, component: str) -> None:
    version = (await programmes.newest_of(conn, [programme])).get(programme)
    if version is None:
        raise Invalid(f"There is no published programme {programme}.", pointer="/programme")
    paths = [version.definition.path(recertification=renewal)[0] for renewal in (False, True)]
    codes = sorted({one.code for path in paths for one in path})
    if component not in codes:
        raise Invalid(
            f"Programme {programme} has no component {component}; it has {', '.join(codes)}.",
            pointer="/component",
        )
