"""Use cases of mails about enrolments: decide who is notified, and begin mails."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.enrolment_mails.model import Question, decide
from licet_notifier.enrolment_mails.wording import wording
from licet_notifier.facts.enrolments import KnownEnrolments, lock_enrolments
from licet_notifier.facts.model import EnrolmentMail, EnrolmentNotice
from licet_notifier.notifications import store
from licet_notifier.notifications.beginning import Batch, Found, note_found, standing_of
from licet_notifier.notifications.commands import PATIENCE, NotYetKnown
from licet_notifier.notifications.commands import keep_decisions as keep
from licet_notifier.notifications.letters import copies_of, first_of_copies, letter_for
from licet_notifier.notifications.model import Decision, Decisions, Deployment, notification_id
from licet_notifier.notifications.notices import keep_enrolment_notice
from licet_notifier.notifications.store import Begun, Claimed
from licet_notifier.policy.model import Policy
from licet_notifier.policy.store import current_policy
from licet_notifier.restraint.model import Subject
from licet_notifier.restraint.store import lock_restraint, read_calendar
from licet_notifier.templates.store import current_catalogue


async def decide_enrolment_notice(
    tx: Transaction, notice: EnrolmentNotice, *, deployment: Deployment, now: datetime
) -> None:
    """Decide who gets a notice, and record it; raises `NotYetKnown`."""
    policy = await current_policy(tx.conn)
    known = await lock_enrolments(tx.conn, [notice], policy.needs)
    unknown = awaited(notice, known)
    if unknown is not None:
        raise unknown
    await _decide(tx, notice, known, policy, deployment, now)


async def decide_enrolment_notice_with_what_is_known(
    tx: Transaction,
    notice: EnrolmentNotice,
    *,
    reason: NotificationReason,
    deployment: Deployment,
    now: datetime,
) -> None:
    """Decide when the event has waited too long: without its enrolment or holder nobody is notified."""
    policy = await current_policy(tx.conn)
    known = await lock_enrolments(tx.conn, [notice], policy.needs)
    if awaited(notice, known, managers=False) is None:
        await _decide(tx, notice, known, policy, deployment, now)
        return
    told = RecipientRole.MANAGER if notice.mail is EnrolmentMail.APPLIED else RecipientRole.HOLDER
    await keep_enrolment_notice(tx.conn, notice)
    await keep(tx, notice, [Decision(told, told, reason=reason)], now)


def awaited(notice: EnrolmentNotice, known: KnownEnrolments, *, managers: bool = True) -> NotYetKnown | None:
    """Return what has to arrive before the decision can be made; `None` if all is there."""
    enrolled = known.enrolments.get(notice.enrolment_id)
    if enrolled is None or enrolled.state.version < notice.enrolment_version:
        # The list of reasons is closed, and without its enrolment nobody knows whose a notice is.
        return NotYetKnown(f"enrolment:{notice.enrolment_id}", NotificationReason.HOLDER_UNKNOWN)
    holder = known.holders.get(enrolled.state.holder_id)
    if holder is None:
        return NotYetKnown(f"holder:{enrolled.state.holder_id}", NotificationReason.HOLDER_UNKNOWN)
    told = notice.mail in {EnrolmentMail.WINDOW_OPEN, EnrolmentMail.DEADLINE_NEAR}
    if managers and told and holder.manager_id is not None and holder.manager_id not in known.holders:
        return NotYetKnown(f"holder:{holder.manager_id}", NotificationReason.HOLDER_UNKNOWN)
    return None


async def _decide(
    tx: Transaction,
    notice: EnrolmentNotice,
    known: KnownEnrolments,
    policy: Policy,
    deployment: Deployment,
    now: datetime,
) -> None:
    notice = of_present_holder(notice, known)
    later = await keep_enrolment_notice(tx.conn, notice)
    calendar = await read_calendar(tx.conn)
    question = Question(notice, known.facts_of(notice, later), deployment, now, calendar, policy=policy)
    await keep(tx, notice, decide(question), now, policy.version)


def of_present_holder(notice: EnrolmentNotice, known: KnownEnrolments) -> EnrolmentNotice:
    """Return the notice as one for the holder who has the enrolment now; the enrolment is known."""
    return replace(notice, holder_id=known.enrolments[notice.enrolment_id].state.holder_id)


async def begin_enrolment_mails(
    tx: Transaction,
    *,
    deployment: Deployment,
    limit: int,
    lease: timedelta,
    message_id: Callable[[UUID], str],
    now: datetime,
) -> Batch:
    """Claim mails that may leave, decide once more whether they should, and record those that are begun.

    The facts are locked until the transaction ends: what is decided about the enrolment is applied either
    before, and seen here, or after the mail was begun.
    """
    claimed = await store.claim_due_of_enrolments(tx.conn, now=now, machine_now=machine_now(), limit=limit)
    if not claimed:
        return Batch()
    catalogue = await current_catalogue(tx.conn, deployment.language)
    policy = await current_policy(tx.conn)
    known = await lock_enrolments(tx.conn, [each.notice for each in claimed], policy.needs)
    restraint = await lock_restraint(tx.conn)
    found = Found(restraint.stops)
    for mail in claimed:
        unknown = awaited(mail.notice, known, managers=False)
        if unknown is None:
            facts = known.facts_of(mail.notice, mail.later_notice_at)
            question = Question(
                mail.notice, facts, deployment, now, restraint.calendar, mail.created_at, policy
            )
            decisions = decide(question, told_fallback=mail.decider_id is None, standing=standing_of(mail))
            decision = decision_of(mail, decisions)
            subject = Subject(mail.notice.mail_name, team=facts.holder.team)
            if found.due(mail, decision, subject, now):
                reader = first_of_copies(decisions, decision)
                letter, tongue = letter_for(catalogue, mail, reader, facts.enrolment.programme)
                values = wording(question, decisions, reader, tongue)
                ident, copies = message_id(mail.notification_id), copies_of(decisions, reader)
                found.begun.append(Begun(mail, decision, ident, letter, values, reader, copies))
        elif now < mail.not_before + PATIENCE:
            found.arriving.append(mail.notification_id)
        else:
            found.skipped.append((mail, Decision(mail.told, mail.told, reason=unknown.reason)))
    await note_found(tx, found, lease, now)
    return Batch(found.begun, len(claimed))


def decision_of(mail: Claimed[EnrolmentNotice], decisions: Decisions) -> Decision:
    """Return the decision about a mail; a supervisor who no longer decides is not told."""
    for decision in decisions:
        if notification_id(mail.notice.event_id, decision) == mail.notification_id:
            return decision
    reason = next((each.reason for each in decisions if not each.due), NotificationReason.NO_MANAGER)
    return replace(mail.recipient, role=mail.told, recipient_id=mail.decider_id, reason=reason)
