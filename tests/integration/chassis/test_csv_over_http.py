"""A CSV export that breaks off on a real server: whoever reads it knows, and the connection is given back."""

import csv
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.database import Database
from licet_chassis.http.auth import requires
from licet_chassis.http.csv import listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.serving import serving
from support.edge.issuer import Issuer
from support.edge.server import served
from support.edge.service import edge_app

WHOLE = 3_000
router = APIRouter(dependencies=[requires("credentials:read")])


class Item(BaseModel):
    number: int
    text: str


@router.get("/items", response_model=Page[Item])
async def items(request: Request, page: PageQuery, until: int = WHOLE) -> Response:
    """Items from the database; the one after `until` can't be read."""
    database = serving(request).database

    async def read(wanted: PageRequest) -> Page[Item]:
        request.app.state.pages.append(wanted.cursor)
        after = wanted.after(int) or 0
        async with database.listing() as conn:
            rows = await conn.fetch(
                "select n, case when n > $3 then 1 / (n - n) end, repeat('x', 4000) as text"
                " from generate_series($1::int + 1, least($1::int + $2::int + 1, $4)) as n",
                after, wanted.limit, until, WHOLE,
            )  # fmt: skip
        return page_of(
            rows, wanted.limit, lambda row: row["n"], lambda row: Item(number=row["n"], text=row["text"])
        )

    return await listed(request, page, read, Item)


@pytest.fixture
async def export(database: Database) -> AsyncIterator[tuple[httpx.AsyncClient, list[Any]]]:
    """A client that asks for CSV, and the cursors of the pages that were read."""
    issuer = Issuer()
    app = edge_app(issuer, router, database=database)
    app.state.pages = []
    headers = {"Accept": "text/csv", "Authorization": f"Bearer {issuer.token()}"}
    async with served(app) as url, httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as client:
        yield client, app.state.pages


async def test_a_whole_export_is_complete(export) -> None:
    client, _ = export
    answer = await client.get("/items")
    assert [int(row["number"]) for row in csv.DictReader(answer.text.splitlines())] == [*range(1, WHOLE + 1)]


async def test_an_export_that_fails_in_the_middle_is_seen_as_incomplete(export, database) -> None:
    client, pages = export
    got = 0
    with pytest.raises(httpx.RemoteProtocolError, match="incomplete chunked read"):  # noqa: PT012  # it streams
        async with client.stream("GET", "/items", params={"until": 1_200}) as answer:
            assert answer.status_code == 200
            async for piece in answer.aiter_bytes():
                got += len(piece)
    assert got > 1_000 * 4_000
    assert len(pages) == 3
    assert database.pool.get_idle_size() == database.pool.get_size()


async def test_an_abandoned_export_stops_reading_the_database(export, database) -> None:
    client, pages = export
    async with client.stream("GET", "/items", params={"until": 2_900}) as answer:
        async for _ in answer.aiter_bytes():
            break
    # Another whole export on the same server comes to its end only when that one has let go.
    assert (await client.get("/items")).status_code == 200
    assert len(pages) < 6 + 6
    assert database.pool.get_idle_size() == database.pool.get_size()
