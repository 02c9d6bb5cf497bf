"""A list as CSV: all of it, in the form that programs read, harmless to spreadsheets."""

import csv
import io
from datetime import UTC, date, datetime
from enum import StrEnum
from uuid import UUID

import httpx
import pytest
from fastapi import APIRouter
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.auth import requires
from licet_chassis.http.csv import CSV_TOO, Table, csv_of, listed, neutral, prefers_csv
from licet_chassis.http.paging import MOST, Page, PageQuery, PageRequest, page_of
from support.edge.issuer import Issuer
from support.edge.service import client_of, edge_app


class Colour(StrEnum):
    RED = "red"


class Inner(BaseModel):
    """A model within."""

    on: date | None
    note: str


class Item(BaseModel):
    """What a list shows."""

    id: UUID
    number: int
    text: str | None
    colour: Colour = Colour.RED
    active: bool = True
    at: datetime = datetime(2026, 1, 2, 3, tzinfo=UTC)
    inner: Inner
    maybe: Inner | None = None
    tags: list[str] = []
    attributes: dict[str, object] = {}


def item(number: int, **more: object) -> Item:
    return Item.model_validate(
        {
            "id": UUID(int=abs(number)),
            "number": number,
            "text": f"row {number}",
            "inner": Inner(on=None, note="n"),
        }
        | more
    )


ITEMS = [
    item(-1, text='=1+1 said "Ana"\r\nand left', tags=["@a", "b"], attributes={"class": "-C", "n": -7}),
    item(2, text=None, active=False, maybe=Inner(on=date(2026, 3, 1), note="x;=2")),
    *(item(number) for number in range(3, 2 * MOST + 2)),
]
router = APIRouter(prefix="/v1", dependencies=[requires("credentials:read")])


@router.get("/items", response_model=Page[Item], responses=CSV_TOO)
async def items(request: Request, page: PageQuery, broken: bool = False) -> Response:
    async def read(wanted: PageRequest) -> Page[Item]:
        after = wanted.after(int)
        if broken and after is not None:
            raise RuntimeError("the database is gone")
        begin = 0 if after is None else after
        rows = list(enumerate(ITEMS))[begin : begin + wanted.limit + 1]
        return page_of(rows, wanted.limit, lambda row: row[0] + 1, lambda row: row[1])

    return await listed(request, page, read, Item)


@router.get("/lines", response_model=Page[Item], responses=CSV_TOO)
async def lines(request: Request, page: PageQuery) -> Response:
    async def read(wanted: PageRequest) -> Page[Item]:
        raise AssertionError

    async def cells(cursor: str | None) -> tuple[list[list[object]], str | None]:
        return ([["a", 1]], "more") if cursor is None else ([["b", None]], None)

    return await listed(request, page, read, Item, table=Table(("letter", "number"), cells))


@pytest.fixture(scope="module")
def issuer() -> Issuer:
    return Issuer()


CSV = {"Accept": "text/csv"}


async def fetched(issuer: Issuer, path: str, headers: dict[str, str] = CSV) -> httpx.Response:
    async with client_of(edge_app(issuer, router), issuer.token()) as client:
        return await client.get(path, headers=headers)


async def test_every_row_is_there_whatever_the_limit_with_a_column_for_each_field(issuer: Issuer) -> None:
    answer = await fetched(issuer, "/v1/items?limit=1")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/csv; header=present; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="items.csv"'
    assert answer.headers["vary"] == "Accept"
    rows = list(csv.DictReader(io.StringIO(answer.text, newline="")))
    assert [row["number"] for row in rows] == [str(each.number) for each in ITEMS]
    assert list(rows[0]) == [
        "id", "number", "text", "colour", "active", "at", "inner.on", "inner.note", "maybe.on", "maybe.note",
        "tags", "attributes",
    ]  # fmt: skip
    assert rows[0] == {
        "id": str(UUID(int=1)), "number": "-1",
        "text": "'=1+1 said \"Ana\"\r\nand left", "colour": "red", "active": "true",
        "at": "2026-01-02T03:00:00Z", "inner.on": "", "inner.note": "n", "maybe.on": "", "maybe.note": "",
        "tags": '["\'@a","b"]', "attributes": '{"class":"\'-C","n":-7}',
    }  # fmt: skip
    assert (rows[1]["text"], rows[1]["active"]) == ("", "false")
    assert (rows[1]["maybe.on"], rows[1]["maybe.note"]) == ("2026-03-01", "x;'=2")


