"""Pages follow one another by key, and a cursor that is none is refused."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from uuid import UUID

import pytest
from fastapi import APIRouter
from hypothesis import given
from hypothesis import strategies as st

from licet_chassis.http.auth import requires
from licet_chassis.http.paging import Page, PageQuery, PageRequest, cursor_after, page_of
from licet_chassis.http.problems import BadRequest
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app


@dataclass(frozen=True)
class Row:
    on: date
    id: UUID


ROWS = [Row(date(2026, 1, 1) + timedelta(days=n // 3), UUID(int=n)) for n in range(11)]
router = APIRouter(prefix="/v1", dependencies=[requires("credentials:read")])


@router.get("/rows")
async def list_rows(page: PageQuery) -> Page[str]:
    after = page.after(tuple[date, UUID])
    later = [row for row in ROWS if after is None or (row.on, row.id) > after]
    return page_of(later[: page.limit + 1], page.limit, lambda row: (row.on, row.id), lambda row: str(row.id))


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 11, 12, 500])
async def test_pages_show_every_row_once_in_order(issuer: Issuer, limit: int) -> None:
    seen: list[str] = []
    cursor = None
    async with client_of(edge_app(issuer, router), issuer.token()) as client:
        while True:
            query = {"limit": limit} | ({} if cursor is None else {"cursor": cursor})
            page = (await client.get("/v1/rows", params=query)).json()
            assert 0 < len(page["items"]) <= limit
            seen += page["items"]
            cursor = page["next_cursor"]
            if cursor is None:
                break
    assert seen == [str(row.id) for row in ROWS]


@pytest.mark.parametrize(
    "cursor",
    ["", "!", "AAAA", "W10", "bnVsbA", cursor_after(("2026-01-01",)), cursor_after(("no day", 1)),
     cursor_after({"on": 1}), cursor_after((date(2026, 1, 1), "x")), "é", "W" * 100],
)  # fmt: skip
async def test_cursor_of_no_such_list_is_400(issuer: Issuer, cursor: str) -> None:
    async with client_of(edge_app(issuer, router), issuer.token()) as client:
        answer = await client.get("/v1/rows", params={"cursor": cursor})
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["parameter"] == "cursor"


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=-1", "limit=x", "limit=", "cursor=" + "a" * 3000]
)
async def test_limit_and_cursor_have_bounds(issuer: Issuer, query: str) -> None:
    async with client_of(edge_app(issuer, router), issuer.token()) as client:
        assert (await client.get(f"/v1/rows?{query}")).status_code == 422


KEYS = st.tuples(
    st.dates(),
    st.datetimes(timezones=st.just(UTC)),
    st.uuids(),
    st.text(max_size=20),
    st.integers(-(2**63), 2**63),
)


@given(KEYS)
def test_cursor_gives_back_the_key_it_was_made_of(key: tuple[date, datetime, UUID, str, int]) -> None:
    cursor = cursor_after(key)
    assert cursor.isascii()
    assert PageRequest(cursor=cursor).after(tuple[date, datetime, UUID, str, int]) == key


@given(st.text(max_size=60))
def test_no_text_as_a_cursor_is_more_than_a_400(text: str) -> None:
    with suppress(BadRequest):
        PageRequest(cursor=text).after(tuple[date, UUID])
