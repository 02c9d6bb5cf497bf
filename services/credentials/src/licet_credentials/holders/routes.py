"""HTTP for holders."""

from collections.abc import Callable, Coroutine
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import AfterValidator
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.errors import Conflict, Invalid
from licet_chassis.http.auth import principal_of
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import IfMatch, MaybeIfMatch, created_too, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_credentials.access import READ, SHARED_WRITE, WRITE, ReaderSees, require_place, writes
from licet_credentials.holders import store
from licet_credentials.holders.bodies import (
    HolderFeed,
    HolderIn,
    HolderPatch,
    LeaversIn,
    ReasonIn,
)
from licet_credentials.holders.changes import HolderFacts
from licet_credentials.holders.commands.leaving import (
    LeaversOfFeed,
    deactivate_holder,
    deactivate_leavers,
    reactivate_holder,
)
from licet_credentials.holders.commands.registering import put_holder, register_holder, update_holder
from licet_credentials.holders.model import state_of
from licet_credentials.holders.redirects import MERGED, redirect_to_survivor
from licet_credentials.holders.store import HolderFilter, HolderSort
from licet_credentials.holders.views import HolderHistoryOut, LeaversOut
from licet_credentials.inputs import Code
from licet_credentials.visibility.model import Sees
from licet_events.holders import HolderKind, HolderState
from licet_events.sameness import normal


