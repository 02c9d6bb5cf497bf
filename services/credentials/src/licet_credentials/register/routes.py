"""HTTP for finding credentials."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request

from licet_chassis.http.paging import Page, PageQuery, page_of
from licet_chassis.http.serving import serving
from licet_credentials.access import READ
from licet_credentials.credentials.views import CredentialOut
from licet_credentials.inputs import Code, Country, Day, Subdivision
from licet_credentials.register import store
from licet_credentials.register.store import CredentialFilter
from licet_events.catalogue import Category
from licet_events.credentials import Validity

router = APIRouter(prefix="/v1/credentials", tags=["credentials"])


def _filter(
    validity: Annotated[list[Validity] | None, Query()] = None,
    type: Code | None = None,
    category: Category | None = None,
    holder_id: UUID | None = None,
    team: Code | None = None,
    location: Code | None = None,
    country: Country | None = None,
    subdivision: Subdivision | None = None,
    expires_from: Day | None = None,
    expires_to: Day | None = None,
    q: Annotated[str | None, Query(max_length=200, description="part of name, number or holder")] = None,
) -> CredentialFilter:
    return CredentialFilter(
        validity=tuple(validity) if validity else None,
        type=type,
        category=category,
        holder_id=holder_id,
        team=team,
        location=location,
        country=country,
        subdivision=subdivision,
        expires_from=expires_from,
        expires_to=expires_to,
        q=q,
    )


@router.get("", dependencies=[READ])
async def list_(
    request: Request, wanted: Annotated[CredentialFilter, Depends(_filter)], page: PageQuery
) -> Page[CredentialOut]:
    """List credentials in the order of their entry, by their present validity; voided ones are left out."""
    now = serving(request).clock.now()
    async with serving(request).database.reading() as conn:
        rows = await store.list_credentials(
            conn, wanted, now=now, after=page.after(UUID), limit=page.limit + 1
        )
    return page_of(rows, page.limit, lambda row: row.id, lambda row: CredentialOut.of(row, now))
