"""Beginning mails: which of those that are due may leave now, looked at again just before."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Protocol, Self
from uuid import UUID

from licet_chassis.clock import machine_now
from licet_chassis.database import Transaction
from licet_events.civil import local_date, starts_at
from licet_events.notifications import NotificationReason
from licet_notifier.facts.model import Facts, Notice
from licet_notifier.facts.store import lock_known
from licet_notifier.notifications import store
from licet_notifier.notifications.circles import standing
from licet_notifier.notifications.commands import (
    ARRIVING_FOR,
    PATIENCE,
    announce,
    awaited,
    end_unsent,
    of_present_holder,
)
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.gathering import beyond_cap, has_cap
from licet_notifier.notifications.letters import copies_of, first_of_copies, letter_for
from licet_notifier.notifications.model import (
    Decision,
    Decisions,
    Deployment,
    notification_id,
    template_of,
)
from licet_notifier.notifications.store import Begun, Claimed, Escalated
from licet_notifier.notifications.wording import wording
from licet_notifier.policy.store import current_policy
from licet_notifier.restraint.calendar import BY_DAY, Calendar
from licet_notifier.restraint.model import Stop, Subject, stop_of_mail
from licet_notifier.restraint.store import lock_restraint
from licet_notifier.templates.store import current_catalogue


class BeginMails(Protocol):
    """Claims mails about one kind of notice that may leave, decides once more, and records those begun."""

    async def __call__(
        self,
        tx: Transaction,
        *,
        deployment: Deployment,
        limit: int,
        lease: timedelta,
        message_id: Callable[[UUID], str],
        now: datetime,
    ) -> "Batch":
        """Return the mails that were begun, `limit` at most."""


@dataclass(frozen=True, slots=True)
class Batch:
    """What one look at mails that may leave came to."""

    begun: Sequence[Begun] = ()
    claimed: int = 0
    """How many were looked at; where there are any there may be more."""


async def begin_mails(
    tx: Transaction,
    *,
    deployment: Deployment,
    limit: int,
    lease: timedelta,
    message_id: Callable[[UUID], str],
    now: datetime,
) -> Batch:
    """Claim mails that may leave, decide once more whether they should, and record those that are begun.

    The facts are locked until the transaction ends: a renewal or a deactivation is applied either
    before, and no mail is begun, or after the mail was begun.
    """
    claimed = await store.claim_due(tx.conn, now=now, machine_now=machine_now(), limit=limit)
    if not claimed:
        return Batch()
    catalogue = await current_catalogue(tx.conn, deployment.language)
    found = await look_again(tx, claimed, deployment=deployment, now=now)
    for each in await _within_cap(tx, found, now):
        mail, decision, reader = each.mail, each.decision, first_of_copies(each.decisions, each.decision)
        letter, tongue = letter_for(catalogue, mail, reader, each.facts.credential.type)
        copies = copies_of(each.decisions, reader)
        found.begun.append(
            Begun(
                mail,
                decision,
                message_id(mail.notification_id),
                letter,
                {
                    **wording(mail.notice, each.facts, each.decisions, reader, now, tongue),
                    **_links_of(mail, copies, deployment),
                },
                reader,
                copies,
            )
        )
    await note_found(tx, found, lease, now)
    return Batch(found.begun, len(claimed))


def _links_of(mail: Claimed[Notice], copies: Decisions, deployment: Deployment) -> dict[str, str]:
    """Return the links of a mail; what several read has none, since nobody could tell who used them."""
    links, now = deployment.links, machine_now()
    if links is None or copies:
        return {}
    return {
        "acknowledge_url": links.acknowledge_url(mail.notification_id, now),
        "snooze_url": links.snooze_url(mail.notification_id, now),
    }


async def look_again(
    tx: Transaction, claimed: Sequence[Claimed[Notice]], *, deployment: Deployment, now: datetime
) -> "Found":
    """Decide once more on mails about credentials; those that are to leave now are `ready`."""
    policy = await current_policy(tx.conn)
    known = await lock_known(tx.conn, [each.notice for each in claimed], policy.needs)
    escalations = await _Escalations.of(tx, claimed)
    restraint = await lock_restraint(tx.conn)
    found = Found(restraint.stops, restraint.calendar)
    for each in claimed:
        unknown = awaited(each.notice, known)
        if not escalations.may_begin(each):
            found.arriving.append(each.notification_id)
        elif unknown is None:
            mail = replace(each, notice=of_present_holder(each.notice, known))
            if mail.notice != each.notice:
                found.moved.append(mail.notice)
            facts = known.facts_of(mail.notice, mail.later_notice_at, escalations.of_others(mail))
            decisions = decide(
                mail.notice, facts, deployment, now, restraint.calendar, policy, standing=standing_of(mail)
            )
            decision = decision_of(mail, decisions)
            event = template_of(mail.notice, mail.after_days).removesuffix(".v1")
            subject = Subject(event, facts.credential.type, facts.holder.team)
            if found.due(mail, decision, subject, now):
                escalations.note(mail)
                found.ready.append(Ready(mail, decision, decisions, facts))
        elif now < each.not_before + PATIENCE:
            found.arriving.append(each.notification_id)
        else:
            if each.notice.credential_id in known.credentials:
                found.moved.append(of_present_holder(each.notice, known))
            found.skipped.append((each, replace(each.recipient, reason=unknown.reason)))
    return found


async def _within_cap(tx: Transaction, found: "Found", now: datetime) -> Sequence["Ready"]:
    """Return the mails that leave alone; those beyond their recipients' cap of the day are gathered."""
    calendar = found.calendar
    if calendar.rules.daily_cap is None:
        return found.ready
    since = {
        each.decision.recipient_id: _start_of_day(now, each.decision.time_zone)
        for each in found.ready
        if has_cap(each.decision) and each.decision.recipient_id is not None
    }
    before = await store.count_begun(tx.conn, since) if since else {}
    within = []
    for each in found.ready:
        person = each.decision.recipient_id
        count = before.get(person, 0) if person else 0
        decision = beyond_cap(each.mail.notice, each.decision, calendar, count, now)
        if decision.digest_id is not None and decision.not_before is not None:
            found.gathered.append((each.mail.notification_id, decision.digest_id, decision.not_before))
        elif decision is not each.decision:
            found.later.append((each.mail, decision))
        else:
            within.append(each)
            if person and has_cap(decision):
                before[person] = count + 1
    return within


