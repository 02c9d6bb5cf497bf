"""Gaps over HTTP."""

from collections.abc import Callable
from contextlib import aclosing
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from licet_certifications.codes import Code, Target
from licet_certifications.gaps import store
from licet_certifications.gaps.model import Dimension, Gap, GapState, GapTally
from licet_certifications.gaps.store import GapQuery
from licet_certifications.gaps.views import GapSummaryView, GapView
from licet_certifications.visibility import Visibility
from licet_chassis.errors import Invalid
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.serving import serving

LONGEST_WINDOW = 366
_HOLDERS_READ = 500
"""Holders whose timelines one statement reads for a page of the list."""

router = APIRouter(prefix="/v1/gaps", tags=["gaps"])

Reader = Annotated[Principal, requires("eligibility:read")]
Within = Annotated[int, Query(ge=1, le=LONGEST_WINDOW, description="The window, in days from now")]


async def _query(
    request: Request,
    principal: Reader,
    within: Within = 90,
    team: Annotated[Code | None, Query()] = None,
    location: Annotated[Code | None, Query()] = None,
    role: Annotated[Target | None, Query(description="`role:<code>` or `queue:<code>`")] = None,
) -> GapQuery:
    now = serving(request).clock.now()
    return GapQuery(now, within, Visibility.of(principal), team, location, role)


AskedFor = Annotated[GapQuery, Depends(_query)]


def _dimensions(
    by: Annotated[str, Query(description="team, location, role, type, programme; commas between")] = "team",
) -> list[Dimension]:
    names = by.split(",")
    try:
        dimensions = [Dimension(name) for name in names]
    except ValueError:
        known = ", ".join(Dimension)
        raise Invalid(f"by groups by {known}, with commas between; {by!r} names something else.") from None
    if len(set(dimensions)) < len(dimensions):
        raise Invalid(f"by names one of its dimensions twice: {by!r}.")
    return dimensions


@router.get("", response_model=Page[GapSummaryView], responses=CSV_TOO)
async def list_gaps(
    request: Request,
    query: AskedFor,
    by: Annotated[list[Dimension], Depends(_dimensions)],
    page: PageQuery,
) -> Response:
    """Count, for each group, who will lose eligibility within the window, and who has none; week by week."""

    async def read(asked: PageRequest) -> Page[GapSummaryView]:
        tally = GapTally(by, serving(request).settings.default_time_zone, query.start, query.within_days)
        async with serving(request).database.listing() as conn:
            async with aclosing(store.read_gaps(conn, query)) as chunks:
                async for gaps in chunks:
                    tally.add(gaps)
            holders = await store.count_holders(conn, query, by)
        skipped = asked.after(int) or 0
        summaries = list(enumerate(tally.summaries(holders), start=1))[skipped : skipped + asked.limit + 1]
        return page_of(summaries, asked.limit, lambda row: row[0], lambda row: GapSummaryView.of(row[1], by))

    return await listed(request, page, read, GapSummaryView)


@router.get("/holders", response_model=Page[GapView], responses=CSV_TOO)
async def list_holders_with_gaps(
    request: Request,
    query: AskedFor,
    page: PageQuery,
    state: Annotated[GapState | None, Query()] = None,
    type: Annotated[Code | None, Query(description="Only for want of this credential type")] = None,
    programme: Annotated[Code | None, Query(description="Only what this programme leads to")] = None,
    renewing: Annotated[bool | None, Query()] = None,
) -> Response:
    """List the holders and targets behind the counts, in order of holder ids."""

    def wanted(gap: Gap) -> bool:
        return (
            (state is None or gap.state is state)
            and (type is None or type in gap.types)
            and (programme is None or programme in gap.programmes)
            and (renewing is None or gap.renewing is renewing)
        )

    async def read(asked: PageRequest) -> Page[GapView]:
        rows = await _read_page(request, query, wanted, asked)
        return page_of(rows, asked.limit, lambda gap: (gap.holder_id, gap.target), GapView.of)

    return await listed(request, page, read, GapView)


async def _read_page(
    request: Request, query: GapQuery, wanted: Callable[[Gap], bool], asked: PageRequest
) -> list[Gap]:
    """Return the gaps of a page and one more; of the holder whom the page before ended with, what is left."""
    after = asked.after(tuple[UUID, str])
    found: list[Gap] = []
    async with serving(request).database.listing() as conn:
        if after is not None:
            left = await store.read_gaps_of(conn, query, after[0])
            found = [gap for gap in left if gap.target > after[1] and wanted(gap)]
        chunks = store.read_gaps(conn, query, after=after and after[0], chunk=_HOLDERS_READ)
        async with aclosing(chunks):
            async for gaps in chunks:
                found += filter(wanted, gaps)
                if len(found) > asked.limit:
                    break
    return found
