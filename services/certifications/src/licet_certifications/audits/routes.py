"""Audits over HTTP."""

import asyncio
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from licet_certifications.audits import commands, store
from licet_certifications.audits.bodies import AttestationsBody, AuditBody, ClosingBody
from licet_certifications.audits.document import document_of
from licet_certifications.audits.model import AuditItem
from licet_certifications.audits.signing import MEDIA_TYPE
from licet_certifications.audits.store import StoredAudit
from licet_certifications.audits.views import (
    AttestationResultsView,
    AttestationResultView,
    AuditItemView,
    AuditView,
    KeysView,
)
from licet_certifications.codes import Code
from licet_certifications.documents.fonts import fonts
from licet_certifications.documents.pages import render
from licet_certifications.settings import Settings
from licet_certifications.visibility import Visibility
from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events.audits import AttestationOutcome

router = APIRouter(prefix="/v1/audits", tags=["audits"])

Reader = Annotated[Principal, requires("certifications:read")]
Writer = Annotated[Principal, requires("certifications:write")]


@router.post(
    "",
    status_code=201,
    response_model=AuditView,
    dependencies=[requires("certifications:write", everyone=True)],
)
async def post_audit(body: AuditBody, request: Request, write: Write) -> Response:
    """Open an audit of the credentials that are in scope now."""
    plan = body.plan(serving(request).settings.default_time_zone)
    return await write(
        lambda tx, now: commands.open_audit(tx, plan, now=now),
        view=_as_opened,
        status=201,
        location=lambda stored: f"/v1/audits/{stored.state.id}",
    )


@router.get("", response_model=Page[AuditView], responses=CSV_TOO)
async def list_audits(
    request: Request,
    principal: Reader,
    page: PageQuery,
    closed: Annotated[bool | None, Query(description="Only closed audits, or only open ones")] = None,
) -> Response:
    """List audits, newest first, with their progress."""
    seen = Visibility.of(principal)

    async def read(asked: PageRequest) -> Page[AuditView]:
        async with serving(request).database.reading() as conn:
            rows = await store.list_audits(
                conn, closed=closed, after=asked.after(UUID), limit=asked.limit + 1
            )
            counts = await store.count_outcomes(conn, [row.state.id for row in rows], seen)
        return page_of(
            rows, asked.limit, lambda row: row.state.id, lambda row: AuditView.of(row, counts[row.state.id])
        )

    return await listed(request, page, read, AuditView)


@router.get("/keys", response_model=KeysView, dependencies=[requires("certifications:read")])
async def get_keys(request: Request) -> Response:
    """Return the public keys that verify signed results, those of earlier keys too."""
    async with serving(request).database.reading() as conn:
        return resource(KeysView(keys=await store.read_keys(conn)))


@router.get("/{audit_id}", response_model=AuditView)
async def get_audit(audit_id: UUID, request: Request, principal: Reader) -> Response:
    """Return one audit and how far it has come."""
    async with serving(request).database.reading() as conn:
        stored = await store.read_audit(conn, audit_id)
        counts = await store.count_outcomes(conn, [audit_id], Visibility.of(principal))
    return resource(AuditView.of(stored, counts[audit_id]))


@router.get("/{audit_id}/items", response_model=Page[AuditItemView], responses=CSV_TOO)
async def list_items(
    audit_id: UUID,
    request: Request,
    principal: Reader,
    page: PageQuery,
    open: Annotated[bool | None, Query(description="`true`: only those without an attestation")] = None,
    outcome: Annotated[AttestationOutcome | None, Query()] = None,
    type: Annotated[Code | None, Query()] = None,
    team: Annotated[Code | None, Query()] = None,
    location: Annotated[Code | None, Query()] = None,
) -> Response:
    """List an audit's credentials; those of people whose role or location changed come first."""
    filters = {
        "open": open or None,
        "outcome": outcome,
        "type": type,
        "team": team,
        "location": location,
    }

    async def read(asked: PageRequest) -> Page[AuditItemView]:
        async with serving(request).database.reading() as conn:
            await store.read_audit(conn, audit_id)
            rows = await store.list_items(
                conn, audit_id, filters, Visibility.of(principal),
                after=asked.after(tuple[bool, UUID]), limit=asked.limit + 1,
            )  # fmt: skip
        return page_of(rows, asked.limit, lambda item: (not item.reassigned, item.id), AuditItemView.of)

    return await listed(request, page, read, AuditItemView)


