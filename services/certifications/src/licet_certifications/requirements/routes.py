"""Requirements over HTTP."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from licet_certifications.codes import Code, Target
from licet_certifications.requirements import commands, store
from licet_certifications.requirements.bodies import RequirementBody, RequirementPatch, RequirementView
from licet_certifications.requirements.model import Rule, today_in
from licet_chassis.database import Transaction
from licet_chassis.http.auth import requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import IfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events.catalogue import RequirementState

router = APIRouter(prefix="/v1/requirements", tags=["requirements"])


@router.post(
    "",
    status_code=201,
    response_model=RequirementView,
    dependencies=[requires("certifications:write", everyone=True)],
)
async def post_requirement(body: RequirementBody, request: Request, write: Write) -> Response:
    """Make a requirement."""
    running = serving(request)
    time_zone = body.time_zone or running.settings.default_time_zone

    async def command(tx: Transaction, now: datetime) -> RequirementState:
        rule = Rule(
            target=body.target,
            code=body.code,
            expression=body.expression.expression(),
            locations=tuple(body.locations),
            severity=body.severity,
            match_jurisdiction=body.match_jurisdiction,
            min_days_remaining=body.min_days_remaining,
            effective_from=body.effective_from or today_in(time_zone, now),
            effective_until=body.effective_until,
            time_zone=time_zone,
        )
        return await commands.make_requirement(tx, rule, now=now)

    return await write(
        command, view=RequirementView.of, status=201, location=lambda state: f"/v1/requirements/{state.id}"
    )


@router.get(
    "",
    response_model=Page[RequirementView],
    dependencies=[requires("certifications:read")],
    responses=CSV_TOO,
)
async def list_requirements(
    request: Request,
    page: PageQuery,
    target: Annotated[Target | None, Query()] = None,
    code: Annotated[Code | None, Query()] = None,
) -> Response:
    """List requirements, oldest first; of one target or with one code, if one is given."""

    async def read(asked: PageRequest) -> Page[RequirementView]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_requirements(
                conn, after=asked.after(UUID), target=target, code=code, limit=asked.limit + 1
            )
        return page_of(rows, asked.limit, lambda state: state.id, RequirementView.of)

    return await listed(request, page, read, RequirementView)


@router.get(
    "/{requirement_id}", response_model=RequirementView, dependencies=[requires("certifications:read")]
)
async def get_requirement(requirement_id: UUID, request: Request) -> Response:
    """Return one requirement."""
    async with serving(request).database.reading() as conn:
        return resource(RequirementView.of(await store.read_requirement(conn, requirement_id)))


@router.patch(
    "/{requirement_id}",
    response_model=RequirementView,
    dependencies=[requires("certifications:write", everyone=True)],
)
async def patch_requirement(
    requirement_id: UUID, body: RequirementPatch, expected_version: IfMatch, write: Write
) -> Response:
    """Change a requirement.

    What asks for something else takes over at its own `effective_from`, and the version before holds
    until then; what only moves dates takes the place of the version before.
    """
    return await write(
        lambda tx, now: commands.change_requirement(
            tx, requirement_id, body.changes(), expected_version=expected_version, now=now
        ),
        view=RequirementView.of,
    )
