"""Audits: campaigns in which people confirm that the records of credentials are true."""

from datetime import date
from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic


class AttestationOutcome(StrEnum):
    """What somebody has found out about one credential."""

    CONFIRMED = "confirmed"
    CORRECTED = "corrected"
    NOT_VERIFIABLE = "not_verifiable"


class AuditScope(Model):
    """Which credentials an audit is about; an empty list does not restrict."""

    teams: tuple[str, ...] = ()
    locations: tuple[str, ...] = ()
    types: tuple[str, ...] = ()


class AuditSample(Model):
    """A reproducible random part of the scope."""

    share: float
    """The part of the credentials in scope, above 0 and at most 1."""
    seed: int
    """The same seed chooses the same credentials."""


class AuditCounts(Model):
    """How many credentials of an audit have which outcome."""

    items: int
    open: int
    confirmed: int = 0
    corrected: int = 0
    not_verifiable: int = 0


class AuditState(Model):
    """An audit; its single attestations are with the service that owns it."""

    id: UUID
    version: int
    name: str
    scope: AuditScope = AuditScope()
    sample: AuditSample | None = None
    """Absent: every credential in scope."""
    opened_at: Instant
    due_on: date
    """The last day for attestations, in `time_zone`."""
    time_zone: str
    schedule_id: UUID | None = None
    """The schedule that opened it; absent where a person did."""
    counts: AuditCounts
    """As of this version: single attestations publish nothing."""
    closed_at: Instant | None = None
    result_sha256: str | None = None
    """Digest of the signed result, in hexadecimal, once it is closed."""


class AuditEvent(EventData):
    """Any event that carries an audit's whole state."""

    topic: ClassVar[Topic] = Topic.CERTIFICATIONS
    audit: AuditState

    @property
    def key(self) -> str:
        """`audit/<id>`."""
        return f"audit/{self.audit.id}"

    @property
    def partition_key(self) -> str:
        """The whole key: an audit is about many holders."""
        return self.key

    @property
    def sequence(self) -> int:
        """The audit's version."""
        return self.audit.version


class AuditOpened(AuditEvent):
    """An audit was opened: its credentials wait for attestations."""

    event_type: ClassVar[str] = "licet.audit.opened.v1"


class AuditClosed(AuditEvent):
    """An audit was closed with a signed result."""

    event_type: ClassVar[str] = "licet.audit.closed.v1"


class AuditSnapshot(AuditEvent):
    """An audit's state again."""

    event_type: ClassVar[str] = "licet.audit.snapshot.v1"


class AuditScheduleState(Model):
    """A rule by which audits are opened, one for each period."""

    id: UUID
    version: int
    name: str
    scope: AuditScope = AuditScope()
    sample: AuditSample | None = None
    """Absent: every credential in scope. Each period takes a seed of its own, so that it draws others."""
    rule: str
    """A recurrence rule of RFC 5545 in `time_zone`."""
    time_zone: str
    starts_on: date
    due_within_days: int
    """Days after its opening that an audit has for attestations."""
    next_at: Instant | None = None
    """When the next audit is to be opened; absent once the schedule has ended, or its rule has."""
    opened: int = 0
    """How many audits it has opened."""
    ended_at: Instant | None = None
    created_at: Instant
    updated_at: Instant


class AuditScheduleEvent(EventData):
    """Any event that carries an audit schedule's whole state."""

    topic: ClassVar[Topic] = Topic.CERTIFICATIONS
    audit_schedule: AuditScheduleState

    @property
    def key(self) -> str:
        """`audit_schedule/<id>`."""
        return f"audit_schedule/{self.audit_schedule.id}"

    @property
    def partition_key(self) -> str:
        """The whole key: a schedule is about many holders."""
        return self.key

    @property
    def sequence(self) -> int:
        """The schedule's version."""
        return self.audit_schedule.version


class AuditScheduleChanged(AuditScheduleEvent):
    """A schedule was made or ended, or has opened an audit and moved on to the next period."""

    event_type: ClassVar[str] = "licet.audit_schedule.changed.v1"


class AuditScheduleSnapshot(AuditScheduleEvent):
    """A schedule's state again."""

    event_type: ClassVar[str] = "licet.audit_schedule.snapshot.v1"
