"""HTTP for timers: upcoming instants and past decisions."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import AwareDatetime, BaseModel
from starlette.responses import Response

from licet_chassis.http.auth import Principal, requires
from licet_chassis.http.csv import CSV_TOO, listed
from licet_chassis.http.paging import Page, PageQuery, PageRequest, page_of
from licet_chassis.http.serving import serving
from licet_events.reminders.decide import waiting
from licet_events.reminders.model import Outcome, Reason, Subject
from licet_events.reminders.plan import DeadlineKey, Identity
from licet_scheduler.timers import store

router = APIRouter(prefix="/v1/timers", tags=["timers"])


class InstantView(BaseModel):
    """An instant of a credential or an enrolment."""

    kind: str
    """`effective`, `expiring`, `expired`, `overdue` or `deadline`."""
    deadline: str | None
    """Which deadline: `flag_start`, `flag_end` or `expiring` of a credential; `deadline`, `deadline_near` or
    `window_opens` of an enrolment; `end` of a waiver; `due_near` of an audit; `due` of an audit schedule."""
    step: int | None
    """Days before the last valid day or the deadline; below 0: after it."""
    term_id: UUID | None
    term_revision: int


class UpcomingView(InstantView):
    """An undecided instant."""

    due_at: AwareDatetime

    @classmethod
    def of(cls, due_at: datetime, identity: Identity) -> Self:
        """Show an undecided instant."""
        return cls(**_instant(identity), due_at=due_at)


class DecisionView(InstantView):
    """The decision about an instant."""

    id: UUID
    """Also the id of the event, if one was published."""
    at: AwareDatetime
    outcome: Outcome
    reason: Reason | None
    version: int
    """Version of the subject's state on which the decision was made."""
    decided_at: AwareDatetime

    @classmethod
    def of(cls, past: store.PastDecision) -> Self:
        """Show a decision."""
        return cls(
            **_instant(past.decision.identity),
            id=past.decision.id,
            at=past.decision.at,
            outcome=past.decision.outcome,
            reason=past.decision.reason,
            version=past.version,
            decided_at=past.decided_at,
        )


class TimerView(BaseModel):
    """The timer of a subject."""

    subject: Subject
    id: UUID
    """The id of the credential, enrolment, waiver, audit or audit schedule."""
    credential_id: UUID | None
    """The same id, if it is a credential."""
    version: int
    """Version of its state that the scheduler has applied."""
    holder_id: UUID | None
    """Absent where it is about no single holder."""
    holder_active: bool
    due_at: AwareDatetime | None
    """When the timer is due next; null if nothing is left to decide."""
    upcoming: list[UpcomingView]
    decisions: list[DecisionView]


@router.get("", response_model=Page[TimerView], responses=CSV_TOO)
async def list_timers(
    request: Request,
    page: PageQuery,
    principal: Annotated[Principal, requires("scheduler:read")],
    credential_id: Annotated[UUID | None, Query()] = None,
    enrolment_id: Annotated[UUID | None, Query()] = None,
    waiver_id: Annotated[UUID | None, Query()] = None,
    subject: Annotated[Subject | None, Query()] = None,
) -> Response:
    """List timers in order of ids, or show that of one subject, with its decisions."""
    running = serving(request)
    wanted = credential_id or enrolment_id or waiver_id

    async def read(asked: PageRequest) -> Page[TimerView]:
        async with running.database.reading() as conn:
            if wanted is None:
                rows = await store.list_timers(
                    conn,
                    after=asked.after(UUID),
                    teams=principal.teams,
                    locations=principal.locations,
                    subject=subject,
                    limit=asked.limit + 1,
                )
            else:
                rows = await store.find_timer(
                    conn, wanted, teams=principal.teams, locations=principal.locations
                )
        now = running.clock.now()
        return page_of(
            rows, asked.limit, lambda shown: shown.timer.subject_id, lambda shown: _view(shown, now)
        )

    return await listed(request, page, read, TimerView)


def _view(shown: store.ShownTimer, now: datetime) -> TimerView:
    timer = shown.timer
    return TimerView(
        subject=timer.subject,
        id=timer.subject_id,
        credential_id=timer.subject_id if timer.subject is Subject.CREDENTIAL else None,
        version=timer.version,
        holder_id=timer.holder_id,
        holder_active=timer.holder_active,
        due_at=shown.due_at,
        upcoming=[UpcomingView.of(*each) for each in sorted(waiting(timer, now), key=lambda each: each[0])],
        decisions=[DecisionView.of(past) for past in shown.past],
    )


def _instant(identity: Identity) -> dict[str, object]:
    term_id, term_revision, kind, step = identity
    deadline = kind.deadline if isinstance(kind, DeadlineKey) else None
    return {
        "kind": kind if deadline is None else "deadline",
        "deadline": deadline,
        "step": step,
        "term_id": term_id,
        "term_revision": term_revision,
    }
