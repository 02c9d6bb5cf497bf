"""HTTP for finding enrolments."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from licet_certifications.register import store
from licet_certifications.register.bodies import FilterName, SavedFilterIn, filter_query
from licet_certifications.register.model import EnrolmentFilter, SavedFilter, Sort
from licet_certifications.register.store import Position
from licet_certifications.register.views import EnrolmentLine, SavedFilterOut, StatusCounts
from licet_certifications.visibility import Visibility
from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, Table, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, cursor_after, page_of
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events.event import Instant
from licet_events.ids import uuid7

router = APIRouter(prefix="/v1/enrolments", tags=["enrolments"])

Reader = Annotated[Principal, requires("certifications:read")]
Name = Annotated[FilterName, Path(description="A name of your choice, without regard to case")]

_LINES_AT_ONCE = 1_000
_CURSORS: dict[str, Any] = {
    "id": tuple[Literal["id"], UUID],
    "expires_at": tuple[Literal["expires_at"], UUID, Instant],
    "completed_at": tuple[Literal["completed_at"], UUID, Instant],
}


async def _wanted(
    request: Request,
    principal: Reader,
    given: Annotated[EnrolmentFilter, Depends(filter_query)],
    saved: Annotated[
        FilterName | None,
        Query(
            alias="filter", description="A kept filter's name; what else is asked takes its conditions' place"
        ),
    ] = None,
) -> EnrolmentFilter:
    if saved is None:
        return given
    async with serving(request).database.reading() as conn:
        return given.over((await store.find_filter(conn, principal.actor, saved)).filter)


Wanted = Annotated[EnrolmentFilter, Depends(_wanted)]


def _cursor(sort: Sort, position: Position) -> str:
    parts: Sequence[object] = (position.id, position.value)
    return cursor_after((sort.key, *(part for part in parts if part is not None)))


@router.get("", response_model=Page[EnrolmentLine], responses=CSV_TOO)
async def list_(
    request: Request,
    principal: Reader,
    wanted: Wanted,
    page: PageQuery,
    sort: Annotated[Sort, Query(description="`-` reverses; `id` is the order of entry")] = Sort.ENTRY,
) -> Response:
    """List enrolments by their present status, those of people whom the token sees."""
    running = serving(request)
    now = running.clock.now()
    sight, zone = Visibility.of(principal), running.settings.default_time_zone

    async def find(conn: Any, asked: PageRequest, limit: int) -> list[Position]:
        key = asked.after(_CURSORS[sort.key])
        return await store.find_enrolments(
            conn,
            wanted,
            now=now,
            time_zone=zone,
            limit=limit,
            sight=sight,
            sort=sort,
            after=None if key is None else Position(*key[1:]),
        )

    async def read(asked: PageRequest) -> Page[EnrolmentLine]:
        async with running.database.listing() as conn:
            found = await find(conn, asked, asked.limit + 1)
            rows = await store.read_lines(conn, found[: asked.limit], now=now)
        more = len(found) > asked.limit
        return Page(
            items=[EnrolmentLine.of(row) for row in rows],
            next_cursor=_cursor(sort, found[asked.limit - 1]) if more else None,
        )

    async def lines(cursor: str | None) -> tuple[Sequence[Sequence[object]], str | None]:
        async with running.database.listing() as conn:
            found = await find(conn, PageRequest(cursor=cursor), _LINES_AT_ONCE)
            rows = await store.read_lines(conn, found, now=now)
        more = len(found) == _LINES_AT_ONCE
        return [_cells(row) for row in rows], _cursor(sort, found[-1]) if more else None

    return await listed(request, page, read, EnrolmentLine, table=Table(_COLUMNS, lines))


_COLUMNS = tuple(EnrolmentLine.model_fields)


def _cells(row: Any) -> list[object]:
    cells = (row[name] for name in _COLUMNS)
    return [str(cell) if isinstance(cell, UUID) else cell for cell in cells]


@router.get("/counts", response_model=StatusCounts)
async def counts(request: Request, principal: Reader, wanted: Wanted) -> Response:
    """Count enrolments by their present status, among those that the other conditions find."""
    running = serving(request)
    async with running.database.listing() as conn:
        found = await store.count_by_status(
            conn,
            wanted,
            now=running.clock.now(),
            time_zone=running.settings.default_time_zone,
            sight=Visibility.of(principal),
        )
    if wanted.status is not None:
        found = {status: number if status in wanted.status else 0 for status, number in found.items()}
    return resource(StatusCounts(total=sum(found.values()), counts=found))


@router.get("/filters", response_model=Page[SavedFilterOut], responses=CSV_TOO)
async def list_filters(request: Request, principal: Reader, page: PageQuery) -> Response:
    """List your own filters and those that are shared, by name."""

    async def read(asked: PageRequest) -> Page[SavedFilterOut]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_filters(
                conn, principal.actor, asked.after(tuple[str, UUID]), asked.limit + 1
            )
        return page_of(rows, asked.limit, lambda row: (row.name.lower(), row.id), SavedFilterOut.of)

    return await listed(request, page, read, SavedFilterOut)


@router.get("/filters/{name}", response_model=SavedFilterOut)
async def show_filter(request: Request, principal: Reader, name: Name) -> Response:
    """Show the filter that a name stands for: your own, or else one that is shared."""
    async with serving(request).database.reading() as conn:
        return resource(SavedFilterOut.of(await store.find_filter(conn, principal.actor, name)))


@router.put("/filters/{name}", response_model=SavedFilterOut)
async def save_filter(principal: Reader, name: Name, body: SavedFilterIn, write: Write) -> Response:
    """Keep a filter under a name, in place of your own of that name; sharing needs certifications:write."""
    if body.shared:
        principal.must_have("certifications:write")

    async def command(tx: Transaction, now: datetime) -> SavedFilter:
        saved = SavedFilter(
            id=uuid7(), owner=principal.actor, name=name, shared=body.shared, filter=body.filter.filter(),
            version=1, created_at=now, updated_at=now,
        )  # fmt: skip
        return await store.save_filter(tx.conn, saved)

    return await write(command, view=SavedFilterOut.of)


@router.delete("/filters/{name}", status_code=204)
async def delete_filter(principal: Reader, name: Name, write: Write) -> Response:
    """Forget one of your own filters."""
    return await write(lambda tx, _now: store.delete_filter(tx.conn, principal.actor, name))
