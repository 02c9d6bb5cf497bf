"""Schedules and the events that their periods publish."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import TypeVar
from uuid import UUID

from licet_events import Event
from licet_events.ids import derived_id
from licet_events.periods import AuditDue, DigestDue, Heartbeat, PeriodEvent

_SOURCE = "/licet/scheduler"


class Kind(StrEnum):
    """What a schedule is for."""

    DIGEST = "digest"
    AUDIT = "audit"


@dataclass(frozen=True, slots=True)
class Schedule:
    """A rule by which periods begin."""

    name: str
    kind: Kind
    rule: str
    time_zone: str
    starts_on: date
    next_at: datetime | None
    """When the next period begins; `None` where the rule has ended."""
    last_at: datetime | None = None
    """When the last announced period began."""
    version: int = 1
    updated_at: datetime | None = None


def period_event(
    schedule: Schedule, at: datetime, following: datetime | None, now: datetime, recorded_at: datetime
) -> Event[PeriodEvent]:
    """Return the event of the period that began at `at`; the same id for the same period of a schedule."""
    model = DigestDue if schedule.kind is Kind.DIGEST else AuditDue
    data = model(
        schedule=schedule.name, at=at, next_at=following, rule=schedule.rule, time_zone=schedule.time_zone
    )
    return _event(data, derived_id("period", schedule.name, at.isoformat()), now, recorded_at)


def heartbeat_event(at: datetime, every_seconds: int) -> Event[Heartbeat]:
    """Return the heartbeat at a machine time."""
    data = Heartbeat(at=at, every_seconds=every_seconds)
    return _event(data, derived_id("heartbeat", at.isoformat()), at, at)


T = TypeVar("T", PeriodEvent, Heartbeat)


def _event(data: T, id: UUID, now: datetime, recorded_at: datetime) -> Event[T]:
    # Time alone caused it, so it starts a trace of its own.
    return Event.of(
        data,
        id=id,
        source=_SOURCE,
        time=now,
        recorded_time=recorded_at,
        correlation_id=str(id),
        traceparent=f"00-{id.hex}-{id.hex[16:]}-00",
    )
