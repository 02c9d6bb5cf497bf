"""Decides who is notified of a credential: a pipeline of stages, each with one decision and a reason."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from types import MappingProxyType

from licet_events.civil import local_date, starts_at
from licet_events.credentials import FlagKind
from licet_events.notifications import NotificationReason
from licet_notifier.facts.model import Facts, Notice
from licet_notifier.notifications.circles import case_of, members, resolved_or_default
from licet_notifier.notifications.model import Decision, Decisions, Deployment
from licet_notifier.notifications.recipients import deduplicate, drop_unreachable, skip
from licet_notifier.policy.model import NO_POLICY, Policy
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
    notice: Notice,
    facts: Facts,
    deployment: Deployment,
    now: datetime,
    calendar: Calendar = BY_DAY,
    policy: Policy = NO_POLICY,
    *,
    standing: frozenset[str] = frozenset(),
) -> Decisions:
    """Return a decision for each recipient of the notice whom the policy tells, escalations last.

    It is asked when the event comes and again before each mail, with the facts of that moment. `standing`
    are circles for which the fallback address was decided before (see `members`).
    """
    question = Question(notice, facts, deployment, now, calendar)
    resolved = resolved_or_default(policy.resolve(case_of(notice.mail_name, notice.step, facts)))
    decisions = members(resolved, facts, deployment, standing)
    for stage in PIPELINE:
        decisions = stage(question, decisions)
    return decisions


def supersede(question: Question, decisions: Decisions) -> Decisions:
    """Skip what came at once with something later, or was overtaken by it before the mail left."""
    notice, later = question.notice, question.facts.later_notice_at
    overtaken = later is not None and later > notice.at
    # A reminder that could not leave in time must not say that an expired credential will expire.
    before_expiry = notice.step is not None and notice.step >= 0
    last_day = question.facts.credential.end_of(notice).last_day
    ended = before_expiry and local_date(question.now, notice.time_zone) > last_day
    # The scheduler announces what follows, at the latest when the pause that kept this one back has ended.
    followed = notice.next_at is not None and notice.next_at <= question.now
    if not notice.notify:
        return skip(decisions, NotificationReason.SUPERSEDED)
    if not (overtaken or ended or followed):
        return decisions
    # That nobody acted on this notice stays true when the next one comes: escalations go on.
    return tuple(
        replace(each, reason=NotificationReason.SUPERSEDED) if each.due and not each.after_days else each
        for each in decisions
    )


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
    """Skip a mail while a submitted renewal waits for its issuer."""
    quiet = question.facts.credential.quiet_at(question.now)
    return skip(decisions, NotificationReason.SUBMITTED) if quiet else decisions


def drop_acknowledged(question: Question, decisions: Decisions) -> Decisions:
    """Skip a reminder while the renewal is booked; that it has expired is told all the same."""
    notice = question.notice
    said = [each for each in question.facts.acknowledgements if each.rests(notice.term_id, question.now)]
    until = max((each.until for each in said if each.to is None), default=None)
    if until is None or notice.step is None:
        return decisions
    return tuple(
        replace(each, reason=NotificationReason.ACKNOWLEDGED, pause_ends=until) if each.due else each
        for each in decisions
    )


def drop_leavers(question: Question, decisions: Decisions) -> Decisions:
    """Skip a notice about a holder who is inactive."""
    return decisions if question.facts.holder.active else skip(decisions, NotificationReason.HOLDER_INACTIVE)


def escalate_once(question: Question, decisions: Decisions) -> Decisions:
    """Skip an escalation to whom the same term was escalated before."""
    before = question.facts.escalated_to
    return tuple(
        replace(each, reason=NotificationReason.REPEATED)
        if each.due and each.after_days and each.to in before
        else each
        for each in decisions
    )


def hold(question: Question, decisions: Decisions) -> Decisions:
    """Say from when each mail may leave, by its recipient's calendar; and when a pause ends that forbids it.

    An escalation leaves so many days after its step, counted in days of the credential's zone.
    """
    notice, pause_ends = question.notice, question.facts.credential.pause_ends(question.now)
    held = []
    for each in decisions:
        earliest = max(question.now, _snoozed_until(question, each))
        if each.after_days:
            day = local_date(notice.at, notice.time_zone) + timedelta(days=each.after_days)
            earliest = max(earliest, starts_at(day, notice.time_zone))
        opening = question.calendar.opening(earliest, each.place)
        if each.due:
            held.append(replace(each, not_before=opening))
        else:
            held.append(replace(each, pause_ends=each.pause_ends or pause_ends))
    return tuple(held)


def _snoozed_until(question: Question, decision: Decision) -> datetime:
    """Return until when a recipient wants no reminder of the term; now, where there is no such wish."""
    notice = question.notice
    until = (
        each.until
        for each in question.facts.acknowledgements
        if notice.step is not None and each.to == decision.to and each.rests(notice.term_id, question.now)
    )
    return max(until, default=question.now)


PIPELINE: tuple[Stage, ...] = (
    supersede,
    drop_voided,
    drop_flagged,
    drop_outdated,
    quieten,
    drop_leavers,
    drop_acknowledged,
    lambda _, decisions: drop_unreachable(decisions),
    lambda _, decisions: deduplicate(decisions),
    escalate_once,
    hold,
)
"""In this order: of several reasons not to notify somebody the first one is recorded."""
