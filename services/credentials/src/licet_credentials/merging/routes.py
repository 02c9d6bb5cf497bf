"""HTTP for merging holders."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from licet_chassis.http.resources import MaybeIfMatch
from licet_chassis.http.writes import Write
from licet_credentials.access import writes
from licet_credentials.merging.bodies import MergeIn
from licet_credentials.merging.commands import merge_holder
from licet_credentials.merging.views import MergedOut
from licet_credentials.visibility.model import Sees

router = APIRouter(prefix="/v1/holders", tags=["holders"])


@router.post("/{holder_id}/merge", response_model=MergedOut)
async def merge(
    holder_id: UUID,
    body: MergeIn,
    sees: Annotated[Sees, writes("/into", filters=True)],
    expected: MaybeIfMatch,
    write: Write,
) -> Response:
    """Merge a duplicate into the holder that it turned out to be, with its credentials; for good."""
    return await write(
        lambda tx, now: merge_holder(
            tx,
            holder_id,
            body.into,
            body.reason,
            note=body.note,
            expected_version=expected,
            sees=sees,
            now=now,
        ),
        view=MergedOut.of,
    )
