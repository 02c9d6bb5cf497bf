"""Enrolments over HTTP."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from licet_certifications.enrolments import commands, deciding, store
from licet_certifications.enrolments.bodies import EnrolmentBody, NoteBody, ReasonBody, ReturnBody
from licet_certifications.enrolments.commands import Act, Shown
from licet_certifications.enrolments.model import Change, Entry
from licet_certifications.enrolments.reconsidering import Course
from licet_certifications.enrolments.views import EnrolmentView, HappenedView, PlanView
from licet_certifications.worklist.model import Verb
from licet_chassis.database import Transaction
from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.resources import MaybeIfMatch, resource
from licet_chassis.http.serving import serving
from licet_chassis.http.writes import Write

router = APIRouter(prefix="/v1/enrolments", tags=["enrolments"])

Reader = Annotated[Principal, requires("certifications:read")]
Writer = Annotated[Principal, requires("certifications:write")]
Approver = Annotated[Principal, requires("certifications:approve")]

_ENTRY_SCOPES = {Entry.STAFF: "certifications:approve", Entry.RULE: "certifications:approve"}


@router.post("", status_code=201, response_model=EnrolmentView)
async def post_enrolment(body: EnrolmentBody, write: Write, principal: Writer) -> Response:
    """Apply for a holder, or enrol one directly; the answer says the status and what is still to do."""
    scope = _ENTRY_SCOPES.get(body.entry)
    if scope is not None:
        principal.must_have(scope)

    async def run(tx: Transaction, now: datetime) -> tuple[Shown, datetime]:
        enrolment = await commands.open_enrolment(
            tx, body.holder_id, body.programme, entry=body.entry, now=now, note=body.note, by=principal
        )
        return await commands.read(tx.conn, enrolment.state.id, now=now), now

    return await write(
        run,
        view=lambda done: EnrolmentView.of(*done),
        status=201,
        location=lambda done: f"/v1/enrolments/{done[0].enrolment.state.id}",
    )


@router.get("/{enrolment_id}", response_model=EnrolmentView)
async def get_enrolment(enrolment_id: UUID, request: Request, principal: Reader) -> Response:
    """Return an enrolment as it is now: its status, its components, and what is still to do."""
    running = serving(request)
    now = running.clock.now()
    async with running.database.reading() as conn:
        shown = await commands.read(conn, enrolment_id, now=now, by=principal)
    return resource(EnrolmentView.of(shown, now))


@router.get("/{enrolment_id}/plan", response_model=PlanView)
async def get_plan(enrolment_id: UUID, request: Request, principal: Reader) -> Response:
    """Return what is still to do, and the latest day to start each part of it."""
    running = serving(request)
    async with running.database.reading() as conn:
        plan = await commands.read_plan(conn, enrolment_id, now=running.clock.now(), by=principal)
    return resource(PlanView.of(plan))


@router.get("/{enrolment_id}/history", response_model=Page[HappenedView], responses=CSV_TOO)
async def get_history(enrolment_id: UUID, request: Request, page: PageQuery, principal: Reader) -> Response:
    """List what has happened to an enrolment, in order."""
    running = serving(request)

    async def read(part: PageRequest) -> Page[HappenedView]:
        async with running.database.reading() as conn:
            await commands.require_seen(conn, enrolment_id, principal)
            rows = await store.list_history(
                conn, enrolment_id, after=part.after(int) or 0, limit=part.limit + 1
            )
        return page_of(rows, part.limit, lambda row: row.version, HappenedView.of)

    return await listed(request, page, read, HappenedView)


@router.post("/{enrolment_id}/approve", response_model=EnrolmentView)
async def approve(
    enrolment_id: UUID,
    write: Write,
    principal: Approver,
    expected: MaybeIfMatch,
    body: NoteBody | None = None,
) -> Response:
    """Approve what it waits for: the application, the completed work, or a certification under review."""
    note = body.note if body else None
    return await _decide(
        write, enrolment_id, principal, expected, note,
        lambda now: lambda change, course: deciding.approve(
            change, course, actor=principal.actor, now=now, note=note
        ),
        verb=Verb.APPROVE,
    )  # fmt: skip


@router.post("/{enrolment_id}/deny", response_model=EnrolmentView)
async def deny(
    enrolment_id: UUID, body: ReasonBody, write: Write, principal: Approver, expected: MaybeIfMatch
) -> Response:
    """Decline the application."""
    return await _end(write, enrolment_id, principal, expected, body, deciding.deny, verb=Verb.DENY)


@router.post("/{enrolment_id}/return", response_model=EnrolmentView)
async def return_(
    enrolment_id: UUID, body: ReturnBody, write: Write, principal: Approver, expected: MaybeIfMatch
) -> Response:
    """Return completed work, with the components that have to be done again."""
    return await _decide(
        write, enrolment_id, principal, expected, body.reason,
        lambda now: lambda change, course: deciding.return_work(
            change, course, body.components, actor=principal.actor, now=now, note=body.reason
        ),
        verb=Verb.RETURN,
    )  # fmt: skip


@router.post("/{enrolment_id}/inactivate", response_model=EnrolmentView)
async def inactivate(
    enrolment_id: UUID, body: ReasonBody, write: Write, principal: Approver, expected: MaybeIfMatch
) -> Response:
    """Put the work on hold."""
    return await _end(write, enrolment_id, principal, expected, body, deciding.inactivate)


@router.post("/{enrolment_id}/resume", response_model=EnrolmentView)
async def resume(
    enrolment_id: UUID, body: ReasonBody, write: Write, principal: Approver, expected: MaybeIfMatch
) -> Response:
    """Go on with what was on hold, to what the facts say by now."""
    return await _decide(
        write, enrolment_id, principal, expected, body.reason,
        lambda now: lambda change, course: deciding.resume(
            change, course, actor=principal.actor, now=now, note=body.reason
        ),
    )  # fmt: skip


@router.post("/{enrolment_id}/not-complete", response_model=EnrolmentView)
async def not_complete(
    enrolment_id: UUID, body: ReasonBody, write: Write, principal: Approver, expected: MaybeIfMatch
) -> Response:
    """End work that will not be completed."""
    return await _end(write, enrolment_id, principal, expected, body, deciding.end_not_completed)


@router.post("/{enrolment_id}/cancel", response_model=EnrolmentView)
async def cancel(
    enrolment_id: UUID, body: ReasonBody, write: Write, principal: Approver, expected: MaybeIfMatch
) -> Response:
    """End an enrolment; a credential that it led to stays, and is ended where credentials are."""
    return await _end(write, enrolment_id, principal, expected, body, deciding.cancel)


@router.post("/{enrolment_id}/components/{component}/approve", response_model=EnrolmentView)
async def approve_component(
    enrolment_id: UUID,
    component: str,
    write: Write,
    principal: Approver,
    expected: MaybeIfMatch,
    body: NoteBody | None = None,
) -> Response:
    """Approve a completion that waits for it, and accept its evidence."""
    note = body.note if body else None
    return await _decide(
        write, enrolment_id, principal, expected, note,
        lambda now: lambda change, course: deciding.approve_component(
            change, course, component, actor=principal.actor, now=now, note=note
        ),
        verb=Verb.APPROVE, component=component,
    )  # fmt: skip


@router.post("/{enrolment_id}/components/{component}/return", response_model=EnrolmentView)
async def return_component(
    enrolment_id: UUID,
    component: str,
    body: ReasonBody,
    write: Write,
    principal: Approver,
    expected: MaybeIfMatch,
) -> Response:
    """Refuse a completion that waits: the component has to be done again."""
    return await _decide(
        write, enrolment_id, principal, expected, body.reason,
        lambda now: lambda change, course: deciding.refuse_component(
            change, course, component, actor=principal.actor, now=now, note=body.reason
        ),
        verb=Verb.RETURN, component=component,
    )  # fmt: skip


async def _end(
    write: Write,
    enrolment_id: UUID,
    principal: Principal,
    expected: int | None,
    body: ReasonBody,
    step: Callable[..., Change],
    verb: Verb | None = None,
) -> Response:
    def act(now: datetime) -> Act:
        def end(change: Change, _course: Course) -> Change:
            return step(change, actor=principal.actor, now=now, note=body.reason)

        return end

    return await _decide(write, enrolment_id, principal, expected, body.reason, act, verb=verb)


async def _decide(
    write: Write,
    enrolment_id: UUID,
    principal: Principal,
    expected: int | None,
    note: str | None,
    act: Callable[[datetime], Act],
    **judged: Any,
) -> Response:
    async def run(tx: Transaction, now: datetime) -> tuple[Shown, datetime]:
        verb: Verb | None = judged.get("verb")
        await commands.decide(
            tx, enrolment_id, act(now), now=now, expected_version=expected, by=principal,
            label=verb.value if verb else "ended", note=note, **judged,
        )  # fmt: skip
        return await commands.read(tx.conn, enrolment_id, now=now), now

    return await write(run, view=lambda done: EnrolmentView.of(*done))
