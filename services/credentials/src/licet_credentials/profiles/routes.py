"""HTTP for profiles."""

from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.paging import MOST
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_credentials.access import READ
from licet_credentials.credentials.store import read_credentials
from licet_credentials.holders import store as holder_store
from licet_credentials.holders.redirects import MERGED, redirect_to_survivor
from licet_credentials.profiles import store
from licet_credentials.profiles.views import ProfileOut

router = APIRouter(prefix="/v1/holders", tags=["holders"])


@router.get("/{holder_id}/profile", response_model=ProfileOut, dependencies=[READ], responses=MERGED)
async def profile(request: Request, holder_id: UUID) -> Response:
    """Show a holder with all credentials, how long each is valid, and what its record lacks."""
    running = serving(request)
    async with running.database.reading() as conn:
        holder = await holder_store.read_holder(conn, holder_id)
        if holder.merged_into is not None:
            return redirect_to_survivor(holder, "/profile")
        merged = await holder_store.ids_merged_into(conn, holder_id)
        ids = await store.list_credential_ids(conn, holder_id, MOST + 1)
        loaded = await read_credentials(conn, ids[:MOST])
    shown = ProfileOut.of(holder, merged, list(loaded.values()), running.clock.now(), more=len(ids) > MOST)
    return resource(shown)
