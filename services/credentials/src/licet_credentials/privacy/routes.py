"""HTTP for the rights of a person: an export of everything, and erasure."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from licet_chassis.http.problems import Unavailable
from licet_chassis.http.requests import request_cause
from licet_chassis.http.resources import Body
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_credentials.access import ADMIN
from licet_credentials.images.storage import ImageStorage, StorageUnavailable
from licet_credentials.inputs import Reason
from licet_credentials.privacy import commands, copying
from licet_credentials.privacy.model import Erasure

router = APIRouter(prefix="/v1", tags=["privacy"])


class EraseIn(Body):
    """Why a holder is erased; `dry_run` only counts what would be deleted."""

    reason: Reason
    dry_run: bool = False


class ErasureOut(BaseModel):
    """An erasure; in a dry run, what it would delete."""

    holder_id: UUID
    erased_at: datetime | None
    """Null in a dry run."""
    actor: str
    reason: str
    counts: Mapping[str, int]
    """Records by kind. Of `events`, types and dates stay, without the person."""

    @classmethod
    def of(cls, erasure: Erasure) -> "ErasureOut":
        """Show an erasure."""
        return cls(**{name: getattr(erasure, name) for name in erasure.__slots__})


class EraseAgainIn(Body):
    """Holders who were erased before an older state was restored."""

    holder_ids: Annotated[list[UUID], Field(min_length=1, max_length=100)]


class ErasedAgain(BaseModel):
    """Result of repeated erasures."""

    erased: int
    """Number of holders that were there."""


@router.get(
    "/holders/{holder_id}/export",
    dependencies=[ADMIN],
    response_class=StreamingResponse,
    responses={200: {"content": {"application/zip": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def export(request: Request, holder_id: UUID) -> Response:
    """Export everything about a holder: a ZIP of `data.json` and the originals of its images.

    The export is recorded with its actor, and the record is part of it. `data.json` says how to get what
    other services store.
    """
    storage: ImageStorage = request.app.state.image_storage
    running = serving(request)
    async with running.database.transaction(request_cause(request)) as tx:
        copy = await copying.take_copy(tx, holder_id, now=running.clock.now())
    try:
        await copying.require_objects(copy, storage)
    except StorageUnavailable as error:
        raise Unavailable(str(error), headers={"Retry-After": "5"}) from error
    return StreamingResponse(
        copying.zipped(copy, storage),
        media_type="application/zip",
        headers={
            "Content-Disposition": f'attachment; filename="holder-{holder_id}.zip"',
            "Cache-Control": "private, no-store",
        },
    )


@router.post("/holders/{holder_id}/erase", response_model=ErasureOut, dependencies=[ADMIN])
async def erase(holder_id: UUID, body: EraseIn, write: Write) -> Response:
    """Erase a holder in all services, for good. A repetition changes nothing.

    The other services follow within moments; `GET /v1/erasures` of each confirms it.
    """
    return await write(
        lambda tx, now: commands.erase_holder(tx, holder_id, body.reason, dry_run=body.dry_run, now=now),
        view=ErasureOut.of,
    )


@router.post("/erasures", dependencies=[ADMIN])
async def erase_again(request: Request, body: EraseAgainIn) -> ErasedAgain:
    """Repeat erasures, as after a restore of an older state. Idempotent."""
    running, cause, there = serving(request), request_cause(request), 0
    for holder_id in sorted(set(body.holder_ids)):
        async with running.database.transaction(cause) as tx:
            there += await commands.erase_again(tx, holder_id, now=running.clock.now())
    return ErasedAgain(erased=there)
