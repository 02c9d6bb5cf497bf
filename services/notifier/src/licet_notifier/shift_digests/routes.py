"""Every mail about shifts at risk, sent or not, with its reason."""

from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel

from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.serving import serving_of
from licet_events.notifications import RecipientRole
from licet_notifier.shift_digests import store
from licet_notifier.shift_digests.model import DigestReason, DigestState

router = APIRouter(prefix="/v1", tags=["notifications"])


class ShiftDigestOut(BaseModel):
    """A mail about the shifts of one team to one recipient."""

    id: UUID
    team: str | None
    role: RecipientRole
    """`manager` for a supervisor, or `fallback`."""
    recipient_id: UUID | None
    urgent: bool
    """Whether its shifts began within 48 hours; else it is the digest of the day."""
    shift_ids: list[UUID]
    """The shifts that it was made for; those cleared before it was sent are not in its text."""
    outcome: DigestState
    reason: DigestReason
    attempts: int
    """Those that count: the mail server's own trouble uses none."""
    unknown_attempts: int
    smtp_status: int | None
    smtp_answer: str | None
    """What the mail server said to the last attempt, and at which step."""
    message_id: str | None
    template_version: str | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Any) -> Self:
        """Show a mail."""
        return cls(
            outcome=DigestState(row["state"]),
            attempts=row["counted_attempts"],
            **{name: row[name] for name in cls.model_fields if name not in {"outcome", "attempts"}},
        )


@router.get("/shift-digests", response_model=Page[ShiftDigestOut], responses=CSV_TOO)
async def list_shift_digests(
    request: Request, principal: Annotated[Principal, requires("notifications:read")], page: PageQuery
) -> Response:
    """List mails to supervisors about shifts at risk, newest first, each with what became of it.

    A token that is limited to teams sees those of its teams; one limited to locations sees none.
    """
    teams = None if principal.teams is None else sorted(principal.teams)

    async def read(asked: PageRequest) -> Page[ShiftDigestOut]:
        async with serving_of(request.scope).database.reading() as conn:
            rows = await store.list_digests(
                conn,
                before=asked.after(tuple[datetime, UUID]),
                teams=teams if principal.locations is None else [],
                limit=asked.limit + 1,
            )
        return page_of(rows, asked.limit, lambda row: (row["created_at"], row["id"]), ShiftDigestOut.of)

    return await listed(request, page, read, ShiftDigestOut)