@router.post("/{audit_id}/attestations", response_model=AttestationResultsView)
async def post_attestations(
    audit_id: UUID, body: AttestationsBody, principal: Writer, write: Write
) -> Response:
    """Confirm, link a correction, or mark as not verifiable: up to 500 credentials, answered in order."""

    def may_see(item: AuditItem) -> bool:
        return principal.may_see(team=item.team, location=item.location)

    return await write(
        lambda tx, now: commands.attest(
            tx, audit_id, [one.attestation() for one in body.attestations], may_see=may_see, now=now
        ),
        view=lambda results: AttestationResultsView(
            results=[AttestationResultView.of(result) for result in results]
        ),
    )


@router.post(
    "/{audit_id}/close",
    response_model=AuditView,
    dependencies=[requires("certifications:write", everyone=True)],
)
async def post_close(audit_id: UUID, body: ClosingBody, request: Request, write: Write) -> Response:
    """Close an audit and sign its result."""
    settings: Settings = serving(request).settings  # type: ignore[assignment]  # this service has no others

    async def command(tx: Transaction, now: datetime) -> StoredAudit:
        return await commands.close_audit(
            tx, audit_id, signing_key=settings.signing_key_pem, incomplete_reason=body.reason, now=now
        )

    return await write(command, view=lambda stored: AuditView.of(stored, stored.state.counts))


_RESULT: dict[int | str, dict[str, Any]] = {
    200: {"content": {MEDIA_TYPE: {"schema": {"type": "string"}}}, "description": "A JWS (RFC 7515), compact"}
}


@router.get(
    "/{audit_id}/result",
    response_class=Response,
    responses=_RESULT,
    dependencies=[requires("certifications:read", everyone=True)],
)
async def get_result(audit_id: UUID, request: Request) -> Response:
    """Return the signed result, which `licet audit verify` checks without this service."""
    async with serving(request).database.reading() as conn:
        stored = await store.read_audit(conn, audit_id)
    if stored.result is None:
        raise Conflict("The audit is still open; close it to have its result signed.")
    return Response(stored.result, media_type=MEDIA_TYPE)


_REPORT: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {"application/pdf": {"schema": {"type": "string", "format": "binary"}}},
        "description": "A PDF",
    }
}
_MOST_REPORTED = 500


@router.get(
    "/{audit_id}/report",
    response_class=Response,
    responses=_REPORT,
    dependencies=[requires("certifications:read", everyone=True)],
)
async def get_report(audit_id: UUID, request: Request) -> Response:
    """Return an audit as a PDF: its scope, its counts, and up to 500 records that nobody could verify."""
    running = serving(request)
    async with running.database.reading() as conn:
        stored = await store.read_audit(conn, audit_id)
        counts = (await store.count_outcomes(conn, [audit_id], Visibility()))[audit_id]
        items = await store.list_items(
            conn, audit_id, {"outcome": AttestationOutcome.NOT_VERIFIABLE}, Visibility(),
            after=None, limit=_MOST_REPORTED,
        )  # fmt: skip
    rows = [(item.type, str(item.credential_id), str(item.holder_id)) for item in items]
    page = document_of(stored, counts, rows, now=running.clock.now(), fonts=fonts())
    return Response(await asyncio.to_thread(render, page), media_type="application/pdf")


def _as_opened(stored: StoredAudit) -> AuditView:
    return AuditView.of(stored, stored.state.counts)
