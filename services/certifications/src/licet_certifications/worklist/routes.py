"""The worklist over HTTP."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field
from starlette.responses import Response

from licet_certifications.codes import Code
from licet_certifications.worklist import commands, store
from licet_certifications.worklist.commands import Decider, Outcome
from licet_certifications.worklist.model import Ruling, Verb
from licet_certifications.worklist.store import ItemFilter, Listed
from licet_chassis.database import Transaction
from licet_chassis.errors import STATUSES, Invalid, Refused
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import Body
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write
from licet_events.event import Instant

AT_ONCE = 100
"""How many decisions one request may carry."""


class DecidersView(BaseModel):
    """Who may decide."""

    scope: str
    teams: list[str]
    """Empty: people of any team."""
    locations: list[str]
    not_by: list[str]
    """Who may not approve: whoever applied, or has approved already."""


class ItemView(BaseModel):
    """Something that waits for a person."""

    id: UUID
    kind: str
    enrolment_id: UUID | None
    holder_id: UUID | None
    since: Instant
    age_days: int
    """Whole days since then."""
    needs: str
    may_decide: DecidersView
    details: dict[str, str]
    """Codes and ids of what it is about, such as `programme` and `component`."""

    @classmethod
    def of(cls, listed: Listed, now: datetime) -> "ItemView":
        """Show an item as it is at `now`."""
        item, deciders = listed.item, listed.item.deciders
        return cls(
            id=item.id,
            kind=item.kind,
            enrolment_id=item.enrolment_id,
            holder_id=item.holder_id,
            since=item.since,
            age_days=max((now - item.since).days, 0),
            needs=item.needs,
            may_decide=DecidersView(
                scope=deciders.scope,
                teams=list(deciders.teams),
                locations=list(deciders.locations),
                not_by=list(deciders.barred),
            ),
            details=dict(item.details),
        )


class DecisionBody(Body):
    """A decision about one item."""

    item: UUID
    decision: Verb
    reason: Annotated[str, Field(min_length=1, max_length=2000)] | None = None
    """In words; required unless it is approved."""
    components: list[Code] = Field(default=[], max_length=200)
    """What has to be done again, where work is returned; empty: all of it."""
    holder_id: UUID | None = None
    """Whose it is, where an unmatched completion is approved."""


class DecisionsBody(Body):
    """Decisions, carried out in this order."""

    decisions: Annotated[list[DecisionBody], Field(min_length=1, max_length=AT_ONCE)]


class DecisionView(BaseModel):
    """What became of one decision."""

    item: UUID
    outcome: str
    """`done` or `refused`."""
    status: int
    """The HTTP status that the decision would have had alone."""
    detail: str | None
    """Why it was refused."""

    @classmethod
    def of(cls, outcome: Outcome) -> "DecisionView":
        """Show what became of a decision."""
        refused = outcome.refused
        if refused is None:
            return cls(item=outcome.item_id, outcome="done", status=200, detail=None)
        return cls(item=outcome.item_id, outcome="refused", status=_status(refused), detail=refused.detail)


class DecisionsView(BaseModel):
    """What became of each decision, in the order of the request."""

    decisions: list[DecisionView]


def worklist_router(deciders: Mapping[str, Decider]) -> APIRouter:
    """Return the routes of the worklist; `deciders` carries out rulings, by the kind of item."""
    router = APIRouter(prefix="/v1/worklist", tags=["worklist"])

    @router.get("", response_model=Page[ItemView], responses=CSV_TOO)
    async def list_worklist(
        request: Request,
        page: PageQuery,
        principal: Annotated[Principal, requires("certifications:read")],
        kind: Annotated[list[Code] | None, Query(max_length=20)] = None,
        holder_id: Annotated[UUID | None, Query()] = None,
        enrolment_id: Annotated[UUID | None, Query()] = None,
    ) -> Response:
        """List what waits for a person, oldest first."""
        asked = ItemFilter(kind, holder_id, enrolment_id, principal.teams, principal.locations)
        running = serving(request)

        async def read(part: PageRequest) -> Page[ItemView]:
            now = running.clock.now()
            async with running.database.listing() as conn:
                rows = await store.list_items(
                    conn, asked, after=part.after(tuple[Instant, UUID]), limit=part.limit + 1
                )
            return page_of(
                rows, part.limit, lambda row: (row.item.since, row.item.id), lambda row: ItemView.of(row, now)
            )

        return await listed(request, page, read, ItemView)

    @router.post("/decisions", response_model=DecisionsView)
    async def post_decisions(
        body: DecisionsBody,
        write: Write,
        principal: Annotated[Principal, requires("certifications:approve")],
    ) -> Response:
        """Decide up to 100 items; each is answered in its place, and a refusal keeps no other back.

        A single decision that is refused is answered with the refusal itself.
        """
        rulings = [(each.item, _ruling(each, index)) for index, each in enumerate(body.decisions)]

        async def run(tx: Transaction, now: datetime) -> list[Outcome]:
            try:
                return await commands.decide_all(tx, deciders, rulings, by=principal, now=now)
            except Invalid as error:  # only that of a single decision is raised
                raise Invalid(error.detail, pointer=f"/decisions/0{error.pointer or ''}") from None

        return await write(
            run, view=lambda outcomes: DecisionsView(decisions=[DecisionView.of(each) for each in outcomes])
        )

    return router


def _ruling(body: DecisionBody, index: int) -> Ruling:
    try:
        return Ruling(body.decision, body.reason, tuple(body.components), body.holder_id)
    except Invalid as error:
        raise Invalid(error.detail, pointer=f"/decisions/{index}{error.pointer}") from None


def _status(refused: Refused) -> int:
    return next(STATUSES[each] for each in type(refused).__mro__ if each in STATUSES)
