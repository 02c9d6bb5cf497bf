"""Which events of enrolments lead to mails, to whom they go, and whether they still apply. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from licet_events import Event
from licet_events.enrolments import (
    ComponentStatus,
    EnrolmentOpened,
    EnrolmentStage,
    EnrolmentStatus,
    EnrolmentStatusChanged,
    RenewalDue,
)
from licet_events.notifications import NotificationReason, RecipientRole
from licet_events.schedule import InstantReached
from licet_notifier.facts.model import EnrolmentFacts, EnrolmentMail, EnrolmentNotice, Renewal
from licet_notifier.notifications.circles import members
from licet_notifier.notifications.model import (
    Decision,
    Decisions,
    Deployment,
    Detour,
)
from licet_notifier.notifications.recipients import (
    deduplicate,
    drop_unreachable,
    skip,
    to_fallback,
    to_holder,
    to_manager,
    to_person,
)
from licet_notifier.policy.model import NO_POLICY, Case, Policy
from licet_notifier.restraint.calendar import BY_DAY, Calendar

LATE = timedelta(days=7)
"""How old an event may be for somebody to be notified of it.

A compacted topic keeps every event for as long, so that a reader that was down for some days misses none;
what is older is history to a new reader.
"""

_OPEN = frozenset({EnrolmentStage.APPLIED, EnrolmentStage.IN_PROGRESS, EnrolmentStage.ADMIN_REVIEW})
_RENEWABLE = frozenset({EnrolmentStatus.ACTIVE, EnrolmentStatus.EXPIRING, EnrolmentStatus.EXPIRED})
_WITH_MANAGER = frozenset({EnrolmentMail.WINDOW_OPEN, EnrolmentMail.DEADLINE_NEAR})

_OF_CHANGE: Mapping[tuple[EnrolmentStage, str], EnrolmentMail] = MappingProxyType(
    {
        (EnrolmentStage.IN_PROGRESS, "approved"): EnrolmentMail.APPROVED,
        (EnrolmentStage.IN_PROGRESS, "returned"): EnrolmentMail.RETURNED,
        (EnrolmentStage.COMPLETED, "approved"): EnrolmentMail.COMPLETED,
        (EnrolmentStage.COMPLETED, "completed"): EnrolmentMail.COMPLETED,
        (EnrolmentStage.DECLINED, "denied"): EnrolmentMail.DECLINED,
    }
)
"""The stage that a change of status leads to and the change's reason, with the mail about it."""

_STAGE: Mapping[EnrolmentMail, EnrolmentStage] = MappingProxyType(
    {
        EnrolmentMail.APPLIED: EnrolmentStage.APPLIED,
        EnrolmentMail.APPROVED: EnrolmentStage.IN_PROGRESS,
        EnrolmentMail.RETURNED: EnrolmentStage.IN_PROGRESS,
        EnrolmentMail.DECLINED: EnrolmentStage.DECLINED,
        EnrolmentMail.COMPLETED: EnrolmentStage.COMPLETED,
    }
)
"""The stage in which the mail about a decision still applies."""

Source = EnrolmentOpened | EnrolmentStatusChanged | RenewalDue | InstantReached
"""Events that may lead to a mail."""


def notice_of(event: Event[Source]) -> EnrolmentNotice | None:
    """Return what the event asks for; `None` where it leads to no mail."""
    data = event.data
    if isinstance(data, InstantReached):
        if data.about != "enrolment" or data.instant != "deadline_near":
            return None
        if data.holder_id is None or not data.notify:
            return None
        return EnrolmentNotice(
            event_id=event.id,
            event_name=data.event_type,
            mail=EnrolmentMail.DEADLINE_NEAR,
            enrolment_id=data.about_id,
            holder_id=data.holder_id,
            enrolment_version=data.about_version,
            at=data.at,
            step=data.step,
            renewal=None,
            correlation_id=event.correlation_id,
            traceparent=event.traceparent,
        )
    mail = _mail_of(data)
    if mail is None:
        return None
    return EnrolmentNotice(
        event_id=event.id,
        event_name=data.event_type,
        mail=mail,
        enrolment_id=data.enrolment.id,
        holder_id=data.enrolment.holder_id,
        enrolment_version=data.enrolment.version,
        at=event.time,
        step=None,
        renewal=_renewal_of(data) if isinstance(data, RenewalDue) else None,
        correlation_id=event.correlation_id,
        traceparent=event.traceparent,
    )


def _mail_of(data: EnrolmentOpened | EnrolmentStatusChanged | RenewalDue) -> EnrolmentMail | None:
    if isinstance(data, RenewalDue):
        return EnrolmentMail.WINDOW_OPEN
    stage = data.enrolment.stage
    if isinstance(data, EnrolmentOpened):
        return EnrolmentMail.APPLIED if stage is EnrolmentStage.APPLIED else None
    return _OF_CHANGE.get((stage, data.reason))


