"""Eligibility over HTTP: one timeline, or the verdicts for a whole roster."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, Field, StringConstraints

from licet_certifications.codes import Target
from licet_certifications.eligibility import commands, model, store
from licet_certifications.eligibility.commands import Answer
from licet_certifications.eligibility.store import Question
from licet_certifications.errors import Invalid, NotFound
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.resources import Body
from licet_chassis.http.serving import serving
from licet_events.eligibility import ANYWHERE, FactVersion, Interval, Reason, ReasonCode, Verdict
from licet_events.event import Instant

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
        [answer] = await commands.answer(conn, [Question(holder_id, target, location)])
        if not answer.found.holder_known or not _may_see(principal, answer):
            raise NotFound(f"There is no holder {holder_id} here.")
        decision = (
            await store.read_timeline(conn, holder_id, target, answer.location)
            if answer.found.intervals is not None
            else None
        )
    intervals = answer.intervals if decision is None else decision.intervals
    return TimelineView(
        holder_id=holder_id,
        target=target,
        location=answer.location,
        version=decision and decision.version,
        computed_at=decision and decision.computed_at,
        intervals=list(model.clip(intervals, start, end)),
        facts=list(decision.facts) if decision else [],
    )


@router.post("/checks")
async def post_checks(
    body: Checks, request: Request, principal: Annotated[Principal, requires("eligibility:read")]
) -> ChecksView:
    """Check up to 1,000 shifts; nothing is changed by it."""
    for index, check in enumerate(body.checks):
        if check.end <= check.start:
            raise Invalid("A shift must end after it starts.", pointer=f"/checks/{index}/end")
    questions = [Question(check.holder_id, check.target, check.location) for check in body.checks]
    async with serving(request).database.reading() as conn:
        answers = await commands.answer(conn, questions)
    return ChecksView(
        checks=[
            _checked(check, answer, seen=_may_see(principal, answer))
            for check, answer in zip(body.checks, answers, strict=True)
        ]
    )


def _checked(check: Check, answer: Answer, *, seen: bool) -> CheckView:
    # Of somebody whom the token may not see it says what it says of somebody who does not exist.
    told = seen or not answer.found.target_known
    intervals = answer.intervals if told else model.always(ReasonCode.NOT_ASSIGNED)
    verdict, reasons = model.worst(intervals, check.start, check.end)
    return CheckView(**check.model_dump(), verdict=verdict, reasons=list(reasons))


def _may_see(principal: Principal, answer: Answer) -> bool:
    found = answer.found
    return not found.holder_known or principal.may_see(team=found.team, location=found.holder_location)