async def test_a_list_may_bring_its_own_reader_of_rows(issuer: Issuer) -> None:
    assert (await fetched(issuer, "/v1/lines")).text == "letter,number\r\na,1\r\nb,\r\n"


async def test_a_byte_order_mark_comes_first_on_request(issuer: Issuer) -> None:
    plain = (await fetched(issuer, "/v1/items")).content
    assert (await fetched(issuer, "/v1/items?bom=true")).content == b"\xef\xbb\xbf" + plain
    assert (await fetched(issuer, "/v1/lines?bom=true")).content[:3] == b"\xef\xbb\xbf"


async def test_a_cursor_begins_after_it(issuer: Issuer) -> None:
    page = (await fetched(issuer, "/v1/items?limit=500", {})).json()
    rows = (await fetched(issuer, f"/v1/items?cursor={page['next_cursor']}")).text.splitlines()
    assert len(rows) - 1 == len(ITEMS) - 500


async def test_a_failure_before_the_first_row_is_a_problem(issuer: Issuer) -> None:
    answer = await fetched(issuer, "/v1/items?cursor=AAAA")
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_failure_after_the_first_row_breaks_the_answer_off(issuer: Issuer) -> None:
    with pytest.raises(RuntimeError, match="gone"):
        await fetched(issuer, "/v1/items?broken=true")


async def test_without_csv_in_accept_the_answer_is_a_page(issuer: Issuer) -> None:
    answer = await fetched(issuer, "/v1/items?limit=2", {"Accept": "*/*"})
    assert len(answer.json()["items"]) == 2
    assert answer.headers["vary"] == "Accept"
    assert answer.headers["content-type"] == "application/json"


@pytest.mark.parametrize(
    ("accept", "csv_wanted"),
    [
        ("", False), ("*/*", False), ("application/json", False), ("text/csv", True), ("TEXT/CSV", True),
        ("text/csv;q=0.9, */*;q=0.1", True), ("text/csv, */*", True), ("text/csv, application/json", False),
        ("application/json;q=0.5, text/csv", True), ("text/*", True), ("text/csv;q=0", False),
        ("text/html,application/xhtml+xml,*/*;q=0.8", False), ("text/csv;q=x", False),
        ("text/csv; charset=utf-8; q=0.7, application/json;q=0.8", False),
    ],
)  # fmt: skip
def test_csv_is_sent_where_accept_prefers_it_to_json(accept: str, csv_wanted: bool) -> None:
    assert prefers_csv(accept) is csv_wanted


async def test_openapi_shows_both_forms(issuer: Issuer) -> None:
    document = edge_app(issuer, router).openapi()
    content = document["paths"]["/v1/items"]["get"]["responses"]["200"]["content"]
    assert set(content) == {"application/json", "text/csv"}


@pytest.mark.parametrize(
    "text",
    ["=1+1", "+1", "-1", "@sum(a1)", "\t=1", "\r=1", "\n=1", "\tx", " =1", '"=1', "＝1", "＋1", "－1", "＠a",  # noqa: RUF001
     "a;=1", "a,=1", "a\t=1", "a\r\n=1", "a|=1", 'a;"=1', "a ; =1", "=cmd|' /C calc'!A0"],
)  # fmt: skip
def test_what_a_spreadsheet_would_take_for_a_formula_is_neutralised(text: str) -> None:
    assert neutral(text) != text


@pytest.mark.parametrize("text", ["", "Ana", "A-1", "a@b.test", "1+1", "2026-01-01", "a = b", "'=1", "e=mc2"])
def test_other_text_stays_as_it_is(text: str) -> None:
    assert neutral(text) == text


DANGEROUS = "=+-@＝＋－＠"  # noqa: RUF001
TEXT = st.text(alphabet=st.sampled_from(DANGEROUS + " \t\r\n;,|\"'aß1"), max_size=12)


@given(st.lists(TEXT, min_size=1, max_size=4))
def test_no_cell_begins_a_formula_whatever_separates_cells(row: list[str]) -> None:
    line = csv_of([["id", *row]]).decode()
    for delimiter in ",;\t|":
        for cells in csv.reader(io.StringIO(line, newline=""), delimiter=delimiter):
            for cell in cells:
                assert cell.lstrip(' \t\r\n"')[:1] not in set(DANGEROUS), (delimiter, line)


@given(st.lists(st.lists(st.text(), min_size=2, max_size=4), min_size=1, max_size=4))
def test_what_is_read_back_is_what_was_shown(rows: list[list[str]]) -> None:
    text = csv_of(rows).decode(errors="strict")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [[neutral(cell) for cell in row] for row in rows]
