"""HTTP for awards: the outcome of each, and why an award was refused."""

from datetime import datetime
from typing import Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.serving import serving
from licet_credentials.access import ReaderSees
from licet_credentials.awards import store
from licet_credentials.awards.model import Award, Outcome, Reason
from licet_credentials.awards.store import AwardFilter
from licet_credentials.inputs import Instant

router = APIRouter(prefix="/v1/awards", tags=["awards"])


class AwardOut(BaseModel):
    """An award and its outcome."""

    id: UUID
    enrolment_id: UUID
    holder_id: UUID
    """The holder named by the award."""
    credential_type: str
    outcome: Outcome
    reason: Reason | None
    """Why it was refused."""
    detail: str | None
    credential_id: UUID | None
    term_id: UUID | None
    awarded_at: datetime
    decided_at: datetime

    @classmethod
    def of(cls, award: Award) -> Self:
        """Show an award."""
        return cls(
            id=award.id,
            enrolment_id=award.enrolment_id,
            holder_id=award.holder_id,
            credential_type=award.type,
            outcome=award.result.outcome,
            reason=award.result.reason,
            detail=award.result.detail,
            credential_id=award.result.credential_id,
            term_id=award.result.term_id,
            awarded_at=award.awarded_at,
            decided_at=award.decided_at,
        )


@router.get("", response_model=Page[AwardOut], responses=CSV_TOO)
async def list_(
    request: Request,
    sees: ReaderSees,
    page: PageQuery,
    id: UUID | None = None,
    enrolment_id: UUID | None = None,
    holder_id: UUID | None = None,
    outcome: Outcome | None = None,
) -> Response:
    """List decided awards of programmes, the latest decision first."""
    wanted = AwardFilter(id, enrolment_id, holder_id, outcome)

    async def read(asked: PageRequest) -> Page[AwardOut]:
        after = asked.after(tuple[Instant, UUID])
        async with serving(request).database.reading() as conn:
            rows = await store.list_awards(conn, wanted, sees, after, asked.limit + 1)
        return page_of(rows, asked.limit, lambda row: (row.decided_at, row.id), AwardOut.of)

    return await listed(request, page, read, AwardOut)