def _start_of_day(now: datetime, time_zone: str) -> datetime:
    return starts_at(local_date(now, time_zone), time_zone)


def standing_of(mail: Claimed[Any]) -> frozenset[str]:
    """Return the circle of a mail that went to the fallback because nobody in it could be reached."""
    return standing(mail.recipient)


def decision_of(mail: Claimed[Notice], decisions: Decisions) -> Decision:
    """Return the decision about a mail; whom the policy no longer tells is not told."""
    for decision in decisions:
        if notification_id(mail.notice.event_id, decision) == mail.notification_id:
            return decision
    still = {each.circle for each in decisions if each.after_days == mail.after_days}
    # Either the circle goes on without this person, or the policy has become silent about it.
    gone = NotificationReason.NO_MANAGER if mail.circle in still else NotificationReason.SILENCED
    not_for_all = next((each.reason for each in decisions if not each.due), gone)
    return replace(
        mail.recipient,
        recipient_id=mail.decider_id,
        reason=gone if any(each.due for each in decisions) else not_for_all,
    )


@dataclass
class _Escalations:
    """Of which terms escalations were begun, so that none is told of one twice."""

    locked: frozenset[UUID]
    begun: list[Escalated]

    @classmethod
    async def of(cls, tx: Transaction, claimed: Sequence[Claimed[Notice]]) -> Self:
        credentials = {each.notice.credential_id for each in claimed if each.after_days}
        if not credentials:
            return cls(frozenset(), [])
        locked = await store.lock_escalations(tx.conn, credentials)
        return cls(locked, list(await store.read_escalated(tx.conn, locked)))

    def may_begin(self, mail: Claimed[Notice]) -> bool:
        return not mail.after_days or mail.notice.credential_id in self.locked

    def of_others(self, mail: Claimed[Notice]) -> frozenset[str]:
        notice = mail.notice
        return frozenset(
            each.to
            for each in self.begun
            if (each.credential_id, each.term_id) == (notice.credential_id, notice.term_id)
            and each.notification_id != mail.notification_id
        )

    def note(self, mail: Claimed[Notice]) -> None:
        if mail.after_days:
            notice, to = mail.notice, mail.recipient.to
            self.begun.append(Escalated(mail.notification_id, notice.credential_id, notice.term_id, to))