class _FeedRoute(APIRoute):
    """Notes that a feed has named a holder also where it refuses what the feed says of them.

    Otherwise whoever was sent with a wrong field would count as a leaver. Only a token that may find leavers
    counts: one that is limited to some people must not change a record which it does not see.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return the handler that notes the date for refusals as well."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except (RequestValidationError, Invalid, Conflict):
                principal = principal_of(request)
                if "credentials:write" in principal.scopes and not principal.narrowed:
                    running, external_id = serving(request), normal(request.path_params["external_id"])
                    async with running.database.reading() as conn:
                        await store.note_feed_dates(conn, [external_id], running.clock.now())
                raise

        return answer


router = APIRouter(prefix="/v1/holders", tags=["holders"])
feed = APIRouter(route_class=_FeedRoute)


@router.post("", status_code=201, response_model=HolderState)
async def register(
    body: HolderIn, sees: Annotated[Sees, writes("/manager_id", filters=True)], write: Write
) -> Response:
    """Enter a holder."""
    require_place(sees, team=body.team, location=body.location)
    facts = HolderFacts(**body.model_dump())
    return await write(
        lambda tx, now: register_holder(tx, facts, now=now),
        view=state_of,
        status=201,
        location=lambda holder: f"/v1/holders/{holder.id}",
    )


def _filter(
    q: Annotated[
        str | None,
        Query(
            max_length=200,
            pattern=r"^[^\x00]*$",
            description="Words, each in name, e-mail or external id; "
            "one without three letters or digits in a row is found at the beginning of words",
        ),
    ] = None,
    kind: HolderKind | None = None,
    team: Code | None = None,
    location: Code | None = None,
    role: Code | None = None,
    queue: Code | None = None,
    active: bool | None = None,
) -> HolderFilter:
    return HolderFilter(q, kind, team, location, role, queue, active)


@router.get("", response_model=Page[HolderState], responses=CSV_TOO)
async def list_(
    request: Request,
    sees: ReaderSees,
    wanted: Annotated[HolderFilter, Depends(_filter)],
    page: PageQuery,
    sort: Annotated[
        HolderSort, Query(description="`-` reverses; `id` is the order of entry")
    ] = HolderSort.ENTRY,
) -> Response:
    """List holders."""

    async def read(asked: PageRequest) -> Page[HolderState]:
        after = asked.after(tuple[UUID, str])
        async with serving(request).database.listing() as conn:
            rows = await store.list_holders(
                conn, wanted, limit=asked.limit + 1, sees=sees, sort=sort, after=after
            )
        by_name = sort.key == "name"
        return page_of(
            rows, asked.limit, lambda holder: (holder.id, holder.name if by_name else ""), state_of
        )

    return await listed(request, page, read, HolderState)


@router.get("/{holder_id}", response_model=HolderState, dependencies=[READ], responses=MERGED)
async def show(request: Request, holder_id: UUID) -> Response:
    """Show a holder. The id of a merged record redirects to the survivor; the body has `merged_into`."""
    async with serving(request).database.reading() as conn:
        holder = await store.read_holder(conn, holder_id)
    return resource(state_of(holder)) if holder.merged_into is None else redirect_to_survivor(holder)


@router.get(
    "/{holder_id}/history",
    response_model=Page[HolderHistoryOut],
    dependencies=[READ],
    responses=CSV_TOO,
)
async def history(request: Request, holder_id: UUID, page: PageQuery) -> Response:
    """List every change of a holder, oldest first; a merged record keeps its own history."""

    async def read(asked: PageRequest) -> Page[HolderHistoryOut]:
        async with serving(request).database.reading() as conn:
            await store.read_holder(conn, holder_id)
            rows = await store.read_history(conn, holder_id, asked.after(int) or 0, asked.limit + 1)
        return page_of(rows, asked.limit, lambda line: line.version, HolderHistoryOut.of)

    return await listed(request, page, read, HolderHistoryOut)


@router.patch("/{holder_id}", response_model=HolderState, dependencies=[writes("/manager_id")])
async def update(holder_id: UUID, body: HolderPatch, expected: IfMatch, write: Write) -> Response:
    """Change facts about a holder."""
    changes = body.changes()
    return await write(
        lambda tx, now: update_holder(tx, holder_id, changes, expected_version=expected, now=now),
        view=state_of,
    )


@feed.put(
    "/by-external-id/{external_id}",
    response_model=HolderState,
    dependencies=[writes("/manager_id", by_external_id=("/manager_external_id",))],
    responses=created_too(HolderState),
)
async def put(
    external_id: Annotated[str, Path(pattern=r"^[^\x00-\x1f\x7f/]{1,200}$"), AfterValidator(normal)],
    body: HolderFeed,
    write: Write,
) -> Response:
    """Create or replace the holder with this external id; repeating it changes nothing.

    A leaver is reactivated. The external id of a merged record changes nothing about the survivor.
    """
    values: dict[str, Any] = body.model_dump()
    manager, identity = values.pop("manager_external_id"), values.pop("identity")
    facts = HolderFacts(**values)
    return await write(
        lambda tx, now: put_holder(tx, external_id, facts, manager, identity=identity, now=now),
        view=lambda put: state_of(put[0]),
        status=lambda put: 201 if put[1] else 200,
        location=lambda put: f"/v1/holders/{put[0].id}",
    )


@router.post("/{holder_id}/deactivate", response_model=HolderState, dependencies=[WRITE])
async def deactivate(holder_id: UUID, body: ReasonIn, expected: MaybeIfMatch, write: Write) -> Response:
    """Deactivate a holder that has left."""
    return await write(
        lambda tx, now: deactivate_holder(
            tx, holder_id, body.reason, note=body.note, expected_version=expected, now=now
        ),
        view=state_of,
    )


@router.post("/{holder_id}/reactivate", response_model=HolderState, dependencies=[WRITE])
async def reactivate(holder_id: UUID, body: ReasonIn, expected: MaybeIfMatch, write: Write) -> Response:
    """Reactivate a holder that has come back."""
    return await write(
        lambda tx, now: reactivate_holder(
            tx, holder_id, body.reason, note=body.note, expected_version=expected, now=now
        ),
        view=state_of,
    )


@router.post("/leavers", response_model=LeaversOut, dependencies=[SHARED_WRITE])
async def leavers(body: LeaversIn, write: Write) -> Response:
    """Deactivate the leavers of a complete feed; by default a dry run that only lists them."""
    feed = body.model_dump()
    dry_run = feed.pop("dry_run")
    command = LeaversOfFeed(**feed)
    return await write(
        lambda tx, now: deactivate_leavers(tx, command, dry_run=dry_run, now=now),
        view=lambda found: LeaversOut.of(found, dry_run=dry_run),
    )


router.include_router(feed)
