"""HTTP for differences between announced and computed validity."""

from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel
from starlette.requests import Request

from licet_chassis.http.auth import requires
from licet_chassis.http.paging import PageQuery, cursor_after
from licet_chassis.http.serving import serving
from licet_credentials.doctor import store
from licet_credentials.doctor.model import Difference, difference
from licet_events.credentials import Validity

router = APIRouter(prefix="/v1/differences", tags=["operations"])

PATIENCE = timedelta(minutes=5)
"""Younger differences may still be on their way through scheduler and broker."""


class DifferenceOut(BaseModel):
    """A credential whose announced validity differs from the computed one."""

    credential_id: UUID
    holder_id: UUID
    announced: Validity
    computed: Validity
    since: datetime

    @classmethod
    def of(cls, found: Difference) -> "DifferenceOut":
        """Show a difference."""
        return cls(**{name: getattr(found, name) for name in found.__slots__})


class Differences(BaseModel):
    """The differences in a page of credentials."""

    checked: int
    """Credentials in the page."""
    items: list[DifferenceOut]
    next_cursor: str | None


@router.get("", dependencies=[requires("operations:read", everyone=True)])
async def differences(
    request: Request,
    page: PageQuery,
    older_than_seconds: Annotated[float, Query(ge=0, le=30 * 86_400)] = PATIENCE.total_seconds(),
) -> Differences:
    """Compare announced and computed validity of `limit` credentials, after those of the page before."""
    at = serving(request).clock.now() - timedelta(seconds=older_than_seconds)
    async with serving(request).database.reading() as conn:
        looked_at = await store.credentials_after(conn, page.after(UUID), page.limit)
    found = [each for credential in looked_at if (each := difference(credential, at)) is not None]
    return Differences(
        checked=len(looked_at),
        items=[DifferenceOut.of(each) for each in found],
        next_cursor=cursor_after(looked_at[-1].id) if len(looked_at) == page.limit else None,
    )
