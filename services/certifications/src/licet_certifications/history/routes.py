"""Answers for the past over HTTP."""

import asyncio
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from licet_certifications.codes import Target
from licet_certifications.documents.fonts import fonts
from licet_certifications.documents.pages import render
from licet_certifications.facts import store as facts
from licet_certifications.history import commands
from licet_certifications.history.document import document_of
from licet_certifications.history.model import Question
from licet_certifications.history.views import AnswerView
from licet_certifications.periods import When, period_of, zone_of
from licet_chassis.errors import NotFound
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_events.eligibility import ANYWHERE
from licet_events.shifts import BookedLocation

router = APIRouter(prefix="/v1/eligibility", tags=["eligibility"])


_PDF = "application/pdf"


@router.get(
    "/{holder_id}/on",
    response_model=AnswerView,
    responses={
        200: {
            "description": "The answer; as `application/pdf` one page for an inspector",
            "content": {_PDF: {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def get_answer(
    holder_id: UUID,
    request: Request,
    principal: Annotated[Principal, requires("eligibility:read")],
    target: Annotated[Target, Query(description="`role:<code>` or `queue:<code>`")],
    start: Annotated[When, Query(description="When the shift began")],
    end: Annotated[When, Query(description="When it was over; a date is its last day")],
    location: Annotated[BookedLocation, Query()] = ANYWHERE,
) -> Response:
    """Answer whether a holder might work a shift, by what was known when it began.

    With the version of the decision and of all that it rested on; and, where today's knowledge says
    otherwise, that too.
    """
    running = serving(request)
    now = running.clock.now()
    async with running.database.listing() as conn:
        member = (await facts.read_placements(conn, [holder_id])).get(holder_id)
        if member is None or not principal.may_see(team=member.team, location=member.location):
            raise NotFound(f"There is no holder {holder_id} here.")
        zone = await zone_of(conn, location, running.settings.default_time_zone)
        begin, over = period_of(start, end, zone, what="A shift")
        answer = await commands.answer(conn, Question(holder_id, target, location, begin, over), now=now)
    if not _wants_pdf(request.headers.get("accept", "")):
        return resource(AnswerView.of(answer), headers={"Vary": "Accept"})
    page = document_of(answer, member.name, zone, now=now, fonts=fonts())
    return Response(await asyncio.to_thread(render, page), media_type=_PDF, headers={"Vary": "Accept"})


def _wants_pdf(accept: str) -> bool:
    return any(part.partition(";")[0].strip().lower() == _PDF for part in accept.split(","))
