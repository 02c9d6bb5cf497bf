"""Eligibility over HTTP: one timeline, or the verdicts for a whole roster."""

from collections.abc import Iterable
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from licet_certifications.codes import Target
from licet_certifications.eligibility import commands, model, store
from licet_certifications.eligibility.store import Shift
from licet_chassis.connection import Connection
from licet_chassis.errors import Invalid, NotFound
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.resources import Body
from licet_chassis.http.serving import serving
from licet_events.eligibility import ANYWHERE, FactVersion, Interval, Reason, Verdict
from licet_events.event import Instant

_NOBODY = UUID(int=0)

router = APIRouter(prefix="/v1/eligibility", tags=["eligibility"])

Somewhere = Annotated[str, StringConstraints(pattern=r"^(\*|[A-Za-z0-9][A-Za-z0-9._-]{0,63})$")]


class TimelineView(BaseModel):
    """The timeline of a holder for a target."""

    holder_id: UUID
    target: str
    location: str
    """Of the timeline that answers: the one asked for, or `*` where that has none of its own."""
    version: int | None
    """`null` where there is no stored decision, such as for a target that nobody knows."""
    computed_at: Instant | None
    intervals: list[Interval]
    facts: list[FactVersion]
    """The versions of the facts that the decision rests on."""


class Check(Body):
    """A shift: may this holder do this work for the whole of [start, end)?"""

    holder_id: UUID
    target: Target
    location: Somewhere = ANYWHERE
    start: Instant
    end: Instant


class Checks(Body):
    """Shifts to check at once."""

    checks: Annotated[list[Check], Field(max_length=1000)]


class CheckView(BaseModel):
    """The worst verdict within a shift, and why."""

    holder_id: UUID
    target: str
    location: str
    start: Instant
    end: Instant
    verdict: Verdict
    reasons: list[Reason]


class ChecksView(BaseModel):
    """A verdict for each check, in the same order."""

    checks: list[CheckView]


@router.get("/{holder_id}")
async def get_timeline(
    holder_id: UUID,
    target: Annotated[Target, Query(description="`role:<code>` or `queue:<code>`")],
    request: Request,
    principal: Annotated[Principal, requires("eligibility:read")],
    location: Annotated[Somewhere, Query()] = ANYWHERE,
    start: Annotated[Instant | None, Query(alias="from")] = None,
    end: Annotated[Instant | None, Query(alias="to")] = None,
) -> TimelineView:
    """Return who may do the work from when until when, and why, within [from, to)."""
    if start is not None and end is not None and end <= start:
        raise Invalid("The instant `to` must be after `from`; the window is half-open.")
    async with serving(request).database.reading() as conn:
        holder = (await store.read_holders(conn, [holder_id])).get(holder_id)
        if holder is None or not principal.may_see(team=holder.team, location=holder.location):
            raise NotFound(f"There is no holder {holder_id} here.")
        timeline = await commands.read_timeline(conn, holder, target, location)
    decision = timeline.decision
    return TimelineView(
        holder_id=holder_id,
        target=target,
        location=timeline.location,
        version=None if decision is None else decision.version,
        computed_at=None if decision is None else decision.computed_at,
        intervals=list(model.clip(timeline.intervals, start, end)),
        facts=[] if decision is None else list(decision.facts),
    )


@router.post("/checks")
async def post_checks(
    body: Checks, request: Request, principal: Annotated[Principal, requires("eligibility:read")]
) -> ChecksView:
    """Check up to 1,000 shifts; nothing is changed by it."""
    for index, check in enumerate(body.checks):
        if check.end <= check.start:
            raise Invalid("A shift must end after it starts.", pointer=f"/checks/{index}/end")
    shifts = [
        Shift(check.holder_id, check.target, check.location, check.start, check.end) for check in body.checks
    ]
    async with serving(request).database.reading() as conn:
        hidden = await _hidden(conn, principal, shifts)
        # Of somebody whom the token may not see is said what is said of somebody who does not exist.
        said = await commands.check(
            conn,
            [shift._replace(holder_id=_NOBODY) if shift.holder_id in hidden else shift for shift in shifts],
        )
    return ChecksView(
        checks=[
            CheckView(**check.model_dump(), verdict=one.verdict, reasons=list(one.reasons))
            for check, one in zip(body.checks, said, strict=True)
        ]
    )


async def _hidden(conn: Connection, principal: Principal, shifts: Iterable[Shift]) -> frozenset[UUID]:
    """Return the holders whom the token may not see."""
    if principal.teams is None and principal.locations is None:
        return frozenset()
    holders = await store.read_holders(conn, sorted({shift.holder_id for shift in shifts}))
    return frozenset(
        holder.id
        for holder in holders.values()
        if not principal.may_see(team=holder.team, location=holder.location)
    )
