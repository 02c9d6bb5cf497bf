"""Programmes and their versions over HTTP."""

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Path
from starlette.requests import Request
from starlette.responses import Response

from licet_certifications.facts import store as facts
from licet_certifications.programmes import commands, store
from licet_certifications.programmes.bodies import Nothing, ProgrammeIn, ProgrammePatch, VersionIn
from licet_certifications.programmes.model import Programme, Version
from licet_certifications.programmes.views import ProgrammeOut, VersionOut
from licet_chassis.database import Transaction
from licet_chassis.http.auth import requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import IfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write

router = APIRouter(prefix="/v1/programmes", tags=["programmes"])

ProgrammeCode = Annotated[str, Path(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$")]
Number = Annotated[int, Path(ge=1, le=1_000_000)]
READ = requires("certifications:read")
WRITE = requires("certifications:write", everyone=True)

_TYPE_ARRIVES_WITHIN = 3.0
"""Seconds that publishing waits for a credential type of which nothing has been heard: one that was defined a
moment ago is still on its way as an event."""
_LOOK_AGAIN_AFTER = 0.1


@router.post("", status_code=201, response_model=ProgrammeOut, dependencies=[WRITE])
async def define(body: ProgrammeIn, write: Write) -> Response:
    """Define a programme; what it asks for is said by its versions."""
    return await write(
        lambda tx, now: commands.define_programme(tx, body.code, body.name, body.credential_type, now=now),
        view=lambda programme: ProgrammeOut.of(programme, None),
        status=201,
        location=lambda programme: f"/v1/programmes/{programme.code}",
    )


@router.get("", response_model=Page[ProgrammeOut], dependencies=[READ], responses=CSV_TOO)
async def list_(request: Request, page: PageQuery) -> Response:
    """List programmes by code."""

    async def read(asked: PageRequest) -> Page[ProgrammeOut]:
        async with serving(request).database.reading() as conn:
            programmes = await store.list_programmes(conn, asked.after(str), asked.limit + 1)
            used = await store.newest_of(conn, [programme.code for programme in programmes])
        return page_of(
            programmes,
            asked.limit,
            lambda programme: programme.code,
            lambda programme: ProgrammeOut.of(programme, used.get(programme.code)),
        )

    return await listed(request, page, read, ProgrammeOut)


@router.get("/{code}", response_model=ProgrammeOut, dependencies=[READ])
async def show(request: Request, code: ProgrammeCode) -> Response:
    """Show a programme."""
    async with serving(request).database.reading() as conn:
        programme = await store.read_programme(conn, code)
        return resource(ProgrammeOut.of(programme, await store.newest_published(conn, code)))


@router.patch("/{code}", response_model=ProgrammeOut, dependencies=[WRITE])
async def change(code: ProgrammeCode, body: ProgrammePatch, expected: IfMatch, write: Write) -> Response:
    """Change a programme's name, or what later versions issue."""

    async def command(tx: Transaction, now: datetime) -> tuple[Programme, Version | None]:
        programme = await commands.change_programme(
            tx, code, body.changes(), expected_version=expected, now=now
        )
        return programme, await store.newest_published(tx.conn, code)

    return await write(command, view=lambda pair: ProgrammeOut.of(*pair))


@router.post("/{code}/versions", status_code=201, response_model=VersionOut, dependencies=[WRITE])
async def draft(code: ProgrammeCode, body: VersionIn, write: Write) -> Response:
    """Draft the next version."""

    async def command(tx: Transaction, now: datetime) -> Version:
        programme = await store.read_programme(tx.conn, code)
        definition = body.definition(programmes_type=programme.credential_type)
        return await commands.draft_version(tx, code, definition, now=now)

    return await write(command, view=VersionOut.of, status=201, location=_path)


@router.get("/{code}/versions", response_model=Page[VersionOut], dependencies=[READ], responses=CSV_TOO)
async def list_versions(request: Request, code: ProgrammeCode, page: PageQuery) -> Response:
    """List the versions of a programme in order of their numbers."""

    async def read(asked: PageRequest) -> Page[VersionOut]:
        async with serving(request).database.reading() as conn:
            await store.read_programme(conn, code)
            versions = await store.list_versions(conn, code, asked.after(int) or 0, asked.limit + 1)
        return page_of(versions, asked.limit, lambda version: version.number, VersionOut.of)

    return await listed(request, page, read, VersionOut)


@router.get("/{code}/versions/{number}", response_model=VersionOut, dependencies=[READ])
async def show_version(request: Request, code: ProgrammeCode, number: Number) -> Response:
    """Show a version."""
    async with serving(request).database.reading() as conn:
        return resource(VersionOut.of(await store.read_version(conn, code, number)))


@router.put("/{code}/versions/{number}", response_model=VersionOut, dependencies=[WRITE])
async def change_draft(
    code: ProgrammeCode, number: Number, body: VersionIn, expected: IfMatch, write: Write
) -> Response:
    """Replace what a draft says; what was published never changes."""

    async def command(tx: Transaction, now: datetime) -> Version:
        programme = await store.read_programme(tx.conn, code)
        definition = body.definition(programmes_type=programme.credential_type)
        return await commands.change_draft(tx, code, number, definition, expected_version=expected, now=now)

    return await write(command, view=VersionOut.of)


@router.post("/{code}/versions/{number}/publish", response_model=VersionOut, dependencies=[WRITE])
async def publish(
    request: Request, code: ProgrammeCode, number: Number, write: Write, _body: Nothing | None = None
) -> Response:
    """Make a draft the version that new enrolments use; from now on it never changes."""
    await _let_type_arrive(request, code, number)
    return await write(
        lambda tx, now: commands.publish_version(tx, code, number, now=now), view=VersionOut.of
    )


@router.post("/{code}/versions/{number}/retire", response_model=VersionOut, dependencies=[WRITE])
async def retire(code: ProgrammeCode, number: Number, write: Write, _body: Nothing | None = None) -> Response:
    """Take a version out of use; enrolments that are on it go on."""
    return await write(lambda tx, now: commands.retire_version(tx, code, number, now=now), view=VersionOut.of)


def _path(version: Version) -> str:
    return f"/v1/programmes/{version.programme}/versions/{version.number}"


async def _let_type_arrive(request: Request, code: str, number: int) -> None:
    database = serving(request).database
    for _ in range(int(_TYPE_ARRIVES_WITHIN / _LOOK_AGAIN_AFTER)):
        async with database.reading() as conn:
            named = (await store.read_version(conn, code, number)).definition.credential_type
            if named is None or await facts.find_type(conn, named) is not None:
                return
        await asyncio.sleep(_LOOK_AGAIN_AFTER)
