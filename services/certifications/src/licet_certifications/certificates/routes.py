"""HTTP for certificates."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from licet_certifications.certificates import store
from licet_certifications.certificates.model import certificate
from licet_certifications.documents.fonts import fonts
from licet_certifications.documents.pages import render
from licet_certifications.enrolments.commands import require_seen
from licet_certifications.programmes.store import read_version
from licet_certifications.settings import Settings
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.serving import serving

router = APIRouter(prefix="/v1/enrolments", tags=["enrolments"])

_AT_ONCE = asyncio.Semaphore(2)
"""Rendering takes a processor, and memory where a name needs the large font of Chinese characters."""


@router.get(
    "/{enrolment_id}/certificate",
    response_class=Response,
    responses={200: {"content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}}}},
)
async def get_certificate(
    enrolment_id: UUID, request: Request, principal: Annotated[Principal, requires("certifications:read")]
) -> Response:
    """Return the certificate of an enrolment that is active or expiring, as a PDF."""
    running = serving(request)
    settings = running.settings
    assert isinstance(settings, Settings)  # noqa: S101  # it is this service's
    now = running.clock.now()
    async with running.database.reading() as conn:
        enrolment = (await require_seen(conn, enrolment_id, principal)).enrolment
        state = enrolment.state
        definition = (await read_version(conn, state.programme, state.programme_version)).definition
        subject = await store.read_subject(
            conn, enrolment, definition, now=now, time_zone=settings.default_time_zone
        )
    link = settings.verification_link.format(enrolment_id=state.id, credential_id=state.credential_id or "")
    if not link.startswith(("http://", "https://")):
        link = f"{str(request.base_url).rstrip('/')}{link}"
    made = certificate(subject, link, fonts=fonts(settings.document_fonts), now=now)
    async with _AT_ONCE:
        pdf = await asyncio.to_thread(render, made)
    return Response(
        pdf,
        media_type="application/pdf",
        headers={"Content-Disposition": f'inline; filename="certificate-{state.id}.pdf"'},
    )
