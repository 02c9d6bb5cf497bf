"""What callers say of audit schedules, and what they are shown."""

from datetime import date
from typing import Annotated, Self
from uuid import UUID

from pydantic import BaseModel, Field, StringConstraints

from licet_certifications.audit_schedules.model import SchedulePlan
from licet_certifications.audit_schedules.store import StoredSchedule
from licet_certifications.audits.bodies import Name, SampleBody, ScopeBody
from licet_chassis.http.resources import Body
from licet_events.audits import AuditSample, AuditScope
from licet_events.event import Instant

Rule = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]


class AuditScheduleBody(Body):
    """A schedule to make."""

    name: Name
    rule: Rule = Field(examples=["FREQ=MONTHLY;INTERVAL=3;BYMONTHDAY=1;BYHOUR=8"])
    """A recurrence rule of RFC 5545 in civil time; midnight where it names no time."""
    time_zone: str | None = None
    """The zone of the rule and of the days; the deployment's, where it is left out."""
    starts_on: date | None = None
    """The first day on which an audit may be opened, and from which an interval counts; today if left out."""
    due_within_days: int = Field(30, ge=1, le=366)
    """Days that each audit has for attestations."""
    scope: ScopeBody = Field(default_factory=ScopeBody)
    sample: SampleBody | None = None

    def plan(self, time_zone: str, today: date) -> SchedulePlan:
        """Return what is asked for."""
        return SchedulePlan(
            name=self.name,
            rule=self.rule,
            time_zone=time_zone,
            starts_on=self.starts_on or today,
            due_within_days=self.due_within_days,
            scope=AuditScope(**self.scope.model_dump()),
            sample=None if self.sample is None else AuditSample(**self.sample.model_dump()),
        )


class AuditScheduleView(BaseModel):
    """An audit schedule."""

    id: UUID
    version: int
    name: str
    scope: AuditScope
    sample: AuditSample | None
    rule: str
    time_zone: str
    starts_on: date
    due_within_days: int
    next_at: Instant | None
    """When the next audit is opened; null once the schedule has ended."""
    opened: int
    """How many audits it has opened; `GET /v1/audits` shows them with its id."""
    problem: str | None
    """Why its last period has no audit, such as that nothing was in scope."""
    ended_at: Instant | None
    made_by: str
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, stored: StoredSchedule) -> Self:
        """Show a schedule."""
        return cls(**dict(stored.state), made_by=stored.made_by, problem=stored.problem)
