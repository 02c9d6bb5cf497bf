"""HTTP for what was."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request

from licet_chassis.http.paging import Page, PageQuery, page_of
from licet_chassis.http.serving import serving
from licet_credentials.access import EVERYONE, READ
from licet_credentials.credentials.store import require_credential
from licet_credentials.credentials.views import TermOut
from licet_credentials.history import store
from licet_credentials.history.store import HistoryLine

router = APIRouter(prefix="/v1/credentials", tags=["history"], dependencies=[EVERYONE])


class HistoryOut(BaseModel):
    """One change of a credential."""

    version: int
    event_type: str
    at: datetime
    actor: str
    reason: str | None
    note: str | None
    details: Mapping[str, Any]

    @classmethod
    def of(cls, line: HistoryLine) -> "HistoryOut":
        """Show a line of history."""
        return cls(**{name: getattr(line, name) for name in line.__slots__})


@router.get("/{credential_id}/terms", dependencies=[READ])
async def terms(request: Request, credential_id: UUID) -> Page[TermOut]:
    """List every revision of every term, with the time during which it was believed."""
    async with serving(request).database.reading() as conn:
        await require_credential(conn, credential_id)
        rows = await store.read_terms(conn, credential_id)
    return Page(items=[TermOut.of(*row) for row in rows], next_cursor=None)


@router.get("/{credential_id}/history", dependencies=[READ])
async def history(request: Request, credential_id: UUID, page: PageQuery) -> Page[HistoryOut]:
    """List what happened, oldest first."""
    async with serving(request).database.reading() as conn:
        await require_credential(conn, credential_id)
        rows = await store.read_history(conn, credential_id, page.after(int) or 0, page.limit + 1)
    return page_of(rows, page.limit, lambda line: line.version, HistoryOut.of)
