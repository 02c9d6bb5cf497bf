"""The events that decisions publish; the same decision always gives the same bytes."""

from datetime import date, datetime
from typing import TypedDict
from uuid import UUID

from licet_events import Event, civil
from licet_events.reminders.model import Claim, Reached, Timer
from licet_events.reminders.plan import DeadlineKey, Kind, SubjectInstant
from licet_events.schedule import (
    Announcement,
    CredentialEffective,
    CredentialExpired,
    CredentialExpiring,
    CredentialOverdue,
    Deadline,
    DeadlineReached,
    InstantReached,
    ScheduleEvent,
)


def correlation_of(claim: Claim) -> UUID:
    """Return the correlation id of all events of a claim: the id of its first decision."""
    return claim.decisions[0].id


def announcements(claim: Claim, decided_at: datetime, recorded_at: datetime) -> list[Event[Announcement]]:
    """Return the events that a claim publishes, in order."""
    return [
        announcement(data, event_id, correlation_of(claim), decided_at, recorded_at)
        for event_id, data in claim.events
    ]


def announcement(
    data: Announcement, id: UUID, correlation_id: UUID, decided_at: datetime, recorded_at: datetime
) -> Event[Announcement]:
    """Return the event that announces a decision; the same values give the same bytes.

    Time alone caused it, so it starts a trace of its own, derived from the correlation id.
    """
    return Event.of(
        data,
        id=id,
        source="/licet/scheduler",
        time=decided_at,
        recorded_time=recorded_at,
        correlation_id=str(correlation_id),
        traceparent=f"00-{correlation_id.hex}-{id.hex[16:]}-00",
    )


class _End(TypedDict):
    """How the end of a run is printed, and when it is."""

    expires_on: date
    time_zone: str
    expires_at: datetime | None
    expires_on_month: str | None


class _Common(TypedDict):
    """Fields of every event about a credential."""

    credential_id: UUID
    holder_id: UUID
    credential_version: int
    term_id: UUID | None
    term_revision: int
    at: datetime
    notify: bool


def event_of(timer: Timer, reached: Reached, now: datetime, *, notify: bool) -> Announcement:
    """Return the payload that announces a reached instant."""
    identity = reached.decision.identity
    if isinstance(identity.kind, DeadlineKey) and isinstance(identity.kind.deadline, SubjectInstant):
        return InstantReached(
            about=timer.subject,
            about_id=timer.subject_id,
            about_version=timer.version,
            holder_id=timer.holder_id,
            instant=identity.kind.deadline,
            step=identity.step,
            at=reached.due,
            notify=True,
        )
    return _credential_event(timer, reached, now, notify=notify)


def _credential_event(timer: Timer, reached: Reached, now: datetime, *, notify: bool) -> ScheduleEvent:
    identity, run = reached.decision.identity, reached.run
    if timer.holder_id is None:
        raise ValueError(f"credential {timer.subject_id} has no holder")
    common = _Common(
        credential_id=timer.subject_id,
        holder_id=timer.holder_id,
        credential_version=timer.version,
        term_id=identity.term_id,
        term_revision=identity.term_revision,
        at=reached.due,
        notify=notify,
    )
    if isinstance(identity.kind, DeadlineKey) and isinstance(identity.kind.deadline, Deadline):
        return DeadlineReached(**common, deadline=identity.kind.deadline, reference=identity.kind.reference)
    if run is None or run.expires_on is None or run.last_day is None or identity.kind is Kind.EFFECTIVE:
        return CredentialEffective(**common)
    end = _End(
        expires_on=run.expires_on,
        time_zone=run.time_zone,
        expires_at=run.expires_at,
        expires_on_month=run.expires_on_month,
    )
    next_at = run.next_after(reached.due)
    if identity.step is None:
        return CredentialExpired(**common, **end, next_at=next_at)
    days_left = (run.last_day - civil.local_date(now, run.time_zone)).days
    if identity.kind is Kind.EXPIRING:
        return CredentialExpiring(
            **common,
            step=identity.step,
            days_left=max(days_left, 0),
            **end,
            passed_over=reached.passed_over,
            next_at=next_at,
        )
    return CredentialOverdue(
        **common,
        step=identity.step,
        days_since=-days_left,
        **end,
        passed_over=reached.passed_over,
        next_at=next_at,
    )