def _renewal_of(data: RenewalDue) -> Renewal:
    return Renewal(
        term_id=data.term_id,
        expires_on=data.expires_on,
        time_zone=data.time_zone,
        start_by=data.start_by,
        components=tuple((each.name, each.start_by) for each in data.components),
        last_day=data.last_day,
        month=data.expires_on_month,
    )


@dataclass(frozen=True, slots=True)
class Question:
    """A notice, the facts about it, and business now."""

    notice: EnrolmentNotice
    facts: EnrolmentFacts
    deployment: Deployment
    now: datetime
    calendar: Calendar = BY_DAY
    arrived_at: datetime | None = None
    """When the event arrived; `None`: now."""
    policy: Policy = NO_POLICY


def decide(
    question: Question, *, told_fallback: bool = False, standing: frozenset[str] = frozenset()
) -> Decisions:
    """Return a decision for each recipient of the notice.

    It is asked when the event comes and again before each mail, with the facts of that moment. An application
    that went to the fallback address when it came stays there (`told_fallback`), and so does what the policy
    tells a circle (`standing`, see `members`).
    """
    facts = question.facts
    case = Case(
        question.notice.mail_name,
        question.notice.step,
        facts.enrolment.programme,
        facts.holder.team,
        facts.holder.location,
    )
    resolved = question.policy.resolve(case)
    if resolved is None:
        decisions = _recipients(question, told_fallback=told_fallback)
    else:
        # Nobody acts on a notice of an enrolment but those whom it is for: only the first level is told.
        at_once = replace(resolved, levels=resolved.levels[:1])
        decisions = members(at_once, facts, question.deployment, standing)
    reason = why_not(question)
    if reason is not None:
        decisions = skip(decisions, reason)
    decisions = deduplicate(drop_unreachable(decisions))
    return tuple(
        replace(each, not_before=question.calendar.opening(question.now, each.place)) if each.due else each
        for each in decisions
    )


def _recipients(question: Question, *, told_fallback: bool) -> Decisions:
    facts, deployment, mail = question.facts, question.deployment, question.notice.mail
    holder = Decision(RecipientRole.HOLDER, RecipientRole.HOLDER)
    manager = Decision(RecipientRole.MANAGER, RecipientRole.MANAGER)
    if mail is not EnrolmentMail.APPLIED:
        to_both = mail in _WITH_MANAGER
        return (
            to_holder(facts, deployment, holder),
            *((to_manager(facts, deployment, manager),) if to_both else ()),
        )
    deciders = () if told_fallback else tuple(_deciders(question, manager))
    return deciders or (to_fallback(facts, deployment, manager, Detour.NO_DECIDER),)


def _deciders(question: Question, decision: Decision) -> Iterable[Decision]:
    facts = question.facts
    for decider in facts.deciders:
        location = facts.locations.get(decider.location or "")
        addressed = to_person(
            decider, location, question.deployment, replace(decision, decider_id=decider.id)
        )
        if decider.active and addressed is not None:
            yield addressed


def why_not(question: Question) -> NotificationReason | None:
    """Return why nobody is to be notified; `None` where the notice still applies."""
    notice, facts = question.notice, question.facts
    if (question.arrived_at or question.now) - notice.at > LATE:
        return NotificationReason.REPEATED
    if facts.enrolment.stage is EnrolmentStage.INACTIVE:
        return NotificationReason.SUSPENDED
    if not facts.holder.active or facts.holder.merged:
        return NotificationReason.HOLDER_INACTIVE
    later = facts.later_notice_at
    if later is not None and later > notice.at:
        return NotificationReason.SUPERSEDED
    return _overtaken(question)


def _overtaken(question: Question) -> NotificationReason | None:
    match question.notice.mail:
        case EnrolmentMail.WINDOW_OPEN:
            return _window_overtaken(question)
        case EnrolmentMail.DEADLINE_NEAR:
            return _deadline_overtaken(question)
        case mail:
            still = question.facts.enrolment.stage is _STAGE[mail]
            return None if still else NotificationReason.SUPERSEDED


def _window_overtaken(question: Question) -> NotificationReason | None:
    renewal, state = question.notice.renewal, question.facts.enrolment
    if state.superseded_by is not None or renewal is None or state.renewal_due_for != renewal.term_id:
        return NotificationReason.RENEWED
    if question.facts.begun_again or state.status not in _RENEWABLE:
        return NotificationReason.SUPERSEDED
    return None


def _deadline_overtaken(question: Question) -> NotificationReason | None:
    notice, state = question.notice, question.facts.enrolment
    if state.stage not in _OPEN or state.deadline_at is None or state.deadline_at <= question.now:
        return NotificationReason.SUPERSEDED
    # Days of a place differ in length by an hour or so; a deadline that was moved differs by a day at least.
    moved = notice.step is not None and abs(
        state.deadline_at - notice.at - timedelta(days=notice.step)
    ) >= timedelta(days=1)
    return NotificationReason.CORRECTED if moved else None


def lacking(question: Question) -> tuple[str, ...]:
    """Return the names of required components that are still to do."""
    return tuple(
        component.name
        for component in question.facts.enrolment.components
        if component.required and component.status is not ComponentStatus.COMPLETED
    )
