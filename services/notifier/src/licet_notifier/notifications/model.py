"""Decides who is notified: a pipeline of stages, each with one decision and a reason for it."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID

from licet_events.ids import derived_id
from licet_events.notifications import (
    EnrolmentNotificationEvent,
    EnrolmentNotificationFailed,
    EnrolmentNotificationSent,
    EnrolmentNotificationSkipped,
    NotificationEvent,
    NotificationFailed,
    NotificationReason,
    NotificationSent,
    NotificationSkipped,
    RecipientRole,
)
from licet_notifier.facts.model import (
    AnyNotice,
    EnrolmentNotice,
)
from licet_notifier.notifications.links import Links
from licet_notifier.restraint.calendar import Place
from licet_notifier.templates.model import FALLBACK_LANGUAGE, Reading

CHANNEL = "email"

TEMPORARY = frozenset(
    {
        NotificationReason.ACKNOWLEDGED,
        NotificationReason.SUSPENDED,
        NotificationReason.REVOKED,
        NotificationReason.SURRENDERED,
        NotificationReason.SUBMITTED,
        NotificationReason.HOLDER_INACTIVE,
        NotificationReason.RENEWED,
        NotificationReason.CREDENTIAL_UNKNOWN,
        NotificationReason.HOLDER_UNKNOWN,
    }
)
"""Reasons that cease with time, or that a correction takes back: the mail is then decided on again."""
OPEN_END = datetime(9999, 12, 31, tzinfo=UTC)
"""When a mail that is skipped for a temporary reason is decided on again if only new facts end it."""


DEFAULT_RULE = "default"
"""What counts where no rule of the policy does: holder and manager are told."""
ESCALATION = "credential.escalated.v1"
"""The template of a mail to the next circle."""

_READING = {each.value: each for each in Reading}


@dataclass(frozen=True, slots=True)
class Deployment:
    """The deployment's defaults."""

    time_zone: str = "UTC"
    fallback_email: str | None = None
    language: str = FALLBACK_LANGUAGE
    """The language of mails to recipients without a locale, or with one in which there is no template."""
    links: Links | None = None
    """Makes the links of mails; without it mails have none."""


class Detour(StrEnum):
    """Why a mail goes to a fallback address."""

    HOLDER_NO_ADDRESS = "holder_no_address"
    MANAGER_NONE = "manager_none"
    MANAGER_UNKNOWN = "manager_unknown"
    MANAGER_INACTIVE = "manager_inactive"
    MANAGER_NO_ADDRESS = "manager_no_address"
    HOLDER_BOUNCED = "holder_bounced"
    """A mail to the holder's address came back, and it has been the same since."""
    MANAGER_BOUNCED = "manager_bounced"
    NO_DECIDER = "no_decider"
    """No supervisor who could decide about an application can be reached."""
    NOBODY_REACHED = "nobody_reached"
    """A circle of the policy has nobody who can be reached."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether one recipient gets one notice.

    `told` is the role for which somebody is notified: the holder, or somebody responsible. Together with the
    event, the circle, the person or address and the level it identifies the decision; `role` is who gets the
    mail in the end.
    """

    told: RecipientRole
    role: RecipientRole
    recipient_id: UUID | None = None
    name: str | None = None
    address: str | None = None
    time_zone: str = "UTC"
    country: str | None = None
    subdivision: str | None = None
    """Of the location where the recipient works, as ISO 3166 has them: whose public holidays count."""
    detour: Detour | None = None
    reason: NotificationReason = NotificationReason.DUE
    not_before: datetime | None = None
    """Business time from which the mail may leave; set where the reason is `due`."""
    pause_ends: datetime | None = None
    """Business time at which a temporary reason ends, where time alone ends it."""
    decider_id: UUID | None = None
    """The person who is told, where a circle may have several."""
    circle: str | None = None
    """The circle of the policy, such as `manager`, `team_supervisors` or `role:safety`."""
    fixed_address: str | None = None
    """Of the circle `address`."""
    after_days: int = 0
    """0: told at once; else an escalation, so many days after the step."""
    rule: str = DEFAULT_RULE
    """The rule of the policy that tells this recipient."""
    copies: bool = False
    """Whether the recipients of the rule get copies of one mail."""
    locale: str | None = None
    digest_id: UUID | None = None
    """The digest in which it is told; absent where it leaves alone."""

    @property
    def to(self) -> str:
        """Names the recipient within a notice's level: circle, and person or address."""
        return f"{self.circle or self.told}:{self.decider_id or self.fixed_address or ''}"

    @property
    def reading(self) -> Reading:
        """As whom the recipient reads the mail."""
        if self.role is RecipientRole.FALLBACK:
            return Reading.FALLBACK
        kind = (self.circle or self.told).partition(":")[0]
        return _READING.get(kind, Reading.SUPERVISOR)

    @property
    def place(self) -> Place:
        """Where the recipient is."""
        return Place(self.time_zone, self.country, self.subdivision)

    @property
    def due(self) -> bool:
        """Whether the recipient is to be notified."""
        return self.reason is NotificationReason.DUE

    @property
    def look_again_at(self) -> datetime | None:
        """When to decide again on a mail that is skipped; `None` if it is skipped for good, or due."""
        return (self.pause_ends or OPEN_END) if self.reason in TEMPORARY else None


