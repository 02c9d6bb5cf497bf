"""HTTP for holders."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.paging import Page, PageQuery, page_of
from licet_chassis.http.resources import Body, IfMatch, MaybeIfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_credentials.access import READ, WRITE, WriterSees, require_place
from licet_credentials.holders import commands, store
from licet_credentials.holders.commands import HolderFacts
from licet_credentials.holders.model import state_of
from licet_credentials.holders.store import HolderFilter
from licet_credentials.inputs import Code, Email, Line, Reason, Zone
from licet_events.holders import HolderKind, HolderState

router = APIRouter(prefix="/v1/holders", tags=["holders"])

ExternalId = Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f/]{1,200}$")]
AttributeValue = Annotated[str, Field(max_length=1000)] | int | bool
AttributeName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
Codes = Annotated[tuple[Code, ...], Field(max_length=100)]


Phone = Annotated[str, Field(pattern=r"^[0-9+() ./-]{3,40}$")]
Locale = Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]


class _Optional(Body):
    """What need not be said about a holder."""

    email: Email | None = None
    phone: Phone | None = None
    time_zone: Zone | None = None
    locale: Locale | None = None
    team: Code | None = None
    location: Code | None = None
    manager_id: UUID | None = None
    roles: Codes = ()
    queues: Codes = ()


class _Facts(_Optional):
    """Everything that may be said about a holder, by anyone."""

    kind: HolderKind
    name: Line
    attributes: dict[AttributeName, AttributeValue] = Field(default_factory=dict, max_length=50)


class HolderIn(_Facts):
    """A holder to be entered."""

    external_id: ExternalId | None = None


class HolderFeed(_Facts):
    """A holder as another system knows it; what is left out is cleared."""

    manager_external_id: ExternalId | None = None
    """May name someone who is not known yet; goes before `manager_id`."""


class HolderPatch(_Optional):
    """A merge patch (RFC 7396): null clears, what is left out stays."""

    external_id: ExternalId | None = None
    kind: HolderKind = Field(default_factory=lambda: HolderKind.EMPLOYEE)
    name: Line = Field(default_factory=str)
    attributes: Annotated[dict[AttributeName, AttributeValue | None], Field(max_length=50)] | None = None


class ReasonIn(Body):
    """Why."""

    reason: Reason


@router.post("", status_code=201, response_model=HolderState)
async def register(body: HolderIn, sees: WriterSees, write: Write) -> Response:
    """Enter a holder."""
    require_place(sees, team=body.team, location=body.location)
    facts = HolderFacts(**body.model_dump())
    return await write(
        lambda tx, now: commands.register_holder(tx, facts, now=now),
        view=state_of,
        status=201,
        location=lambda holder: f"/v1/holders/{holder.id}",
    )


def _filter(
    q: Annotated[str | None, Query(max_length=200, description="part of name, e-mail or external id")] = None,
    kind: HolderKind | None = None,
    team: Code | None = None,
    location: Code | None = None,
    role: Code | None = None,
    queue: Code | None = None,
    active: bool | None = None,
) -> HolderFilter:
    return HolderFilter(q, kind, team, location, role, queue, active)


@router.get("", dependencies=[READ])
async def list_(
    request: Request, wanted: Annotated[HolderFilter, Depends(_filter)], page: PageQuery
) -> Page[HolderState]:
    """List holders in the order of their entry."""
    async with serving(request).database.reading() as conn:
        rows = await store.list_holders(conn, wanted, after=page.after(UUID), limit=page.limit + 1)
    return page_of(rows, page.limit, lambda holder: holder.id, state_of)


@router.get("/{holder_id}", response_model=HolderState, dependencies=[READ])
async def show(request: Request, holder_id: UUID) -> Response:
    """Show a holder."""
    async with serving(request).database.reading() as conn:
        return resource(state_of(await store.read_holder(conn, holder_id)))


@router.patch("/{holder_id}", response_model=HolderState, dependencies=[WRITE])
async def update(holder_id: UUID, body: HolderPatch, expected: IfMatch, write: Write) -> Response:
    """Change facts about a holder."""
    changes = body.model_dump(exclude_unset=True)
    return await write(
        lambda tx, now: commands.update_holder(tx, holder_id, changes, expected_version=expected, now=now),
        view=state_of,
    )


@router.put("/by-external-id/{external_id}", response_model=HolderState, dependencies=[WRITE])
async def put(
    external_id: Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f/]{1,200}$")], body: HolderFeed, write: Write
) -> Response:
    """Create or replace what another system knows by this id; the same again changes nothing."""
    values: dict[str, Any] = body.model_dump()
    manager = values.pop("manager_external_id")
    facts = HolderFacts(**values)
    return await write(
        lambda tx, now: commands.put_holder(tx, external_id, facts, manager, now=now),
        view=lambda put: state_of(put[0]),
        status=lambda put: 201 if put[1] else 200,
        location=lambda put: f"/v1/holders/{put[0].id}",
    )


@router.post("/{holder_id}/deactivate", response_model=HolderState, dependencies=[WRITE])
async def deactivate(holder_id: UUID, body: ReasonIn, expected: MaybeIfMatch, write: Write) -> Response:
    """Note that a holder has left."""
    return await write(
        lambda tx, now: commands.deactivate_holder(
            tx, holder_id, body.reason, expected_version=expected, now=now
        ),
        view=state_of,
    )


@router.post("/{holder_id}/reactivate", response_model=HolderState, dependencies=[WRITE])
async def reactivate(holder_id: UUID, body: ReasonIn, expected: MaybeIfMatch, write: Write) -> Response:
    """Note that a holder has come back."""
    return await write(
        lambda tx, now: commands.reactivate_holder(
            tx, holder_id, body.reason, expected_version=expected, now=now
        ),
        view=state_of,
    )
