"""Lists as CSV (RFC 4180): a list route answers `Accept: text/csv` with all its rows as one file.

The rows are read in pages, each a short read of its own, so that an export of any size holds neither
memory nor a snapshot; like pages, it may or may not show what is entered meanwhile. What fails while
it is sent breaks the connection off: a file that ends well is whole.
"""

import csv
import io
import re
from codecs import BOM_UTF8
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from types import NoneType, UnionType
from typing import Any, TypeAlias, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic_core import to_json
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from licet_chassis.http.paging import MOST, Page, PageRequest

T = TypeVar("T", bound=BaseModel)

Cell: TypeAlias = object
"""The value of a cell: text, a number, a date or instant, `None` if empty; lists and maps as JSON."""

_MEDIA_TYPE = "text/csv"
CSV_TOO: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A page; as `text/csv` all rows in one file, whatever `limit` says",
        "content": {_MEDIA_TYPE: {"schema": {"type": "string"}}},
    }
}
"""The `responses` of a list route: tells OpenAPI that it also answers in CSV."""


@dataclass(frozen=True)
class Table:
    """A list's rows as cells, for a list that can read them cheaper than its items."""

    columns: tuple[str, ...]
    read: Callable[[str | None], Awaitable[tuple[Sequence[Sequence[Cell]], str | None]]]
    """Returns the rows after a cursor, and the cursor after them, `None` at the end."""


async def listed(
    request: Request,
    page: PageRequest,
    read: Callable[[PageRequest], Awaitable[Page[T]]],
    item: type[T],
    *,
    table: Table | None = None,
) -> Response:
    """Answer with the page that is asked for, or, where `Accept` prefers `text/csv`, with the whole list.

    `read` returns a page of `item`s. As CSV an item has a column for each field, and one such as
    `term.expires_on` for each field of a model within it; lists and maps stand in one cell. `limit` is
    ignored then, and a `cursor` begins after it. Raises what `read` raises before anything is sent.
    """
    if not prefers_csv(request.headers.get("accept", "")):
        answer = (await read(page)).model_dump_json(by_alias=True)
        return Response(answer, media_type="application/json", headers={"Vary": "Accept"})
    if table is None:
        table = _table_of(item, read)
    first = await table.read(page.cursor)
    name = request.url.path.rstrip("/").rpartition("/")[2]
    return StreamingResponse(
        _chunks(table, first, bom=page.bom),
        media_type=f"{_MEDIA_TYPE}; header=present",
        headers={"Content-Disposition": f'attachment; filename="{name}.csv"', "Vary": "Accept"},
    )


async def _chunks(
    table: Table, first: tuple[Sequence[Sequence[Cell]], str | None], *, bom: bool
) -> AsyncIterator[bytes]:
    rows, cursor = first
    yield (BOM_UTF8 if bom else b"") + csv_of([table.columns]) + csv_of(rows)
    while cursor is not None:
        rows, cursor = await table.read(cursor)
        yield csv_of(rows)


def csv_of(rows: Sequence[Sequence[Cell]]) -> bytes:
    """Return the rows as lines of CSV in UTF-8, with formulas neutralised."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([_shown(cell) for cell in row] for row in rows)
    return out.getvalue().encode()


# Where a spreadsheet would see a formula begin: at the start of a cell, and behind what another program, or
# the same one in another country, takes for the end of one. The wide forms are taken for the narrow ones.
_FORMULA = re.compile(r"(?:^|[;,\t\r\n|])[\s\"]*(?=[=+\-@＝＋－＠])|^(?=[\t\r\n])")  # noqa: RUF001  # wide forms too
_NEUTRALISED = re.compile(r"((?:^|[;,\t\r\n|])[\s\"]*)'(?=[=+\-@＝＋－＠])|^'(?=[\t\r\n])")  # noqa: RUF001  # wide forms too

_END_OF_CELL = re.compile(r"[;,\t\r\n|]")


def neutral(text: str) -> str:
    """Return the text so that no spreadsheet takes any of it for a formula: with a `'` before what would.

    See OWASP, CSV Injection.
    """
    if text[:1].isalnum() and not _END_OF_CELL.search(text):
        return text  # nearly every cell, and there are many
    return _FORMULA.sub(lambda found: found[0] + "'", text)


def restored(cell: str) -> str:
    """Return the text that `neutral` made the cell from, so that every reader of files can read lists again.

    A text that has a `'` before a formula of its own loses it.
    """
    if "'" not in cell:
        return cell
    return _NEUTRALISED.sub(lambda found: found[1] or "", cell)


def _shown(cell: Cell) -> Cell:
    if cell is None or type(cell) in {int, float}:
        return cell
    if isinstance(cell, str):
        return neutral(cell)
    if isinstance(cell, datetime):
        return cell.isoformat().replace("+00:00", "Z")
    if isinstance(cell, date):
        return cell.isoformat()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return to_json(_neutral_within(cell)).decode() if cell else ""


def _neutral_within(value: object) -> object:
    match value:
        case str():
            return neutral(value)
        case Mapping():
            return {neutral(str(name)): _neutral_within(each) for name, each in value.items()}
        case Sequence():
            return [_neutral_within(each) for each in value]
        case _:
            return value


def _table_of(item: type[T], read: Callable[[PageRequest], Awaitable[Page[T]]]) -> Table:
    paths = list(_paths(item))

    async def rows(cursor: str | None) -> tuple[Sequence[Sequence[Cell]], str | None]:
        page = await read(PageRequest(MOST, cursor))
        shown = [each.model_dump(mode="json", by_alias=True) for each in page.items]
        return [[_at(row, path) for path in paths] for row in shown], page.next_cursor

    return Table(tuple(".".join(path) for path in paths), rows)


def _paths(model: type[BaseModel]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        shown = field.serialization_alias or field.alias or name
        inner = _model_in(field.annotation)
        if inner is None:
            yield (shown,)
        else:
            yield from ((shown, *path) for path in _paths(inner))


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if get_origin(annotation) in {Union, UnionType}:
        others = [each for each in get_args(annotation) if each is not NoneType]
        annotation = others[0] if len(others) == 1 else None
    return annotation if isinstance(annotation, type) and issubclass(annotation, BaseModel) else None


def _at(row: Any, path: tuple[str, ...]) -> Cell:
    for name in path:
        row = None if row is None else row[name]
    return row


def prefers_csv(accept: str) -> bool:
    """Return whether an `Accept` header (RFC 9110) wants CSV rather than JSON; a tie is JSON's."""
    wanted = _rank(accept, _MEDIA_TYPE)
    return wanted[0] > 0 and wanted > _rank(accept, "application/json")


def _rank(accept: str, media_type: str) -> tuple[float, int]:
    """Return the quality that the most specific range gives the media type, and how specific it is."""
    kind = media_type.partition("/")[0]
    specific = {media_type: 2, f"{kind}/*": 1, "*/*": 0}
    found = (-1, 0.0)
    for part in accept.split(","):
        of, *parameters = (each.strip().lower() for each in part.split(";"))
        if of in specific:
            found = max(found, (specific[of], _quality(parameters)))
    return found[1], max(found[0], 0)


_QUALITY = re.compile(r"0(\.[0-9]{0,3})?|1(\.0{0,3})?")  # RFC 9110, section 12.4.2


def _quality(parameters: Sequence[str]) -> float:
    given = [each[2:].strip() for each in parameters if each.startswith("q=")]
    if not given:
        return 1.0
    return float(given[0]) if _QUALITY.fullmatch(given[0]) else 0.0
