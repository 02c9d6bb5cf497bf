"""Deciding again on mails that were skipped while something paused them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol
from uuid import UUID

from licet_chassis.cause import Cause
from licet_chassis.clock import BusinessClock, machine_now
from licet_chassis.database import Database, Transaction
from licet_chassis.loops import Loop
from licet_notifier.facts.model import Notice
from licet_notifier.facts.store import lock_known
from licet_notifier.notifications import store
from licet_notifier.notifications.beginning import decision_of, standing_of
from licet_notifier.notifications.commands import (
    announce,
    awaited,
    end_unsent,
    keep_decisions,
    of_present_holder,
)
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.model import OPEN_END, Decision, Decisions, Deployment
from licet_notifier.notifications.store import Claimed
from licet_notifier.policy.store import current_policy
from licet_notifier.restraint.store import read_calendar

_AT_ONCE = 200


class ResumeMails(Protocol):
    """Decides again on mails about one kind of notice whose pause may be over."""

    async def __call__(self, tx: Transaction, *, deployment: Deployment, limit: int, now: datetime) -> int:
        """Return the number of mails that were decided on, `limit` at most."""


@dataclass
class Resumed:
    """The result of deciding again on mails that are skipped for a temporary reason."""

    due: list[tuple[UUID, Decision]] = field(default_factory=list)
    skipped: list[tuple[Claimed[Any], Decision]] = field(default_factory=list)
    resting: list[tuple[UUID, datetime | None]] = field(default_factory=list)
    moved: list[Notice] = field(default_factory=list)
    """Notices whose credentials are another holder's by now."""

    def add(self, mail: Claimed[Any], decision: Decision) -> None:
        """Sort a mail by the new decision about it."""
        if decision.due:
            self.due.append((mail.notification_id, decision))
        elif decision.reason is mail.reason:
            self.resting.append((mail.notification_id, decision.look_again_at))
        else:
            self.skipped.append((mail, decision))


async def resume_mails(tx: Transaction, *, deployment: Deployment, limit: int, now: datetime) -> int:
    """Decide again on mails about credentials; the facts are locked until the transaction ends.

    A recipient who was not decided on while the credential was unknown is decided on now.
    """
    claimed = await store.claim_resting(tx.conn, now=now, limit=limit)
    if not claimed:
        return 0
    policy = await current_policy(tx.conn)
    known = await lock_known(tx.conn, [each.notice for each in claimed], policy.needs)
    calendar = await read_calendar(tx.conn)
    resumed = Resumed()
    for mail in claimed:
        credential = known.credentials.get(mail.notice.credential_id)
        notice = mail.notice if credential is None else of_present_holder(mail.notice, known)
        if notice != mail.notice:
            resumed.moved.append(notice)
        if awaited(notice, known) is not None:
            resumed.resting.append((mail.notification_id, OPEN_END))
            continue
        facts = known.facts_of(notice, mail.later_notice_at)
        decisions = decide(notice, facts, deployment, now, calendar, policy, standing=standing_of(mail))
        decision = decision_of(mail, decisions)
        if decision.due:
            await keep_decisions(tx, notice, _others(decisions, now), now, policy.version)
        resumed.add(mail, decision)
    await note_resumed(tx, resumed, now)
    return len(claimed)


def _others(decisions: Decisions, now: datetime) -> Decisions:
    """Return the decisions about all recipients; an escalation counts its days from the end of the pause."""
    return tuple(
        replace(each, not_before=max(each.not_before or now, now + timedelta(days=each.after_days)))
        if each.due and each.after_days
        else each
        for each in decisions
        if each.due or not each.after_days
    )


async def note_resumed(tx: Transaction, resumed: Resumed, now: datetime) -> None:
    """Record what deciding again came to, and publish what is skipped for another reason than before."""
    if resumed.moved:
        await store.follow_credentials(tx.conn, resumed.moved)
    if resumed.due:
        await store.resume(tx.conn, resumed.due, now=now, machine_now=machine_now())
    if resumed.resting:
        await store.rest(tx.conn, resumed.resting)
    if resumed.skipped:
        ended = [(end_unsent(mail, decision), decision) for mail, decision in resumed.skipped]
        await store.mark_unsent(tx.conn, ended, now=now)
        await announce(tx, [outcome for outcome, _ in ended], now=now)


def resuming_loop(
    database: Database,
    clock: BusinessClock,
    deployment: Deployment,
    *,
    actor: str,
    kinds: Sequence[ResumeMails],
) -> Loop:
    """Return the loop that decides again on mails of all kinds whose pause may be over."""

    async def step() -> bool:
        return any([await _decided(kind) for kind in kinds])

    async def _decided(kind: ResumeMails) -> bool:
        async def work(tx: Transaction) -> int:
            return await kind(tx, deployment=deployment, limit=_AT_ONCE, now=clock.now())

        return await database.run(Cause.new(actor), work) == _AT_ONCE

    return Loop("resumed_mails", step, idle_seconds=0.5)
