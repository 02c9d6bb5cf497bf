"""Completions over HTTP, as JSON and as CSV."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Body, Depends, Query, Request
from starlette.responses import Response

from licet_certifications.completions import store
from licet_certifications.completions.model import Outcome, OutcomeKind
from licet_certifications.completions.store import CompletionFilter
from licet_certifications.intake import commands
from licet_certifications.intake.bodies import Completions, CompletionsIn, Malformed
from licet_certifications.intake.views import (
    CompletionView,
    CompletionWithConflicts,
    ResultsView,
    ResultView,
)
from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.problems import NotFound, UnsupportedMediaType
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_chassis.office.tables import charset_of

router = APIRouter(prefix="/v1/completions", tags=["completions"])

LARGEST_BODY = 8 * 1024 * 1024
_CSV_BODY: dict[str, Any] = {
    "requestBody": {
        "content": {
            "text/csv": {
                "schema": {
                    "type": "string",
                    "description": (
                        "UTF-8, or as `charset` says. A header with the columns, then a row for each "
                        "completion: `source`, `source_id`, "
                        "`course`, `completed_at`, `result`; `external_id`, `email`, `holder_id` or "
                        "`account_home_page` with `account_name`; `credits`; `evidence`, separated by blanks."
                    ),
                }
            }
        }
    }
}


async def _require_known_type(request: Request) -> None:
    sent = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if sent not in {"text/csv", "application/json"}:
        raise UnsupportedMediaType(
            f"Completions are sent as application/json or text/csv; this is {sent or 'of no type'}."
        )


@router.post(
    "",
    response_model=ResultsView,
    dependencies=[requires("completions:write", everyone=True), Depends(_require_known_type)],
    openapi_extra=_CSV_BODY,
    max_body_size=LARGEST_BODY,
)
async def post_completions(request: Request, body: Annotated[Completions, Body()], write: Write) -> Response:
    """Take in up to 1,000 completions, or a CSV file of up to 10,000 rows.

    Each is answered in its place: `recorded`, `duplicate` (known already), `conflict` (its source and id
    were reported with other content; a person decides), `unmatched` (nobody knows whose it is; it counts
    once that is clear) or `rejected`, with the reason. What is rejected keeps no other back.
    """
    given: CompletionsIn = body
    items = given.items(charset_of(request.headers.get("content-type", "")))

    async def run(tx: Transaction, now: datetime) -> list[Outcome]:
        reports = {
            place: item.report() for place, item in enumerate(items) if not isinstance(item, Malformed)
        }
        taken = await commands.take_in(tx, list(reports.values()), now=now)
        taken = await commands.note_courses(tx.conn, list(reports.values()), taken)
        outcomes = dict(zip(reports, taken, strict=True))
        return [
            Outcome(OutcomeKind.REJECTED, code="malformed", detail=item.detail)
            if isinstance(item, Malformed)
            else outcomes[place]
            for place, item in enumerate(items)
        ]

    return await write(
        run, view=lambda outcomes: ResultsView(results=[ResultView.of(each) for each in outcomes])
    )


@router.get("", response_model=Page[CompletionView], responses=CSV_TOO)
async def list_completions(
    request: Request,
    page: PageQuery,
    principal: Annotated[Principal, requires("certifications:read")],
    holder_id: Annotated[UUID | None, Query()] = None,
    unmatched: Annotated[bool | None, Query(description="Only those of nobody known")] = None,
    source: Annotated[str | None, Query(max_length=2000)] = None,
    course: Annotated[str | None, Query(max_length=2000)] = None,
) -> Response:
    """List completions in the order of their ids."""
    asked = CompletionFilter(holder_id, unmatched, source, course, principal.teams, principal.locations)

    async def read(part: PageRequest) -> Page[CompletionView]:
        async with serving(request).database.listing() as conn:
            rows = await store.list_completions(conn, asked, after=part.after(UUID), limit=part.limit + 1)
        return page_of(rows, part.limit, lambda row: row.id, CompletionView.of)

    return await listed(request, page, read, CompletionView)


@router.get("/{completion_id}", response_model=CompletionWithConflicts)
async def get_completion(
    completion_id: UUID, request: Request, principal: Annotated[Principal, requires("certifications:read")]
) -> Response:
    """Return a completion, with what contradicts it."""
    async with serving(request).database.listing() as conn:
        found = await store.read_completion(conn, completion_id)
        conflicts = (await store.conflicts_of(conn, [completion_id])).get(completion_id, [])
    if not principal.may_see(team=found.team, location=found.location):
        raise NotFound(f"There is no completion {completion_id}.")
    return resource(CompletionWithConflicts.with_conflicts(found.completion, conflicts))
