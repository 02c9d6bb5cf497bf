"""Deciding again on mails about enrolments that were skipped while something paused them."""

from datetime import datetime

from licet_chassis.database import Transaction
from licet_notifier.enrolment_mails.commands import awaited, decision_of
from licet_notifier.enrolment_mails.model import Question, decide
from licet_notifier.facts.enrolments import lock_enrolments
from licet_notifier.notifications import store
from licet_notifier.notifications.beginning import standing_of
from licet_notifier.notifications.model import OPEN_END, Deployment
from licet_notifier.notifications.resuming import Resumed, note_resumed
from licet_notifier.policy.store import current_policy
from licet_notifier.restraint.store import read_calendar


async def resume_enrolment_mails(
    tx: Transaction, *, deployment: Deployment, limit: int, now: datetime
) -> int:
    """Decide again on mails about enrolments; the facts are locked until the transaction ends."""
    claimed = await store.claim_resting_of_enrolments(tx.conn, now=now, limit=limit)
    if not claimed:
        return 0
    policy = await current_policy(tx.conn)
    known = await lock_enrolments(tx.conn, [each.notice for each in claimed], policy.needs)
    calendar = await read_calendar(tx.conn)
    resumed = Resumed()
    for mail in claimed:
        if awaited(mail.notice, known, managers=False) is not None:
            resumed.resting.append((mail.notification_id, OPEN_END))
            continue
        facts = known.facts_of(mail.notice, mail.later_notice_at)
        question = Question(mail.notice, facts, deployment, now, calendar, mail.created_at, policy)
        decisions = decide(question, told_fallback=mail.decider_id is None, standing=standing_of(mail))
        resumed.add(mail, decision_of(mail, decisions))
    await note_resumed(tx, resumed, now)
    return len(claimed)