Decisions = tuple[Decision, ...]


class State(StrEnum):
    """How far a decision has been carried out."""

    PENDING = "pending"
    HELD = "held"
    """A stop holds it."""
    SENDING = "sending"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The mail was handed over more than once and no answer came; nothing more is tried."""

    @property
    def final(self) -> bool:
        """Whether nothing more will become of it."""
        return self not in {State.PENDING, State.HELD, State.SENDING}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one decision, or of one attempt to carry it out."""

    notification_id: UUID
    notice: AnyNotice
    role: RecipientRole
    recipient_id: UUID | None
    state: State
    reason: NotificationReason
    smtp_status: int | None = None
    template_version: str | None = None
    next_try: datetime | None = None
    """Machine time; set where it is to be tried again."""
    smtp_answer: str | None = None
    """The mail server's words."""
    resent: int = 0
    """How often the mail was sent again by an operator after it had failed."""
    after_days: int = 0
    """Of an escalation: days after the step."""

    resumed: int = 0
    """Which version of the notification resumed it after a pause; 0: none did."""

    @property
    def template(self) -> str:
        """The name of the mail's template."""
        return template_of(self.notice, self.after_days)


def outcome_event(outcome: Outcome) -> NotificationEvent | EnrolmentNotificationEvent:
    """Return the event that publishes a final outcome."""
    notice = outcome.notice
    if isinstance(notice, EnrolmentNotice):
        about_enrolment = {
            State.SENT: EnrolmentNotificationSent,
            State.SKIPPED: EnrolmentNotificationSkipped,
        }.get(outcome.state, EnrolmentNotificationFailed)
        return about_enrolment(
            id=outcome.notification_id,
            event_id=notice.event_id,
            event_name=notice.event_name,
            enrolment_id=notice.enrolment_id,
            holder_id=notice.holder_id,
            recipient_id=outcome.recipient_id,
            recipient_role=outcome.role,
            channel=CHANNEL,
            template=outcome.template,
            template_version=outcome.template_version,
            reason=outcome.reason,
            smtp_status=outcome.smtp_status,
        )
    kind = {State.SENT: NotificationSent, State.SKIPPED: NotificationSkipped}.get(
        outcome.state, NotificationFailed
    )
    return kind(
        id=outcome.notification_id,
        event_id=notice.event_id,
        event_name=notice.event_name,
        credential_id=notice.credential_id,
        holder_id=notice.holder_id,
        recipient_id=outcome.recipient_id,
        recipient_role=outcome.role,
        channel=CHANNEL,
        template=outcome.template,
        template_version=outcome.template_version,
        reason=outcome.reason,
        smtp_status=outcome.smtp_status,
    )


def outcome_event_id(outcome: Outcome) -> UUID:
    """Return the id of the event that publishes a final outcome; the same at each repetition.

    A mail that was sent again after it had failed may fail again, and one that was decided on again after a
    pause may be skipped again: that is another fact.
    """
    again: tuple[object, ...] = (outcome.resent,) if outcome.resent else ()
    if outcome.resumed:
        again = (*again, "resumed", outcome.resumed)
    return derived_id("notification-outcome", outcome.notification_id, outcome.state, *again)


def template_of(notice: AnyNotice, after_days: int) -> str:
    """Return the name of the template of a mail about a notice."""
    return ESCALATION if after_days else notice.template


def notification_id(event_id: UUID, decision: Decision) -> UUID:
    """Return the id of the decision about (event, recipient, channel).

    The holder and the manager are named by role: whoever has the credential, or is the manager of who has it,
    stays one recipient when another person becomes it between the decision and the mail. Of those who decide
    about an application, and in circles of several, each is named.
    """
    told, person = decision.told, decision.decider_id
    if decision.after_days == 0 and decision.circle in {None, told.value}:
        return derived_id("notification", event_id, told, *((person,) if person else ()), CHANNEL)
    return derived_id("notification", event_id, decision.to, decision.after_days, CHANNEL)


def digest_id(decision: Decision, at: datetime) -> UUID:
    """Return the id of the digest that a recipient gets at an instant."""
    to_person = decision.role is not RecipientRole.FALLBACK and decision.recipient_id is not None
    recipient = decision.recipient_id if to_person else (decision.address or "").casefold()
    return derived_id("digest", recipient, at.isoformat())
