"""HTTP for images of credentials."""

from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, File, Form, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from licet_chassis.http.auth import principal_of
from licet_chassis.http.problems import Unavailable
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write, form_fingerprint
from licet_credentials.access import READ, WRITE
from licet_credentials.credentials import commands, store
from licet_credentials.credentials.views import ImageOut, image_out
from licet_credentials.errors import Busy, NotFound
from licet_credentials.images.storage import ImageStorage, StorageUnavailable, object_key
from licet_credentials.images.uploads import ORIGINAL, received, store_image
from licet_credentials.images.workers import ImageWorkers

LARGEST_FILE = 25 << 20
"""Bytes of an image file; its form around it has some more."""

router = APIRouter(prefix="/v1/credentials", tags=["images"])


@router.post(
    "/{credential_id}/images",
    status_code=201,
    response_model=ImageOut,
    dependencies=[WRITE],
    max_body_size=LARGEST_FILE + 64 * 1024,
)
async def upload(
    request: Request,
    credential_id: UUID,
    file: Annotated[UploadFile, File()],
    write: Write,
    kind: Annotated[Literal["scan", "card", "photo"], Form()] = "scan",
) -> Response:
    """Keep a scan: the original privately, and two renditions without metadata.

    The same file again is the same image.
    """
    workers: ImageWorkers = request.app.state.image_workers
    storage: ImageStorage = request.app.state.image_storage
    running = serving(request)
    async with running.database.reading() as conn:
        await store.require_credential(conn, credential_id)
    async with received(file, largest=LARGEST_FILE) as (path, digest, size):
        try:
            image = await store_image(path, digest, size, kind, workers, storage, running.clock.now())
        except (Busy, StorageUnavailable) as error:
            raise Unavailable(str(error), headers={"Retry-After": "5"}) from error
    return await write(
        lambda tx, now: commands.add_image(tx, credential_id, image, now=now),
        view=lambda added: image_out(credential_id, added[0]),
        status=lambda added: 201 if added[1] else 200,
        location=lambda added: f"/v1/credentials/{credential_id}/images/{added[0].id}/display",
        fingerprint=form_fingerprint({"kind": kind}, {"file": bytes.fromhex(digest)}),
    )


@router.get("/{credential_id}/images/{image_id}/{rendition}", status_code=302, dependencies=[READ])
async def rendition(
    request: Request,
    credential_id: UUID,
    image_id: UUID,
    rendition: Literal["display", "thumbnail", "original"],
) -> Response:
    """Lead to a URL that lives five minutes; the original needs `credentials:admin`."""
    if rendition == ORIGINAL:
        principal_of(request).must_have("credentials:admin")
    storage: ImageStorage = request.app.state.image_storage
    async with serving(request).database.reading() as conn:
        credential = await store.read_credential(conn, credential_id)
    image = next((image for image in credential.images if image.id == image_id), None)
    if image is None:
        raise NotFound(f"The credential has no image {image_id}.")
    content_type = image.content_type if rendition == ORIGINAL else "image/jpeg"
    url = await storage.presigned(object_key(image.sha256, rendition), content_type)
    return RedirectResponse(url, 302, headers={"Cache-Control": "private, no-store"})
