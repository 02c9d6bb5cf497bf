"""Use cases of notices: decide who is notified, and record what came of mails."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from licet_chassis.cause import Cause, child_traceparent
from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_events.notifications import NotificationReason, RecipientRole
from licet_notifier.facts import store as fact_store
from licet_notifier.facts.model import AnyNotice, Notice
from licet_notifier.facts.store import Known, lock_known
from licet_notifier.notifications import store
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.gathering import gather
from licet_notifier.notifications.model import (
    Decision,
    Deployment,
    Outcome,
    State,
    notification_id,
    outcome_event,
    outcome_event_id,
)
from licet_notifier.notifications.notices import keep_notice
from licet_notifier.notifications.retry import RetryPolicy
from licet_notifier.notifications.store import Attempted, Claimed
from licet_notifier.policy.model import Policy
from licet_notifier.policy.store import current_policy, forget_address
from licet_notifier.restraint.store import read_calendar

PATIENCE = timedelta(days=1)
"""For how long, in business time, a mail waits for a credential or its holder to arrive."""
ARRIVING_FOR = timedelta(seconds=1)
"""For how long, in machine time, such a mail is left before it is looked at again."""


class NotYetKnown(Exception):
    """Something that the decision rests on has not arrived from its owner yet."""

    def __init__(self, needs: str, reason: NotificationReason) -> None:
        """`needs` is the key under which it will be provided; `reason` what to say if it never is."""
        super().__init__(f"{needs} is not known yet")
        self.needs = needs
        self.reason = reason


async def decide_notice(tx: Transaction, notice: Notice, *, deployment: Deployment, now: datetime) -> None:
    """Decide who gets a notice, and record it; raises `NotYetKnown`."""
    policy = await current_policy(tx.conn)
    known = await lock_known(tx.conn, [notice], policy.needs)
    unknown = awaited(notice, known) or _awaited_manager(notice, known)
    if unknown is not None:
        raise unknown
    await _decide(tx, notice, known, policy, deployment, now)


async def decide_with_what_is_known(
    tx: Transaction, notice: Notice, *, reason: NotificationReason, deployment: Deployment, now: datetime
) -> None:
    """Decide when the event has waited too long: until its credential or holder arrives nobody is notified.

    A manager who never came is one who is not known, and the fallback gets the mail.
    """
    policy = await current_policy(tx.conn)
    known = await lock_known(tx.conn, [notice], policy.needs)
    if awaited(notice, known) is None:
        await _decide(tx, notice, known, policy, deployment, now)
        return
    if notice.credential_id in known.credentials:
        notice = of_present_holder(notice, known)
    decision = Decision(
        RecipientRole.HOLDER, RecipientRole.HOLDER, recipient_id=notice.holder_id, reason=reason
    )
    await keep_notice(tx.conn, notice)
    await keep_decisions(tx, notice, [decision], now)


def awaited(notice: Notice, known: Known) -> NotYetKnown | None:
    """Return what has to arrive before the decision can be made; `None` if all is there.

    The present holder of the credential is notified, and that may change: between the tombstone of its key
    and its state under the next one it has none, and a merged holder's is on its way to the other.
    """
    arriving = f"credential:{notice.credential_id}"
    credential = known.credentials.get(notice.credential_id)
    if credential is None or credential.version < notice.credential_version:
        return NotYetKnown(arriving, NotificationReason.CREDENTIAL_UNKNOWN)
    holder = known.holders.get(credential.holder_id)
    if holder is None:
        return NotYetKnown(f"holder:{credential.holder_id}", NotificationReason.HOLDER_UNKNOWN)
    if holder.merged and not credential.voided:
        return NotYetKnown(arriving, NotificationReason.HOLDER_INACTIVE)
    return None


def _awaited_manager(notice: Notice, known: Known) -> NotYetKnown | None:
    holder = known.holders[known.credentials[notice.credential_id].holder_id]
    if holder.manager_id is None or holder.manager_id in known.holders:
        return None
    return NotYetKnown(f"holder:{holder.manager_id}", NotificationReason.HOLDER_UNKNOWN)


def of_present_holder(notice: Notice, known: Known) -> Notice:
    """Return the notice as one for the holder who has the credential now; the credential is known."""
    return replace(notice, holder_id=known.credentials[notice.credential_id].holder_id)


async def _decide(
    tx: Transaction, notice: Notice, known: Known, policy: Policy, deployment: Deployment, now: datetime
) -> None:
    notice = of_present_holder(notice, known)
    facts = known.facts_of(notice, await keep_notice(tx.conn, notice))
    calendar = await read_calendar(tx.conn)
    decisions = gather(notice, decide(notice, facts, deployment, now, calendar, policy), calendar, now)
    # Of a notice that nobody gets there is nothing to escalate.
    kept = [each for each in decisions if each.due or not each.after_days]
    await keep_decisions(tx, notice, kept, now, policy.version)


async def keep_decisions(
    tx: Transaction,
    notice: AnyNotice,
    decisions: Sequence[Decision],
    now: datetime,
    policy_version: int | None = None,
) -> None:
    """Record decisions that are new, and publish those not to notify somebody."""
    new = await store.keep_decisions(
        tx.conn, notice, decisions, now=now, machine_now=machine_now(), policy_version=policy_version
    )
    skipped = [skip_of(notice, decision) for decision in decisions if not decision.due]
    await announce(tx, [skip for skip in skipped if skip.notification_id in new], now=now)


def end_unsent(mail: Claimed[Any], decision: Decision) -> Outcome:
    """Return how a mail ends that is not sent; one that may have arrived is unknown, not skipped."""
    # One that a pause kept back was published as skipped before.
    resumed = mail.version + 1 if mail.version > 1 else 0
    skipped = skip_of(mail.notice, decision, resumed=resumed)
    # Under the mail's own id: whom it was for may be unknown by now, such as an address that was erased.
    outcome = replace(skipped, notification_id=mail.notification_id, resent=mail.resent)
    if mail.unknown_attempts:
        return replace(outcome, state=State.UNKNOWN, reason=NotificationReason.UNKNOWN)
    return outcome


def skip_of(notice: AnyNotice, decision: Decision, *, resumed: int = 0) -> Outcome:
    """Return the outcome of a decision not to notify somebody; `resumed` as in `Outcome`."""
    return Outcome(
        notification_id(notice.event_id, decision),
        notice,
        decision.role,
        decision.recipient_id,
        State.SKIPPED,
        decision.reason,
        after_days=decision.after_days,
        resumed=resumed,
    )


async def announce(tx: Transaction, outcomes: Sequence[Outcome], *, now: datetime) -> None:
    """Publish the final ones of `outcomes`, each in the conversation of the event that caused it."""
    final = [outcome for outcome in outcomes if outcome.state.final]
    if not final:
        return
    await tx.publish_all(
        [(outcome_event(outcome), outcome_event_id(outcome), now) for outcome in final],
        causes=[_cause(tx.cause.actor, outcome.notice) for outcome in final],
    )


def _cause(actor: str, notice: AnyNotice) -> Cause:
    return Cause(actor, notice.correlation_id, str(notice.event_id), child_traceparent(notice.traceparent))


async def forget_holder(tx: Transaction, holder_id: UUID, _now: datetime) -> None:
    """Forget a holder who is erased: no mail about it is begun after this.

    What others were sent stays, with its bare id. Rows are locked in the order in which beginning a
    mail locks them: decisions, credentials, holders.
    """
    await forget_address(tx.conn, holder_id)
    await store.forget_holder(tx.conn, holder_id)
    await fact_store.forget_holder(tx.conn, holder_id)


async def record_attempts(tx: Transaction, attempts: Sequence[Attempted], *, now: datetime) -> None:
    """Record the outcomes of attempts and publish those that are final."""
    # Two attempts at one mail, of which the first answered late, are noted one after the other: one
    # statement would note either of them, and both would be published.
    while attempts:
        first: dict[UUID, Attempted] = {}
        later = [
            each for each in attempts if first.setdefault(each.outcome.notification_id, each) is not each
        ]
        counted = await store.record_attempts(tx.conn, list(first.values()), now=now)
        await announce(tx, [each.outcome for ident, each in first.items() if ident in counted], now=now)
        attempts = later


async def count_lost_as_unknown(tx: Transaction, *, policy: RetryPolicy, limit: int, now: datetime) -> int:
    """Take mails whose sender was lost after it began them: whether they were sent is unknown."""
    lost = await store.claim_lost(tx.conn, machine_now=machine_now(), limit=limit)
    attempts = []
    for each in lost:
        sent = Outcome(
            each.notification_id,
            each.notice,
            each.role,
            each.recipient_id,
            State.UNKNOWN,
            NotificationReason.UNKNOWN,
            template_version=each.template_version,
            resent=each.resent,
            after_days=each.after_days,
        )
        charged = each.attempts - each.uncharged_attempts
        next_try = policy.next_try_of_unknown(machine_now(), charged, each.unknown_attempts + 1)
        outcome = sent if next_try is None else replace(sent, state=State.PENDING, next_try=next_try)
        attempts.append(Attempted(outcome, each.attempts, unknown=True))
    if attempts:
        await record_attempts(tx, attempts, now=now)
    return len(attempts)
