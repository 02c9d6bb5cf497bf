"""An audit schedule's life, and the audit that it opens in a period."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

from licet_certifications.audits.model import AuditPlan
from licet_chassis.errors import Conflict
from licet_events import civil
from licet_events.audits import AuditSample, AuditScheduleState, AuditScope


@dataclass(frozen=True, slots=True)
class SchedulePlan:
    """What a person asks for."""

    name: str
    rule: str
    time_zone: str
    starts_on: date
    due_within_days: int
    scope: AuditScope = AuditScope()
    sample: AuditSample | None = None


def begin_schedule(plan: SchedulePlan, id: UUID, next_at: datetime, now: datetime) -> AuditScheduleState:
    """Return a new schedule that opens its first audit at `next_at`."""
    return AuditScheduleState(
        id=id,
        version=1,
        name=plan.name,
        scope=plan.scope,
        sample=plan.sample,
        rule=plan.rule,
        time_zone=plan.time_zone,
        starts_on=plan.starts_on,
        due_within_days=plan.due_within_days,
        next_at=next_at,
        created_at=now,
        updated_at=now,
    )


def audit_of(schedule: AuditScheduleState, at: datetime) -> AuditPlan:
    """Return the audit of the period that begins at `at`.

    A sample takes the schedule's seed plus the number of audits before, so that each period draws others and
    anybody can draw them again.
    """
    day = civil.local_date(at, schedule.time_zone)
    sample = schedule.sample
    if sample is not None:
        sample = sample.model_copy(update={"seed": sample.seed + schedule.opened})
    return AuditPlan(
        name=f"{schedule.name}, {day.isoformat()}",
        due_on=day + timedelta(days=schedule.due_within_days),
        time_zone=schedule.time_zone,
        scope=schedule.scope,
        sample=sample,
        schedule_id=schedule.id,
    )


def move_on(
    schedule: AuditScheduleState, next_at: datetime | None, *, opened: bool, now: datetime
) -> AuditScheduleState:
    """Return the schedule after a period has begun; without a next one it has ended."""
    return schedule.model_copy(
        update={
            "version": schedule.version + 1,
            "next_at": next_at,
            "opened": schedule.opened + int(opened),
            "ended_at": now if next_at is None else None,
            "updated_at": now,
        }
    )


def end_schedule(schedule: AuditScheduleState, now: datetime) -> AuditScheduleState:
    """Return the schedule that opens no more audits; raises `Conflict` if it has ended."""
    if schedule.ended_at is not None:
        raise Conflict(f"The schedule ended at {schedule.ended_at:%Y-%m-%dT%H:%M:%SZ}.")
    return schedule.model_copy(
        update={"version": schedule.version + 1, "next_at": None, "ended_at": now, "updated_at": now}
    )
