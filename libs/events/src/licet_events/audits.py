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
    """Codes of teams; empty: all."""
    locations: tuple[str, ...] = ()
    """Codes of locations; empty: all."""
    types: tuple[str, ...] = ()
    """Codes of credential types; empty: all."""


class AuditSample(Model):
    """A reproducible random part of the scope."""

    share: float
    """The part of the credentials in scope, above 0 and at most 1."""
    seed: int
    """The same seed chooses the same credentials."""


class AuditCounts(Model):
    """How many credentials of an audit have which outcome."""

    items: int
    """How many credentials are to be checked."""
    open: int
    """How many of them nobody has checked yet."""
    confirmed: int = 0
    """How many were confirmed."""
    corrected: int = 0
    """How many were corrected."""
    not_verifiable: int = 0
    """How many could not be verified."""


class AuditState(Model):
    """An audit; its single attestations are with the service that owns it."""

    id: UUID
    """Identifies the audit for ever."""
    version: int
    """Grows by 1 with each event."""
    name: str
    """The name to show."""
    scope: AuditScope = AuditScope()
    """Which credentials it is about."""
    sample: AuditSample | None = None
    """Absent: every credential in scope."""
    opened_at: Instant
    """When it was opened."""
    due_on: date
    """The last day for attestations, in `time_zone`."""
    time_zone: str
    """The IANA zone in which its due date is meant."""
    schedule_id: UUID | None = None
    """The schedule that opened it; absent where a person did."""
    counts: AuditCounts
    """As of this version: single attestations publish nothing."""
    closed_at: Instant | None = None
    """When it was closed. Null: it is open."""
    result_sha256: str | None = None
    """Digest of the signed result, in hexadecimal, once it is closed."""


class AuditEvent(EventData):
    """Any event that carries an audit's whole state."""

    topic: ClassVar[Topic] = Topic.CERTIFICATIONS
    audit: AuditState
    """The audit after the event."""

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
    """Identifies the schedule for ever."""
    version: int
    """Grows by 1 with each event."""
    name: str
    """The name to show, and of the audits that it opens."""
    scope: AuditScope = AuditScope()
    """Which credentials its audits are about."""
    sample: AuditSample | None = None
    """Absent: every credential in scope. Each period takes a seed of its own, so that it draws others."""
    rule: str
    """A recurrence rule of RFC 5545 in `time_zone`."""
    time_zone: str
    """The IANA zone in which its days are meant."""
    starts_on: date
    """The first day on which it may open an audit."""
    due_within_days: int
    """Days after its opening that an audit has for attestations."""
    next_at: Instant | None = None
    """When the next audit is to be opened; absent once the schedule has ended, or its rule has."""
    opened: int = 0
    """How many audits it has opened."""
    ended_at: Instant | None = None
    """When it was ended. Null: it goes on."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


class AuditScheduleEvent(EventData):
    """Any event that carries an audit schedule's whole state."""

    topic: ClassVar[Topic] = Topic.CERTIFICATIONS
    audit_schedule: AuditScheduleState
    """The schedule after the event."""

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
