"""What callers are shown of gaps."""

from collections.abc import Sequence
from datetime import date
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from licet_certifications.gaps.model import Dimension, Gap, GapState, GapSummary
from licet_events.event import Instant


class WeekView(BaseModel):
    """One week of the burn-down."""

    starts_on: date
    losing: int
    """Holders who lose eligibility in this week."""
    eligible: int
    """Holders who are still eligible for all their targets at its end, if nothing is done."""


class GapSummaryView(BaseModel):
    """The holders of one group; of the five names only those that were grouped by are set."""

    team: str | None = None
    location: str | None = None
    role: str | None = None
    """`role:<code>` or `queue:<code>`."""
    type: str | None = None
    programme: str | None = None
    holders: int
    """Active holders of the group."""
    losing: int
    """Eligible for something now that they lose within the window."""
    without: int
    """Not eligible for something now."""
    renewing: int
    """Of both: holders with an open enrolment that leads to what is lacking."""
    waived: int
    """Eligible only thanks to a waiver."""
    weeks: list[WeekView]

    @classmethod
    def of(cls, summary: GapSummary, by: Sequence[Dimension]) -> Self:
        """Show one group."""
        return cls(
            **dict(zip(by, summary.group, strict=True)),
            holders=summary.holders,
            losing=summary.losing,
            without=summary.without,
            renewing=summary.renewing,
            waived=summary.waived,
            weeks=[
                WeekView(starts_on=week.starts_on, losing=week.losing, eligible=week.eligible)
                for week in summary.weeks
            ],
        )


class GapView(BaseModel):
    """One holder and target with something to do about it."""

    holder_id: UUID
    team: str | None
    location: str | None
    target: str
    state: GapState
    at: Instant | None
    """When eligibility ends; `null` where there is none now, or a waiver bears it."""
    types: list[str]
    """The credential types that are lacking, or that a waiver stands for."""
    programmes: list[str]
    """The programmes that lead to one of them."""
    renewing: bool

    @classmethod
    def of(cls, gap: Gap) -> Self:
        """Show one gap."""
        return cls(
            holder_id=gap.holder_id,
            team=gap.team,
            location=gap.location,
            target=gap.target,
            state=gap.state,
            at=gap.at,
            types=list(gap.types),
            programmes=list(gap.programmes),
            renewing=gap.renewing,
        )
