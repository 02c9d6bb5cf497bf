"""Eligibility over HTTP: one timeline, or the verdicts for a whole roster."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from licet_certifications.codes import Target
from licet_certifications.eligibility import commands, reading
from licet_certifications.eligibility.contract import clipped, reason_of
from licet_certifications.eligibility.store import Shift
from licet_certifications.periods import When, begin_of, end_of, period_of, zone_of
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
    start: When
    end: When
    """A date is the last day, included; days are those of the location's zone, else the deployment's."""


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
    start: Annotated[When | None, Query(alias="from", description="An instant or a day")] = None,
    end: Annotated[When | None, Query(alias="to", description="An instant, or the last day")] = None,
) -> TimelineView:
    """Return who may do the work from when until when, and why, within [from, to).

    Days are those of the location's zone, else the deployment's.
    """
    async with serving(request).database.reading() as conn:
        zone = await zone_of(conn, location, serving(request).settings.default_time_zone)
        first = None if start is None else begin_of(start, zone)
        last = None if end is None else end_of(end, zone)
        if first is not None and last is not None and last <= first:
            raise Invalid(
                "`to` must be after `from`; the window is half-open, and a date as `to` is the last day."
            )
        holder = (await reading.read_holders(conn, [holder_id])).get(holder_id)
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
        intervals=list(clipped(timeline.intervals, first, last)),
        facts=[] if decision is None else list(decision.facts),
    )


@router.post("/checks")
async def post_checks(
    body: Checks, request: Request, principal: Annotated[Principal, requires("eligibility:read")]
) -> ChecksView:
    """Check up to 1,000 shifts; nothing is changed by it."""
    running = serving(request)
    async with running.database.reading() as conn:
        zones = {
            location: await zone_of(conn, location, running.settings.default_time_zone)
            for location in {check.location for check in body.checks}
        }
        shifts = [
            Shift(check.holder_id, check.target, check.location, *_period(check, zones, index))
            for index, check in enumerate(body.checks)
        ]
        hidden = await _hidden(conn, principal, shifts)
        # Somebody whom the token may not see is answered for as somebody who does not exist.
        answers = await commands.check(
            conn,
            [shift._replace(holder_id=_NOBODY) if shift.holder_id in hidden else shift for shift in shifts],
        )
    return ChecksView(
        checks=[
            CheckView(
                **shift._asdict(), verdict=one.verdict, reasons=[reason_of(each) for each in one.reasons]
            )
            for shift, one in zip(shifts, answers, strict=True)
        ]
    )


async def _hidden(conn: Connection, principal: Principal, shifts: Iterable[Shift]) -> frozenset[UUID]:
    """Return the holders whom the token may not see."""
    if principal.teams is None and principal.locations is None:
        return frozenset()
    holders = await reading.read_holders(conn, sorted({shift.holder_id for shift in shifts}))
    return frozenset(
        holder.id
        for holder in holders.values()
        if not principal.may_see(team=holder.team, location=holder.location)
    )


def _period(check: Check, zones: Mapping[str, str], index: int) -> tuple[datetime, datetime]:
    pointer = f"/checks/{index}/end"
    return period_of(check.start, check.end, zones[check.location], what="A shift", pointer=pointer)
