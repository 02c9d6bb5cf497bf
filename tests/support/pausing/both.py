"""Scheduler and notifier without databases: the pure parts of both, and rows as their tables keep them."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import cast

from licet_events import Event
from licet_events.credentials import CredentialState
from licet_events.notifications import NotificationReason, RecipientRole
from licet_events.reminders.decide import decide, next_due
from licet_events.reminders.events import announcements
from licet_events.reminders.model import Timer
from licet_events.reminders.plan import plan_of
from licet_events.schedule import CredentialExpired, CredentialExpiring, CredentialOverdue
from licet_notifier.facts.announcements import Announced, notice_of
from licet_notifier.facts.model import Credential, Facts, Flag, Holder, Notice, Run
from licet_notifier.notifications.commands import PATIENCE
from licet_notifier.notifications.deciding import decide as decide_mails
from licet_notifier.notifications.model import Decision, Deployment
from support.pausing.histories import CREDENTIAL_ID, HOLDER_ID, HOURS, History, Kind, Told, at

DEPLOYMENT = Deployment("UTC", None)


@dataclass
class Row:
    """A notification: pending while `not_before` is set, resting while `look_again_at` is, else final."""

    notice: Notice
    not_before: datetime | None
    look_again_at: datetime | None


@dataclass
class Both:
    """One scheduler and one notifier that follow a history; `notifier_first` says who hears of news first."""

    history: History
    notifier_first: bool
    timer: Timer = field(init=False)
    rows: list[Row] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    due: datetime | None = None
    _facts: Facts | None = None

    def __post_init__(self) -> None:
        state = self.history.state(0)
        self.timer = Timer(state.id, state.holder_id, state.version, plan_of(state))

    def run(self) -> list[Told]:
        """Go through all hours; return whom the notifier told what."""
        for hour in range(HOURS):
            if self.notifier_first:
                self._learn(hour)
                self._carry(hour)
            self._schedule(hour)
            if not self.notifier_first:
                self._learn(hour)
            self._carry(hour)
        return self.told

    def _schedule(self, hour: int) -> None:
        now = at(hour)
        if hour in self.history.changes:
            state, active = self.history.state(hour), not self.history.holds(Kind.INACTIVE, hour)
            self.timer = replace(self.timer, version=state.version, plan=plan_of(state), holder_active=active)
            gone = self.history.holds(Kind.BETWEEN, hour)
            self.due = None if gone else next_due(self.timer, now)
        while self.due is not None and self.due <= now:
            claim = decide(self.timer, now)
            self.timer = replace(self.timer, decided=self.timer.decided + claim.decisions)
            self.due = claim.due_at
            for event in announcements(claim, now, now):
                if isinstance(event.data, CredentialExpiring | CredentialExpired | CredentialOverdue):
                    # A notice waits until the notifier has read the credential's state.
                    self._learn(hour)
                    self._notify(notice_of(cast("Event[Announced]", event)), hour)

    def _notify(self, notice: Notice, hour: int) -> None:
        decision = self._decide(notice, hour)
        self.notices.append(notice)
        self.rows.append(Row(notice, decision.not_before, decision.look_again_at))

    def _decide(self, notice: Notice, hour: int) -> Decision:
        if self._facts is None:
            unknown = NotificationReason.CREDENTIAL_UNKNOWN
            return Decision(RecipientRole.HOLDER, RecipientRole.HOLDER, reason=unknown)
        others = (each for each in self.notices if each.event_id != notice.event_id and each.notify)
        latest = max((each.at for each in others if each.term_id == notice.term_id), default=None)
        return decide_mails(notice, replace(self._facts, later_notice_at=latest), DEPLOYMENT, at(hour))[0]

    def _learn(self, hour: int) -> None:
        """Read news, as the projection does, and wake the mails that it concerns."""
        if hour not in self.history.changes:
            return
        if self.history.holds(Kind.BETWEEN, hour) or self.history.holds(Kind.UNKNOWN, hour):
            self._facts = None
            return
        active = not self.history.holds(Kind.INACTIVE, hour)
        self._facts = facts_of(self.history.state(hour), active=active)
        for row in self.rows:
            if row.look_again_at is not None:
                row.look_again_at = at(hour)

    def _carry(self, hour: int) -> None:
        """Decide again on mails that rest, and send those that may leave."""
        now = at(hour)
        for row in self.rows:
            if row.look_again_at is not None and row.look_again_at <= now:
                again = self._decide(row.notice, hour)
                row.not_before, row.look_again_at = again.not_before, again.look_again_at
        for row in self.rows:
            if row.not_before is None or row.not_before > now:
                continue
            if self._facts is None and now < row.not_before + PATIENCE:
                continue
            decision = self._decide(row.notice, hour)
            if decision.due and decision.not_before is not None and decision.not_before <= now:
                if not self.history.holds(Kind.NO_SERVER, hour):
                    self.told.append((hour, row.notice.step))
                    row.not_before = None
            else:
                row.not_before, row.look_again_at = decision.not_before, decision.look_again_at


def facts_of(state: CredentialState, *, active: bool) -> Facts:
    """Return what the notifier knows when the credential has this state."""
    ada = Holder(HOLDER_ID, 1, "Ada", "ada@example.org", "UTC", None, None, None, active=active)
    runs = tuple(Run(run.starts_at, run.expires_on, run.term_id, run.term_revision) for run in state.runs)
    licence = Credential(
        CREDENTIAL_ID, state.version, HOLDER_ID, state.type, state.name, None,
        {each.id: each.revision for each in state.terms}, runs,
        tuple(Flag(each.kind, each.effective_from, each.until) for each in state.flags),
        voided=False, quiet_until=state.quiet_until,
    )  # fmt: skip
    return Facts(ada, licence, None, None, None, None, None, None)
