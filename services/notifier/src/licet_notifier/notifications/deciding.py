"""Decides who is notified of a credential: a pipeline of stages, each with one decision and a reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from types import MappingProxyType

from licet_events.civil import local_date
from licet_events.credentials import FlagKind
from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.facts.model import Facts, Notice
from licet_notifier.notifications.model import Decision, Decisions, Deployment
from licet_notifier.notifications.recipients import deduplicate, drop_unreachable, skip, to_holder, to_manager
from licet_notifier.restraint.calendar import BY_DAY, Calendar


@dataclass(frozen=True, slots=True)
class Question:
    """The input of the pipeline: a notice, the facts about it, and business now."""

    notice: Notice
    facts: Facts
    deployment: Deployment
    now: datetime
    calendar: Calendar = BY_DAY


Stage = Callable[[Question, Decisions], Decisions]


def decide(
    notice: Notice, facts: Facts, deployment: Deployment, now: datetime, calendar: Calendar = BY_DAY
) -> Decisions:
    """Return a decision for each recipient of the notice: the holder first, then the manager.

    It is asked when the event comes and again before each mail, with the facts of that moment.
    """
    decisions: Decisions = (
        Decision(RecipientRole.HOLDER, RecipientRole.HOLDER),
        Decision(RecipientRole.MANAGER, RecipientRole.MANAGER),
    )
    question = Question(notice, facts, deployment, now, calendar)
    for stage in PIPELINE:
        decisions = stage(question, decisions)
    return decisions


def route(question: Question, decisions: Decisions) -> Decisions:
    """Find each recipient's address, or the fallback that gets the mail instead."""
    return tuple(
        to_holder(question.facts, question.deployment, decision)
        if decision.told is RecipientRole.HOLDER
        else to_manager(question.facts, question.deployment, decision)
        for decision in decisions
    )


def supersede(question: Question, decisions: Decisions) -> Decisions:
    """Skip what came at once with something later, or was overtaken by it before the mail left."""
    notice, later = question.notice, question.facts.later_notice_at
    overtaken = later is not None and later > notice.at
    # A reminder that could not leave in time must not say that an expired credential will expire.
    before_expiry = notice.step is not None and notice.step >= 0
    ended = before_expiry and local_date(question.now, notice.time_zone) > notice.expires_on
    superseded = not notice.notify or overtaken or ended
    return skip(decisions, NotificationReason.SUPERSEDED) if superseded else decisions


_OF_FLAG: Mapping[FlagKind, NotificationReason] = MappingProxyType(
    {
        FlagKind.REVOKED: NotificationReason.REVOKED,
        FlagKind.SURRENDERED: NotificationReason.SURRENDERED,
        FlagKind.SUSPENDED: NotificationReason.SUSPENDED,
    }
)


def drop_voided(question: Question, decisions: Decisions) -> Decisions:
    """Skip a notice about a credential that was entered in error."""
    return skip(decisions, NotificationReason.VOIDED) if question.facts.credential.voided else decisions


def drop_flagged(question: Question, decisions: Decisions) -> Decisions:
    """Skip a notice about a credential that was revoked, surrendered or suspended."""
    in_force = {flag.kind for flag in question.facts.credential.flags if flag.in_force(question.now)}
    reason = next((reason for kind, reason in _OF_FLAG.items() if kind in in_force), None)
    return skip(decisions, reason) if reason else decisions


def drop_outdated(question: Question, decisions: Decisions) -> Decisions:
    """Skip a notice about a term that no longer ends the current run, or was corrected."""
    notice, credential = question.notice, question.facts.credential
    if notice.term_id and credential.terms.get(notice.term_id) != notice.term_revision:
        return skip(decisions, NotificationReason.CORRECTED)
    run = credential.current_run(question.now)
    if run is None or run.term_id != notice.term_id:
        return skip(decisions, NotificationReason.RENEWED)
    if run.expires_on != notice.expires_on:
        return skip(decisions, NotificationReason.CORRECTED)
    return decisions


def quieten(question: Question, decisions: Decisions) -> Decisions:
    """Skip reminders while a submitted renewal waits for its issuer: they come back with a later notice.

    That it has expired does not come back: the mail is held until then.
    """
    reminder = question.notice.step is not None
    quiet = reminder and question.facts.credential.quiet_at(question.now)
    return skip(decisions, NotificationReason.SUBMITTED) if quiet else decisions


def drop_leavers(question: Question, decisions: Decisions) -> Decisions:
    """Skip a notice about a holder who is inactive."""
    return decisions if question.facts.holder.active else skip(decisions, NotificationReason.HOLDER_INACTIVE)


def hold(question: Question, decisions: Decisions) -> Decisions:
    """Say from when each mail may leave: by its recipient's calendar, and not while reminders rest."""
    credential = question.facts.credential
    since = credential.quiet_until if credential.quiet_at(question.now) else None
    return tuple(
        replace(decision, not_before=question.calendar.opening(since or question.now, decision.place))
        if decision.due
        else decision
        for decision in decisions
    )


PIPELINE: tuple[Stage, ...] = (
    route,
    supersede,
    drop_voided,
    drop_flagged,
    drop_outdated,
    quieten,
    drop_leavers,
    lambda _, decisions: drop_unreachable(decisions),
    lambda _, decisions: deduplicate(decisions),
    hold,
)
"""In this order: of several reasons not to notify somebody the first one is recorded."""
