"""HTTP for differences between announced and computed statuses, and for awards that had no effect."""

from datetime import timedelta
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from licet_certifications.doctor import store
from licet_certifications.doctor.model import AwaitedAward, Difference, awaited_award, difference
from licet_chassis.http.auth import requires
from licet_chassis.http.paging import PageQuery, cursor_after
from licet_chassis.http.resources import resource
from licet_chassis.http.serving import serving
from licet_events.enrolments import EnrolmentStatus
from licet_events.event import Instant

router = APIRouter(prefix="/v1/differences", tags=["operations"])

PATIENCE = timedelta(minutes=5)
"""Younger differences may still be on their way through credentials and broker."""


class DifferenceView(BaseModel):
    """An enrolment whose announced status differs from the computed one."""

    enrolment_id: UUID
    holder_id: UUID
    credential_id: UUID | None
    announced: EnrolmentStatus
    computed: EnrolmentStatus
    since: Instant

    @classmethod
    def of(cls, found: Difference) -> Self:
        """Show a difference."""
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class AwaitedAwardView(BaseModel):
    """An award that was published and of which no credential has come back."""

    award_id: UUID
    enrolment_id: UUID
    holder_id: UUID
    credential_type: str
    awarded_at: Instant

    @classmethod
    def of(cls, found: AwaitedAward) -> Self:
        """Show an award."""
        return cls(**{name: getattr(found, name) for name in cls.model_fields})


class DifferencesView(BaseModel):
    """What does not agree in a page of enrolments."""

    checked: int
    """Enrolments in the page."""
    items: list[DifferenceView]
    awaited_awards: list[AwaitedAwardView]
    next_cursor: str | None


@router.get("", response_model=DifferencesView, dependencies=[requires("operations:read", everyone=True)])
async def differences(
    request: Request,
    page: PageQuery,
    older_than_seconds: Annotated[float, Query(ge=0, le=30 * 86_400)] = PATIENCE.total_seconds(),
) -> Response:
    """Compare announced and computed status of `limit` enrolments, after those of the page before."""
    at = serving(request).clock.now() - timedelta(seconds=older_than_seconds)
    async with serving(request).database.reading() as conn:
        examined = await store.enrolments_after(conn, page.after(UUID), page.limit, at=at)
    different = [found for each in examined if (found := difference(each, at)) is not None]
    awaited = [award for each in examined if (award := awaited_award(each.enrolment, at)) is not None]
    last = examined[-1].enrolment.state.id if len(examined) == page.limit else None
    return resource(
        DifferencesView(
            checked=len(examined),
            items=[DifferenceView.of(each) for each in different],
            awaited_awards=[AwaitedAwardView.of(each) for each in awaited],
            next_cursor=None if last is None else cursor_after(last),
        )
    )
