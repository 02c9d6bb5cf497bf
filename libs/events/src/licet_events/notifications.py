"""Notifications: what was sent to whom, or not, and why."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from licet_events.event import EventData
from licet_events.topics import Topic


class RecipientRole(StrEnum):
    """Why somebody is told."""

    HOLDER = "holder"
    MANAGER = "manager"
    FALLBACK = "fallback"


class NotificationReason(StrEnum):
    """Why a mail was, or was not, sent."""

    DUE = "due"
    SUPERSEDED = "superseded"
    """Something later of the same credential was announced at once with it."""
    RENEWED = "renewed"
    CORRECTED = "corrected"
    SUSPENDED = "suspended"
    REVOKED = "revoked"
    SURRENDERED = "surrendered"
    VOIDED = "voided"
    SUBMITTED = "submitted"
    SILENCED = "silenced"
    ACKNOWLEDGED = "acknowledged"
    HOLDER_INACTIVE = "holder_inactive"
    HOLDER_UNKNOWN = "holder_unknown"
    CREDENTIAL_UNKNOWN = "credential_unknown"
    NO_ADDRESS = "no_address"
    NO_MANAGER = "no_manager"
    SAME_ADDRESS = "same_address"
    REPEATED = "repeated"
    """The event came again, by a backfill, long after it was decided."""
    REFUSED = "refused"
    """The server refused for good."""
    GAVE_UP = "gave_up"
    """Retries ended without an answer that settles it."""
    UNKNOWN = "unknown"
    """The connection broke after the message was handed over; it may have arrived."""
    TEMPLATE_FAILED = "template_failed"


class NotificationEvent(EventData):
    """Any decision about one (event, recipient, channel)."""

    topic: ClassVar[Topic] = Topic.NOTIFICATIONS
    id: UUID
    """UUIDv5 of (event, recipient, channel)."""
    event_id: UUID
    """The event that caused it."""
    event_name: str
    """Its type."""
    credential_id: UUID
    """The credential that it is about."""
    holder_id: UUID
    """Whose credential it is."""
    recipient_id: UUID | None = None
    """The holder that was, or would have been, told."""
    recipient_role: RecipientRole
    """What the recipient is to the holder, such as `holder` or `manager`."""
    channel: str = "email"
    """How it was to be told."""
    template: str | None = None
    """The name of the template."""
    template_version: str | None = None
    """The version of the template."""
    reason: NotificationReason
    """A code of what came of it."""
    smtp_status: int | None = None
    """The mail server's status code. Null: it gave none."""

    @property
    def key(self) -> str:
        """The id of the holder whose credential it is."""
        return str(self.holder_id)

    @property
    def subject(self) -> str:
        """The notification's id."""
        return str(self.id)


class NotificationSent(NotificationEvent):
    """The mail server accepted the mail."""

    event_type: ClassVar[str] = "licet.notification.sent.v1"


class NotificationSkipped(NotificationEvent):
    """No mail was sent, for a reason."""

    event_type: ClassVar[str] = "licet.notification.skipped.v1"


class NotificationFailed(NotificationEvent):
    """No mail was sent, or it is not known whether it was, and nothing more is tried."""

    event_type: ClassVar[str] = "licet.notification.failed.v1"


class EnrolmentNotificationEvent(EventData):
    """Any decision about one (event, recipient, channel) of an enrolment."""

    topic: ClassVar[Topic] = Topic.NOTIFICATIONS
    id: UUID
    """UUIDv5 of (event, recipient, channel)."""
    event_id: UUID
    """The event that caused it."""
    event_name: str
    """Its type."""
    enrolment_id: UUID
    """The enrolment that it is about."""
    holder_id: UUID
    """Whose enrolment it is."""
    recipient_id: UUID | None = None
    """The holder that was, or would have been, told."""
    recipient_role: RecipientRole
    """`manager` for the holder's manager, and for a supervisor who decides about an application."""
    channel: str = "email"
    """How it was to be told."""
    template: str | None = None
    """What the mail is about, such as `enrolment.approved.v1`."""
    template_version: str | None = None
    """The version of the template."""
    reason: NotificationReason
    """A code of what came of it."""
    smtp_status: int | None = None
    """The mail server's status code. Null: it gave none."""

    @property
    def key(self) -> str:
        """The id of the holder whose enrolment it is."""
        return str(self.holder_id)

    @property
    def subject(self) -> str:
        """The notification's id."""
        return str(self.id)


class EnrolmentNotificationSent(EnrolmentNotificationEvent):
    """The mail server accepted the mail about an enrolment."""

    event_type: ClassVar[str] = "licet.enrolment_notification.sent.v1"


class EnrolmentNotificationSkipped(EnrolmentNotificationEvent):
    """No mail about an enrolment was sent, for a reason."""

    event_type: ClassVar[str] = "licet.enrolment_notification.skipped.v1"


class EnrolmentNotificationFailed(EnrolmentNotificationEvent):
    """No mail was sent about an enrolment, or it is not known whether it was, and nothing more is tried."""

    event_type: ClassVar[str] = "licet.enrolment_notification.failed.v1"
