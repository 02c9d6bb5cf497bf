"""Decides who is notified: a pipeline of stages, each with one decision and a reason for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from uuid import UUID

from licet_events.civil import local_date
from licet_events.credentials import FlagKind
from licet_events.ids import derived_id
from licet_events.notifications import (
    NotificationEvent,
    NotificationFailed,
    NotificationReason,
    NotificationSent,
    NotificationSkipped,
    RecipientRole,
)
from licet_notifier.facts.model import Facts, Notice, Place
from licet_notifier.notifications.address import usable_address
from licet_notifier.notifications.window import is_zone, next_opening

CHANNEL = "email"


@dataclass(frozen=True, slots=True)
class Deployment:
    """The deployment's defaults."""

    time_zone: str = "UTC"
    fallback_email: str | None = None


class Detour(StrEnum):
    """Why a mail goes to a fallback address."""

    HOLDER_NO_ADDRESS = "holder_no_address"
    MANAGER_NONE = "manager_none"
    MANAGER_UNKNOWN = "manager_unknown"
    MANAGER_INACTIVE = "manager_inactive"
    MANAGER_NO_ADDRESS = "manager_no_address"


@dataclass(frozen=True, slots=True)
class Decision:
    """Whether one recipient gets one notice.

    `told` is the role for which somebody is notified. It identifies the decision together with the event;
    `role` is who gets the mail in the end.
    """

    told: RecipientRole
    role: RecipientRole
    recipient_id: UUID | None = None
    name: str | None = None
    address: str | None = None
    time_zone: str = "UTC"
    detour: Detour | None = None
    reason: NotificationReason = NotificationReason.DUE
    not_before: datetime | None = None
    """Business time from which the mail may leave; set where the reason is `due`."""

    @property
    def due(self) -> bool:
        """Whether the recipient is to be notified."""
        return self.reason is NotificationReason.DUE


class State(StrEnum):
    """How far a decision has been carried out."""

    PENDING = "pending"
    SENDING = "sending"
    SENT = "sent"
    SKIPPED = "skipped"
    FAILED = "failed"
    UNKNOWN = "unknown"
    """The mail was handed over more than once and no answer came; nothing more is tried."""

    @property
    def final(self) -> bool:
        """Whether nothing more will become of it."""
        return self not in {State.PENDING, State.SENDING}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one decision, or of one attempt to carry it out."""

    notification_id: UUID
    notice: Notice
    role: RecipientRole
    recipient_id: UUID | None
    state: State
    reason: NotificationReason
    smtp_status: int | None = None
    template_version: str | None = None
    next_try: datetime | None = None
    """Machine time; set where it is to be tried again."""


@dataclass(frozen=True, slots=True)
class Question:
    """The input of the pipeline: a notice, the facts about it, and business now."""

    notice: Notice
    facts: Facts
    deployment: Deployment
    now: datetime


Decisions = tuple[Decision, ...]
Stage = Callable[[Question, Decisions], Decisions]


def decide(notice: Notice, facts: Facts, deployment: Deployment, now: datetime) -> Decisions:
    """Return a decision for each recipient of the notice: the holder first, then the manager.

    It is asked when the event comes and again before each mail, with the facts of that moment.
    """
    decisions: Decisions = (
        Decision(RecipientRole.HOLDER, RecipientRole.HOLDER),
        Decision(RecipientRole.MANAGER, RecipientRole.MANAGER),
    )
    question = Question(notice, facts, deployment, now)
    for stage in PIPELINE:
        decisions = stage(question, decisions)
    return decisions


def outcome_event(outcome: Outcome) -> NotificationEvent:
    """Return the event that publishes a final outcome."""
    kind = {State.SENT: NotificationSent, State.SKIPPED: NotificationSkipped}.get(
        outcome.state, NotificationFailed
    )
    notice = outcome.notice
    return kind(
        id=outcome.notification_id,
        event_id=notice.event_id,
        event_name=notice.event_name,
        credential_id=notice.credential_id,
        holder_id=notice.holder_id,
        recipient_id=outcome.recipient_id,
        recipient_role=outcome.role,
        channel=CHANNEL,
        template=notice.template,
        template_version=outcome.template_version,
        reason=outcome.reason,
        smtp_status=outcome.smtp_status,
    )


def outcome_event_id(outcome: Outcome) -> UUID:
    """Return the id of the event that publishes a final outcome; the same at each repetition."""
    return derived_id("notification-outcome", outcome.notification_id, outcome.state)


def notification_id(event_id: UUID, told: RecipientRole) -> UUID:
    """Return the id of the decision about (event, recipient, channel).

    The recipient is named by role: whoever has the credential, or is the manager of who has it, stays
    one recipient when another person becomes it between the decision and the mail.
    """
    return derived_id("notification", event_id, told, CHANNEL)


def route(question: Question, decisions: Decisions) -> Decisions:
    """Find each recipient's address, or the fallback that gets the mail instead."""
    return tuple(
        _to_holder(question.facts, question.deployment, decision)
        if decision.told is RecipientRole.HOLDER
        else _to_manager(question.facts, question.deployment, decision)
        for decision in decisions
    )


