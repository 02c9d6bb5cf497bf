"""Foresees mails by the rules that announce steps and decide on mails. Pure.

One credential is followed through time as scheduler and notifier would: what is announced when, who is
told, and whether each mail still applies when it may leave. What depends on other credentials comes last: the
cap of a day.
"""

import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import cast
from uuid import UUID

from licet_events import Event
from licet_events.civil import local_date
from licet_events.reminders.decide import decide as decide_steps
from licet_events.reminders.events import announcements
from licet_events.reminders.model import Decision as StepDecision
from licet_events.reminders.model import Outcome, Timer
from licet_events.reminders.plan import Identity, Kind, Plan
from licet_events.schedule import CredentialExpired, CredentialExpiring, CredentialOverdue
from licet_notifier.facts.announcements import Announced, notice_of
from licet_notifier.facts.model import Facts, Notice
from licet_notifier.notifications.circles import standing
from licet_notifier.notifications.deciding import decide
from licet_notifier.notifications.gathering import beyond_cap, gather, has_cap
from licet_notifier.notifications.model import Decision, Deployment, notification_id, template_of
from licet_notifier.policy.model import Policy
from licet_notifier.restraint.calendar import Calendar
from licet_notifier.restraint.model import Stop, Subject, stop_of_mail

_MOST_STEPS = 1_000
"""How many claims of one timer, and looks at one credential's mails, are followed at most."""
_TELLING = (CredentialExpiring, CredentialExpired, CredentialOverdue)


@dataclass(frozen=True, slots=True)
class Settings:
    """What decides for all credentials alike."""

    deployment: Deployment
    policy: Policy
    calendar: Calendar
    stops: tuple[Stop, ...]


