"""HTTP for credential types."""

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.database import Transaction
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import IfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_credentials.access import ADMIN, CATALOGUE
from licet_credentials.types import commands, store
from licet_credentials.types.bodies import TypeIn, TypePatch
from licet_credentials.types.model import CredentialType, state_of
from licet_credentials.types.store import TypeFilter
from licet_events.catalogue import Category, CredentialTypeState

router = APIRouter(prefix="/v1/credential-types", tags=["credential types"])

TypeCode = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]


@router.post("", status_code=201, response_model=CredentialTypeState, dependencies=[ADMIN])
async def define(body: TypeIn, write: Write) -> Response:
    """Define a credential type."""
    rules = body.rules()

    async def command(tx: Transaction, now: datetime) -> CredentialType:
        entry = CredentialType(version=1, created_at=now, updated_at=now, **rules)
        return await commands.define_type(tx, entry, now=now)

    return await write(
        command, view=state_of, status=201, location=lambda entry: f"/v1/credential-types/{entry.code}"
    )


@router.get("", response_model=Page[CredentialTypeState], dependencies=[CATALOGUE], responses=CSV_TOO)
async def list_(
    request: Request, page: PageQuery, retired: bool | None = None, category: Category | None = None
) -> Response:
    """List credential types by code."""
    wanted = TypeFilter(retired, category)

    async def read(asked: PageRequest) -> Page[CredentialTypeState]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_types(conn, wanted, asked.after(str), asked.limit + 1)
        return page_of(rows, asked.limit, lambda entry: entry.code, state_of)

    return await listed(request, page, read, CredentialTypeState)


@router.get("/{code}", response_model=CredentialTypeState, dependencies=[CATALOGUE])
async def show(request: Request, code: TypeCode) -> Response:
    """Show a credential type, by code or alias."""
    async with serving(request).database.reading() as conn:
        return resource(state_of(await store.read_type(conn, code)))


class ReplanningOut(BaseModel):
    """Progress of carrying a changed ladder or grace to the credentials of a type."""

    since: datetime | None
    """When the rules changed; null if all credentials have the present ones."""
    done: int
    """Credentials that got the present rules since then."""
    remaining: int
    """Credentials that still have older rules."""


@router.get("/{code}/replanning", dependencies=[CATALOGUE])
async def replanning(request: Request, code: TypeCode) -> ReplanningOut:
    """Show the progress of carrying a changed ladder or grace to the credentials of a type."""
    async with serving(request).database.reading() as conn:
        entry = await store.read_type(conn, code)
        progress = await store.read_replanning(conn, entry.code)
    return ReplanningOut(since=progress.since, done=progress.done, remaining=progress.remaining)


@router.patch("/{code}", response_model=CredentialTypeState, dependencies=[ADMIN])
async def change(code: TypeCode, body: TypePatch, expected: IfMatch, write: Write) -> Response:
    """Change the rules of a type; a changed ladder or grace reaches its credentials soon after."""
    changes = body.changes()
    return await write(
        lambda tx, now: commands.change_type(tx, code, changes, expected_version=expected, now=now),
        view=state_of,
    )