def _to_holder(facts: Facts, deployment: Deployment, decision: Decision) -> Decision:
    holder = facts.holder
    decision = replace(decision, recipient_id=holder.id)
    address = usable_address(holder.email)
    if address is None:
        return _to_fallback(facts, deployment, decision, Detour.HOLDER_NO_ADDRESS)
    zone = _zone(holder.time_zone, facts.location, deployment)
    return replace(decision, name=holder.name, address=address, time_zone=zone)


def _to_manager(facts: Facts, deployment: Deployment, decision: Decision) -> Decision:
    manager = facts.manager
    decision = replace(decision, recipient_id=facts.holder.manager_id)
    if facts.holder.manager_id is None:
        return _to_fallback(facts, deployment, decision, Detour.MANAGER_NONE)
    if manager is None:
        return _to_fallback(facts, deployment, decision, Detour.MANAGER_UNKNOWN)
    if not manager.active:
        return _to_fallback(facts, deployment, decision, Detour.MANAGER_INACTIVE)
    address = usable_address(manager.email)
    if address is None:
        return _to_fallback(facts, deployment, decision, Detour.MANAGER_NO_ADDRESS)
    zone = _zone(manager.time_zone, facts.manager_location, deployment)
    return replace(decision, name=manager.name, address=address, time_zone=zone)


def _to_fallback(facts: Facts, deployment: Deployment, decision: Decision, detour: Detour) -> Decision:
    decision = replace(decision, role=RecipientRole.FALLBACK, detour=detour)
    zone = _zone(None, facts.location, deployment)
    for place in (facts.team, facts.location):
        address = usable_address(place.fallback_email) if place else None
        if place and address:
            return replace(decision, name=place.name, address=address, time_zone=zone)
    address = usable_address(deployment.fallback_email)
    if address:
        return replace(decision, address=address, time_zone=zone)
    return decision


def _zone(own: str | None, location: Place | None, deployment: Deployment) -> str:
    """Return the first zone that this machine knows: a newer one elsewhere must not stop a mail."""
    for name in (own, location.time_zone if location else None):
        if name and is_zone(name):
            return name
    return deployment.time_zone


def supersede(question: Question, decisions: Decisions) -> Decisions:
    """Skip what came at once with something later, or was overtaken by it before the mail left."""
    notice, later = question.notice, question.facts.later_notice_at
    overtaken = later is not None and later > notice.at
    # A reminder that could not leave in time must not say that an expired credential will expire.
    before_expiry = notice.step is not None and notice.step >= 0
    ended = before_expiry and local_date(question.now, notice.time_zone) > notice.expires_on
    superseded = not notice.notify or overtaken or ended
    return _skip(decisions, NotificationReason.SUPERSEDED) if superseded else decisions


