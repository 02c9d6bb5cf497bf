"""HTTP for checks of credentials against sources."""

from datetime import datetime
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import MaybeIfMatch
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_credentials.access import READ, WRITE, ReaderSees
from licet_credentials.credentials.bodies import VerificationIn
from licet_credentials.credentials.commands.verifying import verify_credential
from licet_credentials.credentials.store import require_credential
from licet_credentials.credentials.verification import Check
from licet_credentials.credentials.views import CredentialOut, VerificationOut
from licet_credentials.inputs import Code, Instant
from licet_credentials.verifications import store
from licet_credentials.verifications.store import Due, DueFilter

router = APIRouter(prefix="/v1", tags=["verifications"])


@router.post(
    "/credentials/{credential_id}/verifications",
    status_code=201,
    response_model=CredentialOut,
    dependencies=[WRITE],
)
async def verify(
    request: Request, credential_id: UUID, body: VerificationIn, expected: MaybeIfMatch, write: Write
) -> Response:
    """Record a check of a term against a source, with any result."""
    fields = body.model_dump()
    term_id: UUID | None = fields.pop("term_id")
    check = Check(**fields)
    now = serving(request).clock.now()
    return await write(
        lambda tx, now: verify_credential(
            tx, credential_id, check, term_id=term_id, expected_version=expected, now=now
        ),
        view=lambda credential: CredentialOut.of(credential, now),
        status=201,
        location=lambda _: f"/v1/credentials/{credential_id}/verifications",
    )


@router.get(
    "/credentials/{credential_id}/verifications",
    response_model=Page[VerificationOut],
    dependencies=[READ],
    responses=CSV_TOO,
)
async def list_(request: Request, credential_id: UUID, page: PageQuery) -> Response:
    """List the checks of a credential, the latest first."""

    async def read(asked: PageRequest) -> Page[VerificationOut]:
        async with serving(request).database.reading() as conn:
            await require_credential(conn, credential_id)
            after = asked.after(tuple[Instant, UUID])
            rows = await store.list_verifications(conn, credential_id, after, asked.limit + 1)
        return page_of(rows, asked.limit, lambda row: (row.checked_at, row.id), VerificationOut.of)

    return await listed(request, page, read, VerificationOut)


class DueOut(CredentialOut):
    """A credential whose check is due."""

    due_since: datetime

    @classmethod
    def of_due(cls, due: Due, now: datetime) -> "DueOut":
        """Show a credential as it is at `now`, with the expiry of its latest check."""
        return cls(**CredentialOut.of(due.credential, now).model_dump(), due_since=due.since)


@router.get("/verifications/due", response_model=Page[DueOut], responses=CSV_TOO)
async def due(
    request: Request,
    sees: ReaderSees,
    page: PageQuery,
    before: Instant | None = None,
    type: Code | None = None,
    team: Code | None = None,
    location: Code | None = None,
) -> Response:
    """List credentials whose confirming check expires before an instant, by default now.

    The longest expired come first. Credentials that were never confirmed are left out.
    """
    now = serving(request).clock.now()
    wanted = DueFilter(before=before or now, type=type, team=team, location=location)

    async def read(asked: PageRequest) -> Page[DueOut]:
        after = asked.after(tuple[Instant, UUID])
        async with serving(request).database.reading() as conn:
            rows = await store.list_due(conn, wanted, sees, after, asked.limit + 1)
        return page_of(
            rows, asked.limit, lambda row: (row.since, row.credential.id), lambda row: DueOut.of_due(row, now)
        )

    return await listed(request, page, read, DueOut)
