"""HTTP for images of credentials."""

from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from licet_chassis.errors import Busy, NotFound
from licet_chassis.http.auth import principal_of
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.problems import Unavailable
from licet_chassis.http.resources import Body, MaybeIfMatch
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write, form_fingerprint
from licet_credentials.access import ADMINISTRATOR, AUDIT, AUDITOR, READ, WRITE
from licet_credentials.credentials.model import Image
from licet_credentials.credentials.store import read_credential, require_credential
from licet_credentials.credentials.views import ImageOut, image_out
from licet_credentials.images import store
from licet_credentials.images.commands import add_image, image_of, remove_image
from licet_credentials.images.receiving import UploadRoom, received
from licet_credentials.images.storage import (
    DISPLAY,
    ORIGINAL,
    THUMBNAIL,
    ImageStorage,
    StorageUnavailable,
    object_key,
)
from licet_credentials.images.uploads import kind_of, store_evidence
from licet_credentials.images.workers import ImageWorkers
from licet_credentials.inputs import Reason

LARGEST_FILE = 25 << 20
"""Bytes of the largest file, without its form."""
_FORM_BYTES = 64 * 1024
_RETRY = {"Retry-After": "5"}
_EXTENSIONS = {
    "application/pdf": "pdf",
    "image/avif": "avif",
    "image/gif": "gif",
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
}

router = APIRouter(prefix="/v1/credentials", tags=["images"])


class UploadIn(Body):
    """Fields of the form beside the file."""

    kind: Literal["scan", "card", "photo", "document"] | None = None
    """By default document for a PDF, scan for an image."""
    term_id: UUID | None = None
    """The term that it supports; by default the credential as a whole."""


class UploadForm(UploadIn):
    """A multipart form: the file and its fields."""

    file: Annotated[str, Field(json_schema_extra={"format": "binary"})]
    """JPEG, PNG, GIF, WebP, AVIF or PDF."""


# The form is not a parameter of the function: FastAPI would read all of it before space is reserved.
_FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {"multipart/form-data": {"schema": UploadForm.model_json_schema()}},
    }
}


@router.post(
    "/{credential_id}/images",
    status_code=201,
    response_model=ImageOut,
    dependencies=[WRITE],
    max_body_size=LARGEST_FILE + _FORM_BYTES,
    openapi_extra=_FORM,
    responses={200: {"model": ImageOut, "description": "The same file is already stored"}},
)
async def upload(request: Request, credential_id: UUID, write: Write) -> Response:
    """Store evidence: the original privately and, of an image, two renditions without metadata.

    The same file again is the same image. On a busy service the upload waits, at most half a minute.
    """
    workers: ImageWorkers = request.app.state.image_workers
    storage: ImageStorage = request.app.state.image_storage
    room: UploadRoom = request.app.state.upload_room
    running = serving(request)
    until = room.deadline()
    async with running.database.reading() as conn:
        await require_credential(conn, credential_id)
    try:
        async with (
            room.reserved(_declared(request), until=until),
            received(request, UploadIn, largest=LARGEST_FILE, seconds=room.receive_seconds) as file,
        ):
            form = file.fields
            examined = await workers.examine(
                file.path, file.rendition(DISPLAY), file.rendition(THUMBNAIL), until=until
            )
            image = await store_evidence(
                file.path,
                file.sha256,
                file.size,
                examined,
                kind=kind_of(form.kind, examined),
                term_id=form.term_id,
                database=running.database,
                storage=storage,
                now=running.clock.now(),
            )
        return await write(
            lambda tx, now: add_image(tx, credential_id, image, now=now),
            view=lambda added: image_out(credential_id, added[0]),
            status=lambda added: 201 if added[1] else 200,
            location=lambda added: _address(credential_id, added[0]),
            fingerprint=form_fingerprint(
                {name: str(value) for name, value in form.model_dump(exclude_none=True).items()},
                {"file": bytes.fromhex(file.sha256)},
            ),
        )
    except (Busy, StorageUnavailable) as error:
        raise Unavailable(str(error), headers=_RETRY) from error


def _address(credential_id: UUID, image: Image) -> str:
    rendition = DISPLAY if image.display_type else ORIGINAL
    return f"/v1/credentials/{credential_id}/images/{image.id}/{rendition}"


def _declared(request: Request) -> int:
    """Return the declared size of the body, or the largest allowed if none is declared."""
    length = request.headers.get("content-length", "")
    return min(int(length), LARGEST_FILE) if length.isdecimal() else LARGEST_FILE


@router.delete("/{credential_id}/images/{image_id}", status_code=204, dependencies=[WRITE])
async def delete(
    credential_id: UUID,
    image_id: UUID,
    reason: Annotated[Reason, Query()],
    expected: MaybeIfMatch,
    write: Write,
) -> Response:
    """Delete an image; its objects are removed unless another credential has the same file."""
    return await write(
        lambda tx, now: remove_image(tx, credential_id, image_id, reason, expected_version=expected, now=now)
    )


class ViewOut(BaseModel):
    """A view of an original."""

    actor: str
    at: datetime

    @classmethod
    def of(cls, view: store.View) -> "ViewOut":
        """Show a view."""
        return cls(actor=view.actor, at=view.at)


@router.get(
    "/{credential_id}/images/{image_id}/views",
    response_model=Page[ViewOut],
    dependencies=[AUDIT],
    responses=CSV_TOO,
)
async def views(request: Request, credential_id: UUID, image_id: UUID, page: PageQuery) -> Response:
    """List the views of an original, oldest first; also of a deleted image."""

    async def read(asked: PageRequest) -> Page[ViewOut]:
        async with serving(request).database.reading() as conn:
            await require_credential(conn, credential_id)
            rows = await store.read_views(conn, credential_id, image_id, asked.after(UUID), asked.limit + 1)
        return page_of(rows, asked.limit, lambda view: view.id, ViewOut.of)

    return await listed(request, page, read, ViewOut)


@router.get(
    "/{credential_id}/images/{image_id}/{rendition}",
    status_code=302,
    response_class=RedirectResponse,
    dependencies=[READ],
)
async def rendition(
    request: Request,
    credential_id: UUID,
    image_id: UUID,
    rendition: Literal["display", "thumbnail", "original"],
) -> Response:
    """Redirect to a URL that is valid for five minutes.

    The original needs `credentials:admin` or `credentials:audit`, and each view of it is recorded.
    """
    principal = principal_of(request)
    if rendition == ORIGINAL:
        principal.must_have(ADMINISTRATOR, AUDITOR)
    storage: ImageStorage = request.app.state.image_storage
    running = serving(request)
    async with running.database.reading() as conn:
        image = image_of(await read_credential(conn, credential_id), image_id)
    types = {
        DISPLAY: image.display_type,
        THUMBNAIL: image.thumbnail_type,
        ORIGINAL: image.content_type,
    }
    content_type = types[rendition]
    if content_type is None:
        raise NotFound("A document has no renditions; fetch its original.")
    key = object_key(image.sha256, image.generation, rendition, content_type)
    kept_as = f"{image_id}.{_EXTENSIONS[content_type]}" if rendition == ORIGINAL else None
    url = await storage.presigned(key, content_type, file_name=kept_as)
    if rendition == ORIGINAL:
        # Committed before the URL is sent: no original is viewed without a record.
        async with running.database.reading() as conn:
            await store.note_view(conn, credential_id, image_id, principal.actor, running.clock.now())
    return RedirectResponse(url, 302, headers={"Cache-Control": "private, no-store"})