_OF_FLAG: Mapping[FlagKind, NotificationReason] = MappingProxyType(
    {
        FlagKind.REVOKED: NotificationReason.REVOKED,
        FlagKind.SURRENDERED: NotificationReason.SURRENDERED,
        FlagKind.SUSPENDED: NotificationReason.SUSPENDED,
    }
)


def drop_voided(question: Question, decisions: Decisions) -> Decisions:
    """Skip a notice about a credential that was entered in error."""
    return _skip(decisions, NotificationReason.VOIDED) if question.facts.credential.voided else decisions


def drop_flagged(question: Question, decisions: Decisions) -> Decisions:
    """Skip a notice about a credential that was revoked, surrendered or suspended."""
    in_force = {flag.kind for flag in question.facts.credential.flags if flag.in_force(question.now)}
    reason = next((reason for kind, reason in _OF_FLAG.items() if kind in in_force), None)
    return _skip(decisions, reason) if reason else decisions


def drop_outdated(question: Question, decisions: Decisions) -> Decisions:
    """Skip a notice about a term that no longer ends the current run, or was corrected."""
    notice, credential = question.notice, question.facts.credential
    if notice.term_id and credential.terms.get(notice.term_id) != notice.term_revision:
        return _skip(decisions, NotificationReason.CORRECTED)
    run = credential.current_run(question.now)
    if run is None or run.term_id != notice.term_id:
        return _skip(decisions, NotificationReason.RENEWED)
    if run.expires_on != notice.expires_on:
        return _skip(decisions, NotificationReason.CORRECTED)
    return decisions


def quieten(question: Question, decisions: Decisions) -> Decisions:
    """Skip reminders while a submitted renewal waits for its issuer: they come back with a later notice.

    That it has expired does not come back: the mail is held until then.
    """
    reminder = question.notice.step is not None
    quiet = reminder and question.facts.credential.quiet_at(question.now)
    return _skip(decisions, NotificationReason.SUBMITTED) if quiet else decisions


def drop_leavers(question: Question, decisions: Decisions) -> Decisions:
    """Skip a notice about a holder who is inactive."""
    return decisions if question.facts.holder.active else _skip(decisions, NotificationReason.HOLDER_INACTIVE)


_NOBODY = frozenset({Detour.MANAGER_NONE, Detour.MANAGER_UNKNOWN, Detour.MANAGER_INACTIVE})


def drop_unreachable(_: Question, decisions: Decisions) -> Decisions:
    """Skip recipients that have no address, nor anybody who would get the mail instead."""
    return tuple(
        replace(
            each,
            reason=NotificationReason.NO_MANAGER if each.detour in _NOBODY else NotificationReason.NO_ADDRESS,
        )
        if each.due and each.address is None
        else each
        for each in decisions
    )


def deduplicate(_: Question, decisions: Decisions) -> Decisions:
    """Send one mail to an address, however many roles it has."""
    seen: set[str] = set()
    kept = []
    for decision in decisions:
        address = (decision.address or "").lower()
        if decision.due and address in seen:
            kept.append(replace(decision, reason=NotificationReason.SAME_ADDRESS))
        else:
            kept.append(decision)
            if decision.due:
                seen.add(address)
    return tuple(kept)


def hold(question: Question, decisions: Decisions) -> Decisions:
    """Say from when each mail may leave: by day, where its recipient is, and not while reminders rest."""
    credential = question.facts.credential
    since = credential.quiet_until if credential.quiet_at(question.now) else None
    return tuple(
        replace(decision, not_before=next_opening(since or question.now, decision.time_zone))
        if decision.due
        else decision
        for decision in decisions
    )


def _skip(decisions: Decisions, reason: NotificationReason) -> Decisions:
    """Give `reason` to all that are still due; what an earlier stage decided stands."""
    return tuple(replace(each, reason=reason) if each.due else each for each in decisions)


PIPELINE: tuple[Stage, ...] = (
    route,
    supersede,
    drop_voided,
    drop_flagged,
    drop_outdated,
    quieten,
    drop_leavers,
    drop_unreachable,
    deduplicate,
    hold,
)
"""In this order: of several reasons not to notify somebody the first one is recorded."""