@dataclass(frozen=True, slots=True)
class Waiting:
    """A mail that was decided on and has not left."""

    notice: Notice
    decision: Decision
    at: datetime
    """When it may leave, or is to be decided on again."""
    id: UUID


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one credential at present."""

    facts: Facts
    plan: Plan | None
    """`None` for one that was learned by a release before: only mails that wait already are foreseen."""
    notices: Sequence[Notice] = ()
    """What was announced of it."""
    waiting: Sequence[Waiting] = ()
    escalated: Mapping[UUID | None, frozenset[str]] = field(default_factory=dict)
    """To whom each term was escalated."""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """A mail that will leave."""

    at: datetime
    id: UUID
    """Of the notification."""
    notice: Notice
    decision: Decision
    facts: Facts

    @property
    def day(self) -> date:
        """The day on which it leaves, where its recipient is."""
        return local_date(self.at, self.decision.time_zone)

    @property
    def event(self) -> str:
        """The name of the mail."""
        return template_of(self.notice, self.decision.after_days).removesuffix(".v1")


def foresee(known: Known, settings: Settings, now: datetime, until: datetime) -> Iterator[Foreseen]:
    """Yield the mails about one credential that leave before `until`, apart from the cap of a day."""
    return _Course(known, settings, now, until).mails()


@dataclass
class _Course:
    """One credential on its way through time."""

    known: Known
    settings: Settings
    now: datetime
    until: datetime
    announced: list[Notice] = field(default_factory=list)
    escalated: dict[UUID | None, set[str]] = field(default_factory=dict)
    due: list[tuple[datetime, int, UUID, Notice, Decision | None]] = field(default_factory=list)
    """What is to be done when: first what is announced, then mails in the order in which they leave."""

    def mails(self) -> Iterator[Foreseen]:
        self.announced = [each for each in self.known.notices if each.notify]
        self.escalated = {term: set(to) for term, to in self.known.escalated.items()}
        for waiting in self.known.waiting:
            self._wait(max(waiting.at, self.now), waiting.id, waiting.notice, waiting.decision)
        for at, notice in self._announcements():
            heapq.heappush(self.due, (at, 0, notice.event_id, notice, None))
        for _ in range(_MOST_STEPS):
            if not self.due:
                return
            at, _, mail_id, notice, decision = heapq.heappop(self.due)
            if decision is None:
                self._announce(notice, at)
            else:
                mail = self._look_again(mail_id, notice, decision, at)
                if mail is not None:
                    yield mail

    def _announcements(self) -> Iterator[tuple[datetime, Notice]]:
        """Yield what the scheduler will announce, with the instant of each claim."""
        if self.known.plan is None:
            return
        facts = self.known.facts
        timer = Timer(
            facts.credential.id, facts.holder.id, facts.credential.version, self.known.plan,
            holder_active=facts.holder.active,
            decided=tuple(_announced(each) for each in self.known.notices),
        )  # fmt: skip
        # What has been reached by now is decided already, and announced where it was to be.
        claim = decide_steps(timer, self.now)
        for _ in range(_MOST_STEPS):
            timer = replace(timer, decided=timer.decided + claim.decisions)
            at = claim.due_at
            if at is None or at >= self.until:
                return
            claim = decide_steps(timer, at)
            for event in announcements(claim, at, at):
                if isinstance(event.data, _TELLING):
                    yield at, notice_of(cast("Event[Announced]", event))

    def _announce(self, notice: Notice, now: datetime) -> None:
        settings = self.settings
        decisions = decide(
            notice, self._facts(notice), settings.deployment, now, settings.calendar, settings.policy
        )
        if notice.notify:
            self.announced.append(notice)
        for each in gather(notice, decisions, settings.calendar, now):
            at = each.not_before if each.due else each.look_again_at
            if at is not None and (each.due or not each.after_days):
                self._wait(at, notification_id(notice.event_id, each), notice, each)

    def _look_again(self, id: UUID, notice: Notice, before: Decision, now: datetime) -> Foreseen | None:
        settings, facts = self.settings, self._facts(notice)
        decisions = decide(
            notice, facts, settings.deployment, now, settings.calendar, settings.policy,
            standing=standing(before),
        )  # fmt: skip
        found = (each for each in decisions if notification_id(notice.event_id, each) == id)
        decision = next(found, None)
        if decision is None:
            return None
        at = decision.not_before if decision.due else decision.look_again_at
        if at is None:
            return None
        if at > now or not decision.due:
            self._wait(at, id, notice, replace(decision, digest_id=before.digest_id))
            return None
        subject = Subject(
            template_of(notice, decision.after_days).removesuffix(".v1"),
            facts.credential.type,
            facts.holder.team,
        )
        if stop_of_mail(settings.stops, subject, in_digest=before.digest_id is not None) is not None:
            return None  # held for as long as nobody resumes it
        if decision.after_days:
            self.escalated.setdefault(notice.term_id, set()).add(decision.to)
        return Foreseen(now, id, notice, replace(decision, digest_id=before.digest_id), facts)

    def _wait(self, at: datetime, id: UUID, notice: Notice, decision: Decision) -> None:
        if at < self.until:
            heapq.heappush(self.due, (at, 1, id, notice, decision))

    def _facts(self, notice: Notice) -> Facts:
        later = [
            each.at
            for each in self.announced
            if (each.term_id, each.term_revision) == (notice.term_id, notice.term_revision)
            and each.event_id != notice.event_id
        ]
        return replace(
            self.known.facts,
            later_notice_at=max(later, default=None),
            escalated_to=frozenset(self.escalated.get(notice.term_id, ())),
        )


def _announced(notice: Notice) -> StepDecision:
    of_step = Kind.EXPIRING if notice.step is not None and notice.step >= 0 else Kind.OVERDUE
    kind = Kind.EXPIRED if notice.step is None else of_step
    identity = Identity(notice.term_id, notice.term_revision, kind, notice.step)
    return StepDecision(notice.event_id, identity, notice.at, Outcome.ANNOUNCED)


def within_caps(
    mails: Sequence[Foreseen], calendar: Calendar, begun: Mapping[UUID, Sequence[datetime]]
) -> list[Foreseen]:
    """Return the mails as they leave where a day's cap turns some into a digest, in that order.

    `begun` says when mails were begun alone to each person lately.
    """
    if calendar.rules.daily_cap is None:
        return sorted(mails, key=lambda each: (each.at, each.id))
    alone = [(each.at, each.id, each) for each in mails if each.decision.digest_id is None]
    leaving = [each for each in mails if each.decision.digest_id is not None]
    counts: dict[tuple[UUID, date], int] = {}
    heapq.heapify(alone)
    while alone:
        _, _, mail = heapq.heappop(alone)
        person, decision = mail.decision.recipient_id, mail.decision
        if person is None or not has_cap(decision):
            leaving.append(mail)
            continue
        count = counts.get((person, mail.day))
        if count is None:
            before = begun.get(person, ())
            count = sum(local_date(each, decision.time_zone) == mail.day for each in before)
        after = beyond_cap(mail.notice, decision, calendar, count, mail.at)
        if after is decision or after.not_before is None:
            counts[(person, mail.day)] = count + 1
            leaving.append(mail)
        elif after.digest_id is not None:
            leaving.append(replace(mail, at=after.not_before, decision=after))
        else:
            later = replace(mail, at=after.not_before)
            heapq.heappush(alone, (later.at, later.id, later))
    return sorted(leaving, key=lambda each: (each.at, each.id))
