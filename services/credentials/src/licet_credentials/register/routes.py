"""HTTP for finding credentials."""

import re
from collections.abc import Sequence
from datetime import date
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.csv import CSV_TOO, Table, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, cursor_after
from licet_chassis.http.problems import Unprocessable
from licet_chassis.http.serving import serving
from licet_chassis.http.strictness import ReadsQuery
from licet_credentials.access import ReaderSees
from licet_credentials.credentials.views import CredentialOut
from licet_credentials.inputs import Code, Country, Day, Subdivision
from licet_credentials.register import store
from licet_credentials.register.model import Checked, CredentialFilter, Sort
from licet_credentials.register.store import Position
from licet_events.catalogue import Category
from licet_events.credentials import Validity

router = APIRouter(prefix="/v1/credentials", tags=["credentials"])

_LINES_AT_ONCE = 1_000
_MOST_ATTRIBUTES = 3
_PREFIX = "attributes."
_ATTRIBUTE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_BY_ATTRIBUTES: dict[str, Any] = {
    "parameters": [
        {
            "name": "attributes.{name}",
            "in": "query",
            "description": "A typed attribute's value, such as `attributes.class=CE`; of several choices "
            f"one. Up to {_MOST_ATTRIBUTES} of them.",
            "schema": {"type": "string", "maxLength": 200},
        }
    ]
}


def _attributes(request: Request, _: Annotated[None, Depends(ReadsQuery(_PREFIX))]) -> dict[str, str]:
    given = [
        (name.removeprefix(_PREFIX), text)
        for name, text in request.query_params.multi_items()
        if name.startswith(_PREFIX)
    ]
    for name, text in given:
        if not _ATTRIBUTE.fullmatch(name):
            raise _unfit(f"{_PREFIX}{name}", "is no name of an attribute: small letters, digits and _")
        if len(text) > 200 or "\0" in text:
            raise _unfit(f"{_PREFIX}{name}", "must be a text of at most 200 characters")
    names = [name for name, _ in given]
    if len(set(names)) < len(names) or len(names) > _MOST_ATTRIBUTES:
        raise _unfit(
            f"{_PREFIX}{names[-1]}", f"up to {_MOST_ATTRIBUTES} attributes may be asked for, each once"
        )
    return dict(given)


def _unfit(parameter: str, detail: str) -> Unprocessable:
    return Unprocessable(
        f"{parameter}: {detail}",
        errors=[{"parameter": parameter, "detail": detail}],
        type="urn:licet:problem:invalid-input",
    )


def _filter(
    attributes: Annotated[dict[str, str], Depends(_attributes)],
    validity: Annotated[
        list[Validity] | None, Query(description="One of these, at present; repeat it for several")
    ] = None,
    type: Annotated[Code | None, Query(description="A type's code or alias")] = None,
    category: Category | None = None,
    holder_id: UUID | None = None,
    team: Annotated[Code | None, Query(description="Of the holder")] = None,
    location: Annotated[Code | None, Query(description="Of the holder")] = None,
    country: Country | None = None,
    subdivision: Subdivision | None = None,
    expires_from: Annotated[
        Day | None, Query(description="Ends on this day or later; leaves out what never ends")
    ] = None,
    expires_to: Annotated[Day | None, Query(description="Ends on this day or earlier")] = None,
    verification: Annotated[
        Checked | None, Query(description="What the latest check says at present")
    ] = None,
    q: Annotated[
        str | None,
        Query(
            max_length=200,
            pattern=r"^[^\x00]*$",
            description="Words, each in name, number, or the holder's name or external id; "
            "one without three letters or digits in a row is found at the beginning of words",
        ),
    ] = None,
) -> CredentialFilter:
    return CredentialFilter(
        validity=tuple(validity) if validity else None,
        type=type,
        category=category,
        holder_id=holder_id,
        team=team,
        location=location,
        country=country,
        subdivision=subdivision,
        expires_from=expires_from,
        expires_to=expires_to,
        verification=verification,
        q=q,
        attributes=attributes,
    )


_CURSORS: dict[str, Any] = {
    "id": tuple[Literal["id"], UUID],
    "name": tuple[Literal["name"], UUID, str],
    "expires_on": tuple[Literal["expires_on"], UUID, date],
    "holder": tuple[Literal["holder"], UUID, str, UUID],
}


def _cursor(sort: Sort, position: Position) -> Sequence[object]:
    parts = (position.id, position.value, position.holder_id)
    return (sort.key, *(part for part in parts if part is not None))


@router.get("", response_model=Page[CredentialOut], responses=CSV_TOO, openapi_extra=_BY_ATTRIBUTES)
async def list_(
    request: Request,
    sees: ReaderSees,
    wanted: Annotated[CredentialFilter, Depends(_filter)],
    page: PageQuery,
    sort: Annotated[Sort, Query(description="`-` reverses; `id` is the order of entry")] = Sort.ENTRY,
) -> Response:
    """List credentials by their present validity; voided ones are left out."""
    running = serving(request)
    now = running.clock.now()

    async def find(conn: Any, asked: PageRequest, limit: int) -> list[Position]:
        key = asked.after(_CURSORS[sort.key])
        return await store.find_credentials(
            conn,
            wanted,
            now=now,
            limit=limit,
            sees=sees,
            sort=sort,
            after=None if key is None else Position(*key[1:]),
        )

    async def read(asked: PageRequest) -> Page[CredentialOut]:
        async with running.database.listing() as conn:
            found = await find(conn, asked, asked.limit + 1)
            credentials = await store.read_found(conn, found[: asked.limit])
        more = len(found) > asked.limit
        return Page(
            items=[CredentialOut.of(credential, now) for credential in credentials],
            next_cursor=cursor_after(_cursor(sort, found[asked.limit - 1])) if more else None,
        )

    async def lines(cursor: str | None) -> tuple[Sequence[Sequence[object]], str | None]:
        async with running.database.listing() as conn:
            found = await find(conn, PageRequest(cursor=cursor), _LINES_AT_ONCE)
            rows = await store.read_lines(conn, found, now=now)
        more = len(found) == _LINES_AT_ONCE
        return rows, cursor_after(_cursor(sort, found[-1])) if more else None

    return await listed(request, page, read, CredentialOut, table=Table(store.LINE, lines))