@dataclass(frozen=True, slots=True)
class Ready:
    """A mail about a credential that is to leave now."""

    mail: Claimed[Notice]
    decision: Decision
    decisions: Decisions
    """Those about all recipients of the notice."""
    facts: Facts


@dataclass
class Found:
    """The result of deciding again on mails that may leave."""

    stops: Sequence[Stop]
    calendar: Calendar = BY_DAY
    ready: list["Ready"] = field(default_factory=list)
    """Mails about credentials that are to leave now."""
    begun: list[Begun] = field(default_factory=list)
    skipped: list[tuple[Claimed[Any], Decision]] = field(default_factory=list)
    later: list[tuple[Claimed[Any], Decision]] = field(default_factory=list)
    moved: list[Notice] = field(default_factory=list)
    """Notices whose credentials are another holder's by now."""
    arriving: list[UUID] = field(default_factory=list)
    """Mails of which something has yet to arrive."""
    held: list[tuple[Claimed[Any], Stop]] = field(default_factory=list)
    gathered: list[tuple[UUID, UUID, datetime]] = field(default_factory=list)
    """Mails that leave in a digest instead of alone, each with the digest and its instant."""

    def due(self, mail: Claimed[Any], decision: Decision, subject: Subject, now: datetime) -> bool:
        """Return whether the mail leaves now; else it is skipped, held by a stop, or goes later."""
        if decision.due and mail.silenced:
            decision = replace(decision, reason=NotificationReason.SILENCED)
        stop = stop_of_mail(self.stops, subject, in_digest=mail.digest_id is not None)
        if not decision.due:
            self.skipped.append((mail, decision))
        elif stop is not None:
            self.held.append((mail, stop))
        elif decision.not_before is not None and decision.not_before > now:
            self.later.append((mail, decision))
        else:
            return True
        return False


async def note_found(tx: Transaction, found: Found, lease: timedelta, now: datetime) -> None:
    """Record what deciding again came to: begin mails under a lease; skip, hold or postpone the others."""
    if found.moved:
        await store.follow_credentials(tx.conn, found.moved)
    if found.arriving:
        await store.try_again(tx.conn, found.arriving, machine_now() + ARRIVING_FOR)
    if found.begun:
        await store.mark_sending(tx.conn, found.begun, lease_until=machine_now() + lease, now=now)
    if found.held:
        await store.hold(tx.conn, [(each.notification_id, stop.id) for each, stop in found.held], now=now)
    if found.gathered:
        await store.gather(tx.conn, found.gathered, now=now)
    if found.later:
        await store.postpone(
            tx.conn, [(each.notification_id, decision.not_before) for each, decision in found.later], now=now
        )
    if found.skipped:
        ended = [(end_unsent(each, decision), decision) for each, decision in found.skipped]
        await store.mark_unsent(tx.conn, ended, now=now)
        await announce(tx, [outcome for outcome, _ in ended], now=now)
