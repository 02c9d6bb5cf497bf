"""Timers: the instants of a credential, and what is decided when they have come.

A `Plan` follows from a credential's state alone and does not change with time. `decide` looks at a
plan with a `now`, decides everything that has been reached and was not decided before, and says
which events follow. Facts and deadlines are told however late; of reminder steps only the strictest.
"""

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from functools import lru_cache
from typing import TypedDict
from uuid import UUID

from licet_events import Event, civil
from licet_events.credentials import CredentialState, RunState, TermState
from licet_events.ids import schedule_event_id
from licet_events.schedule import (
    CredentialEffective,
    CredentialExpired,
    CredentialExpiring,
    CredentialOverdue,
    Deadline,
    DeadlineReached,
    PassedOver,
    PassedOverReason,
    ScheduleEvent,
)

EFFECTIVE = "effective"
EXPIRED = "expired"
EXPIRING = "expiring"
"""A step of 0 or above."""
OVERDUE = "overdue"
"""A step below 0."""

Identity = tuple[UUID | None, int, str, int | None]
"""What tells the decisions of one credential apart: term, its revision, kind, step."""

_FIRST_DAY = date(1, 1, 3)
"""No day before it has a beginning that can be reckoned in every zone."""


@dataclass(frozen=True, slots=True)
class Fact:
    """The beginning or the end of a run, which is told always."""

    at: datetime
    identity: Identity
    """With the term that brings it: the run's first for its beginning, its last for its end."""
    entered_at: datetime
    """When the term was entered; what lies before is history."""


@dataclass(frozen=True, slots=True)
class Step:
    """A reminder step of a run's ladder."""

    step: int
    at: datetime
    """00:00 of its day in the term's zone."""
    due: datetime
    """When it can be reached: `at`, but not before its run is the current one."""


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """A run of terms: its beginning, its end, and the ladder that leads to the end."""

    term_id: UUID
    """The term whose end is the run's, and whose ladder it is."""
    term_revision: int
    expires_on: date | None
    time_zone: str
    begins: Fact
    ends: Fact | None
    """Absent where it never ends, or a final flag ends everything before."""
    steps: tuple[Step, ...]
    """From the mildest to the strictest, which is the order of their instants."""
    until: datetime | None
    """From here on the ladder is dead: the next run has begun, or a final flag is in force."""
    entered_at: datetime
    corrected_at: datetime | None
    announce_reached: bool

    @property
    def expiring_step(self) -> int | None:
        """The step at which validity turns to `expiring`: the largest above 0."""
        return self.steps[0].step if self.steps and self.steps[0].step > 0 else None

    def identity_of(self, step: Step) -> Identity:
        """Return what the step is decided as."""
        kind = EXPIRING if step.step >= 0 else OVERDUE
        return (self.term_id, self.term_revision, kind, step.step)


@dataclass(frozen=True, slots=True)
class FlagDeadline:
    """The start or end of a flag."""

    deadline: Deadline
    flag_id: UUID
    at: datetime

    @property
    def identity(self) -> Identity:
        """What it is decided as. A flag whose end is moved ends again, at another instant."""
        return (None, 0, f"deadline:{self.deadline}:{self.flag_id}:{self.at.isoformat()}", None)


@dataclass(frozen=True, slots=True)
class Plan:
    """Every instant that a credential's state has, in all its runs."""

    created_at: datetime
    runs: tuple[PlannedRun, ...] = ()
    flags: tuple[FlagDeadline, ...] = ()
    quiet_until: datetime | None = None
    """Until when reminders rest."""


class Outcome(StrEnum):
    """What became of an instant that was reached."""

    ANNOUNCED = "announced"
    PASSED_OVER = "passed_over"


class Resting(StrEnum):
    """Why a step is passed over for a while. No event says it: nothing is announced while it holds."""

    SUBMITTED = "submitted"
    """A renewal is with its issuer."""


Reason = PassedOverReason | Resting
_FOR_A_WHILE = frozenset({PassedOverReason.HOLDER_INACTIVE, Resting.SUBMITTED})
"""Why a step may yet be announced: its holder may come back, and so may reminders."""


def reason_of(code: str) -> Reason:
    """Return the reason that has this code."""
    return Resting(code) if code in set(Resting) else PassedOverReason(code)


@dataclass(frozen=True, slots=True)
class Decision:
    """That an instant was announced or passed over. Kept for ever: it is the proof."""

    id: UUID
    """The same for the same instant of the same credential; its event has it too."""
    kind: str
    """`effective`, `expiring`, `expired`, `overdue` or `deadline:…`."""
    term_id: UUID | None
    term_revision: int
    step: int | None
    at: datetime
    outcome: Outcome
    reason: Reason | None = None

    @property
    def identity(self) -> Identity:
        """What it decides."""
        return (self.term_id, self.term_revision, self.kind, self.step)

    @property
    def announces_step(self) -> bool:
        """Whether it announces a reminder step."""
        return self.outcome is Outcome.ANNOUNCED and self.kind in {EXPIRING, OVERDUE}


@dataclass(frozen=True, slots=True)
class Timer:
    """A credential as the scheduler knows it."""

    credential_id: UUID
    holder_id: UUID
    credential_version: int
    plan: Plan
    holder_active: bool = True
    """True also for a holder not heard of yet."""
    decided: tuple[Decision, ...] = ()

    @property
    def identities(self) -> frozenset[Identity]:
        """What was decided so far."""
        return frozenset(decision.identity for decision in self.decided)

    def quiet_at(self, now: datetime) -> bool:
        """Whether reminders rest at `now`."""
        return self.plan.quiet_until is not None and now < self.plan.quiet_until


@dataclass(frozen=True, slots=True)
class Claim:
    """What one look at a timer decided."""

    decisions: tuple[Decision, ...]
    """In the order of their instants."""
    events: tuple[tuple[UUID, ScheduleEvent], ...]
    """What to publish, in the same order, each with the id of its decision."""
    due_at: datetime | None
    """When to look again; `None`: never, as things stand."""


# ── the plan ──────────────────────────────────────────────────────────────────────────────────────


def plan_of(credential: CredentialState) -> Plan:
    """Return the instants of a credential; a voided one has none, one under a final flag no later ones."""
    if credential.voided:
        return Plan(credential.created_at)
    final = (flag for flag in credential.flags if flag.kind.final and not flag.undone)
    ended = min((flag.effective_from for flag in final), default=None)
    terms = {term.id: term for term in credential.terms}
    runs = credential.runs
    planned = (
        _planned_run(
            credential,
            terms,
            run,
            first=index == 0,
            following=runs[index + 1] if index + 1 < len(runs) else None,
            ended=ended,
        )
        for index, run in enumerate(runs)
    )
    return Plan(
        credential.created_at,
        tuple(run for run in planned if run is not None),
        tuple(_flag_deadlines(credential, ended)),
        credential.quiet_until,
    )


def _planned_run(
    credential: CredentialState,
    terms: dict[UUID, TermState],
    run: RunState,
    *,
    first: bool,
    following: RunState | None,
    ended: datetime | None,
) -> PlannedRun | None:
    if ended is not None and run.starts_at >= ended:
        return None
    last = terms[run.term_id]
    entered_at = max(last.recorded_at, credential.created_at)
    opening = _opening_term(credential.terms, run) or last
    limits = (following.starts_at if following else None, ended)
    until = min((limit for limit in limits if limit is not None), default=None)
    ends = None
    if run.expires_at is not None and (ended is None or run.expires_at < ended):
        ends = Fact(run.expires_at, (run.term_id, run.term_revision, EXPIRED, None), entered_at)
    steps: tuple[Step, ...] = ()
    if run.expires_on is not None:
        # The first run is the current one already while it lies ahead; a later one once it begins.
        since = None if first else run.starts_at
        steps = tuple(
            step
            for step in _ladder(run, run.expires_on, credential.ladder, since)
            if until is None or step.due < until
        )
    return PlannedRun(
        term_id=run.term_id,
        term_revision=run.term_revision,
        expires_on=run.expires_on,
        time_zone=run.time_zone,
        begins=Fact(
            run.starts_at,
            (opening.id, opening.revision, EFFECTIVE, None),
            max(opening.recorded_at, credential.created_at),
        ),
        ends=ends,
        steps=steps,
        until=until,
        entered_at=entered_at,
        corrected_at=(last.corrected_at or credential.updated_at) if last.revision > 1 else None,
        announce_reached=last.announce_reached,
    )


def _opening_term(terms: Iterable[TermState], run: RunState) -> TermState | None:
    """Return the term that begins the run. A renewal that prolongs a run leaves it as it is."""
    opening = [term for term in terms if term.starts_at == run.starts_at]
    return min(opening, key=lambda term: (term.recorded_at, term.id), default=None)


def _ladder(run: RunState, expires_on: date, ladder: Iterable[int], since: datetime | None) -> Iterator[Step]:
    for step in sorted(set(ladder), reverse=True):
        try:
            day = expires_on - timedelta(days=step)
        except OverflowError:
            continue  # the calendar has no such day, so it will not come
        if day >= _FIRST_DAY:
            at = _starts_at(day, run.time_zone)
            yield Step(step, at, at if since is None else max(at, since))


@lru_cache(maxsize=65_536)
def _starts_at(day: date, time_zone: str) -> datetime:
    """Remember what `civil.starts_at` says: licences of one kind end on the same few days."""
    return civil.starts_at(day, time_zone)


def _flag_deadlines(credential: CredentialState, ended: datetime | None) -> Iterator[FlagDeadline]:
    for flag in credential.flags:
        if flag.undone:
            continue
        if ended is None or flag.effective_from <= ended:
            yield FlagDeadline(Deadline.FLAG_START, flag.id, flag.effective_from)
        if flag.until is not None and (ended is None or flag.until <= ended):
            yield FlagDeadline(Deadline.FLAG_END, flag.id, flag.until)


# ── decisions ─────────────────────────────────────────────────────────────────────────────────────


def next_due(timer: Timer, now: datetime) -> datetime | None:
    """Return the earliest instant that waits for a decision, past or future; `None` if none does."""
    return min((due for due, _ in waiting(timer, now)), default=None)


def waiting(timer: Timer, now: datetime) -> Iterator[tuple[datetime, Identity]]:
    """Return what waits for a decision, as far as can be said at `now`, and when each is due."""
    decided = timer.identities
    for flag in timer.plan.flags:
        if flag.identity not in decided:
            yield flag.at, flag.identity
    for run in timer.plan.runs:
        for fact in _facts(run):
            if fact.identity not in decided:
                yield fact.at, fact.identity
        if not _dead(run, now):
            for step in run.steps:
                if run.identity_of(step) not in decided:
                    yield step.due, run.identity_of(step)
            resting = _resting(timer, run, now)
            if resting is not None and timer.holder_active:
                due = timer.plan.quiet_until if timer.quiet_at(now) else resting.due
                yield due or resting.due, run.identity_of(resting)


def decide(timer: Timer, now: datetime) -> Claim:
    """Decide everything that has been reached at `now` and was not decided before.

    Doing so again, or from a later `now`, decides only what is new. After it nothing that is due at
    `now` waits any more.
    """
    decided = timer.identities
    found = [*_decide_flags(timer, decided, now)]
    for run in timer.plan.runs:
        found += _decide_facts(timer, run, decided, now)
        if not _dead(run, now):
            found += _decide_steps(timer, run, decided, now)
    found.sort(key=lambda each: (each.due, each.rank))
    announced = [each for each in found if each.decision.outcome is Outcome.ANNOUNCED]
    latest = next((each for each in reversed(announced) if each.rank is not _Rank.DEADLINE), None)
    decisions = tuple(each.decision for each in found)
    after = replace(timer, decided=timer.decided + decisions)
    return Claim(
        decisions,
        tuple((each.decision.id, _event(timer, each, now, notify=each is latest)) for each in announced),
        next_due(after, now),
    )


class _Rank(IntEnum):
    """The order of what comes at one instant."""

    FACT = 0
    DEADLINE = 1
    STEP = 2


@dataclass(frozen=True, slots=True)
class _Found:
    """A decision just made, with what its event would say."""

    decision: Decision
    due: datetime
    rank: _Rank
    run: PlannedRun | None = None
    deadline: Deadline | None = None
    flag_id: UUID | None = None
    passed_over: tuple[PassedOver, ...] = ()


def _facts(run: PlannedRun) -> tuple[Fact, ...]:
    return (run.begins,) if run.ends is None else (run.begins, run.ends)


def _dead(run: PlannedRun, now: datetime) -> bool:
    return run.until is not None and now >= run.until


def _strictest_reached(run: PlannedRun, now: datetime) -> Step | None:
    return next((step for step in reversed(run.steps) if step.due <= now), None)


def _resting(timer: Timer, run: PlannedRun, now: datetime) -> Step | None:
    """Return the strictest reached step if it was passed over for a while and not announced since."""
    step = _strictest_reached(run, now)
    if step is None:
        return None
    identity = run.identity_of(step)
    for_a_while = [decision for decision in timer.decided if decision.reason in _FOR_A_WHILE]
    if not any(decision.identity == identity for decision in for_a_while):
        return None
    announced = (decision.identity for decision in timer.decided if decision.announces_step)
    return None if identity in announced else step


def _decide_flags(timer: Timer, decided: AbstractSet[Identity], now: datetime) -> Iterator[_Found]:
    for flag in timer.plan.flags:
        if flag.at <= now and flag.identity not in decided:
            reason = PassedOverReason.ENTERED_LATE if flag.at < timer.plan.created_at else None
            decision = _decision(timer, flag.identity, flag.at, reason)
            yield _Found(decision, flag.at, _Rank.DEADLINE, deadline=flag.deadline, flag_id=flag.flag_id)


def _decide_facts(
    timer: Timer, run: PlannedRun, decided: AbstractSet[Identity], now: datetime
) -> Iterator[_Found]:
    for fact in _facts(run):
        if fact.at <= now and fact.identity not in decided:
            reason = None
            if fact.at < fact.entered_at:
                reason = PassedOverReason.ENTERED_LATE
            elif _told_before_correction(timer, fact):
                reason = PassedOverReason.CORRECTED
            yield _Found(_decision(timer, fact.identity, fact.at, reason), fact.at, _Rank.FACT, run)


def _told_before_correction(timer: Timer, fact: Fact) -> bool:
    """Return whether the same beginning or end was told, and a correction of its term left it as it was."""
    term_id, _, kind, _ = fact.identity
    return any(
        decision.term_id == term_id
        and decision.kind == kind
        and decision.at == fact.at
        and decision.outcome is Outcome.ANNOUNCED
        for decision in timer.decided
    )


def _decide_steps(
    timer: Timer, run: PlannedRun, decided: AbstractSet[Identity], now: datetime
) -> list[_Found]:
    """Announce the strictest step that has been reached, if it may be; pass over the others."""
    strictest = _strictest_reached(run, now)
    if strictest is None:
        return []
    if _resting(timer, run, now) is not None and timer.holder_active and not timer.quiet_at(now):
        return [_found_step(timer, run, strictest, None)]
    found: list[_Found] = []
    passed_over: list[PassedOver] = []
    for step in run.steps:
        if step.due > now or run.identity_of(step) in decided:
            continue
        reason = _passed_over_reason(timer, run, step, strictest, now)
        found.append(_found_step(timer, run, step, reason, tuple(passed_over)))
        if reason is not None:
            if isinstance(reason, PassedOverReason):
                passed_over.append(PassedOver(step=step.step, reason=reason))
            # Without its step nobody would hear that validity turns to `expiring`; what was so already
            # when the term was entered was told with it.
            if step.step == run.expiring_step and step.due >= run.entered_at:
                found.append(_found_expiring(timer, run, step))
    return found


def _found_step(
    timer: Timer,
    run: PlannedRun,
    step: Step,
    reason: Reason | None,
    passed_over: tuple[PassedOver, ...] = (),
) -> _Found:
    decision = _decision(timer, run.identity_of(step), step.at, reason)
    return _Found(decision, step.due, _Rank.STEP, run, passed_over=passed_over)


def _found_expiring(timer: Timer, run: PlannedRun, step: Step) -> _Found:
    identity = (run.term_id, run.term_revision, f"deadline:{Deadline.EXPIRING}", step.step)
    return _Found(
        _decision(timer, identity, step.at, None), step.due, _Rank.DEADLINE, run, deadline=Deadline.EXPIRING
    )


def _passed_over_reason(
    timer: Timer, run: PlannedRun, step: Step, strictest: Step, now: datetime
) -> Reason | None:
    """Return why a reached step is not announced; `None` if it is to be."""
    if _reached_before_correction(timer, run, step):
        return PassedOverReason.CORRECTED
    if step.at < run.entered_at:
        unexpired = run.ends is None or run.entered_at < run.ends.at
        if not (step is strictest and run.announce_reached and unexpired):
            return PassedOverReason.ENTERED_LATE
    if not timer.holder_active:
        return PassedOverReason.HOLDER_INACTIVE
    if timer.quiet_at(now):
        return Resting.SUBMITTED
    if step is not strictest or _stricter_decided(timer, run, step):
        return PassedOverReason.STRICTER_STEP
    return None


def _reached_before_correction(timer: Timer, run: PlannedRun, step: Step) -> bool:
    """Return whether the step had come when its term was corrected, after one of it was announced."""
    return (
        run.corrected_at is not None
        and step.at <= run.corrected_at
        and any(
            decision.announces_step
            and decision.term_id == run.term_id
            and decision.term_revision < run.term_revision
            for decision in timer.decided
        )
    )


def _stricter_decided(timer: Timer, run: PlannedRun, step: Step) -> bool:
    """Return whether a stricter step was decided that a changed ladder no longer has."""
    return any(
        decision.term_id == run.term_id
        and decision.term_revision == run.term_revision
        and decision.kind in {EXPIRING, OVERDUE}
        and decision.step is not None
        and decision.step < step.step
        for decision in timer.decided
    )


def _decision(timer: Timer, identity: Identity, at: datetime, reason: Reason | None) -> Decision:
    term_id, term_revision, kind, step = identity
    decision_id = schedule_event_id(timer.credential_id, term_id, term_revision, kind, step)
    outcome = Outcome.ANNOUNCED if reason is None else Outcome.PASSED_OVER
    return Decision(decision_id, kind, term_id, term_revision, step, at, outcome, reason)


# ── events ────────────────────────────────────────────────────────────────────────────────────────


def correlation_of(claim: Claim) -> UUID:
    """Return what all events of a claim have in common: the id of its first decision."""
    return claim.decisions[0].id


def announcements(claim: Claim, decided_at: datetime, recorded_at: datetime) -> list[Event[ScheduleEvent]]:
    """Return the events that a claim publishes, in order."""
    return [
        announcement(data, event_id, correlation_of(claim), decided_at, recorded_at)
        for event_id, data in claim.events
    ]


def announcement(
    data: ScheduleEvent, id: UUID, correlation_id: UUID, decided_at: datetime, recorded_at: datetime
) -> Event[ScheduleEvent]:
    """Return the event that tells a decision; from the same values always the same, to the byte.

    Nothing led to it but time, so it begins a trace of its own, which the correlation names.
    """
    return Event.of(
        data,
        id=id,
        source="/licet/scheduler",
        time=decided_at,
        recorded_time=recorded_at,
        correlation_id=str(correlation_id),
        traceparent=f"00-{correlation_id.hex}-{id.hex[16:]}-00",
    )


class _Common(TypedDict):
    """What every event of the schedule says."""

    credential_id: UUID
    holder_id: UUID
    credential_version: int
    term_id: UUID | None
    term_revision: int
    at: datetime
    notify: bool


def _event(timer: Timer, found: _Found, now: datetime, *, notify: bool) -> ScheduleEvent:
    decision, run = found.decision, found.run
    common = _Common(
        credential_id=timer.credential_id,
        holder_id=timer.holder_id,
        credential_version=timer.credential_version,
        term_id=decision.term_id,
        term_revision=decision.term_revision,
        at=found.due,
        notify=notify,
    )
    if found.deadline is not None:
        return DeadlineReached(**common, deadline=found.deadline, reference=found.flag_id)
    if run is None or run.expires_on is None or decision.kind == EFFECTIVE:
        return CredentialEffective(**common)
    if decision.step is None:
        return CredentialExpired(**common, expires_on=run.expires_on, time_zone=run.time_zone)
    days_left = (run.expires_on - civil.local_date(now, run.time_zone)).days
    if decision.kind == EXPIRING:
        return CredentialExpiring(
            **common,
            step=decision.step,
            days_left=max(days_left, 0),
            expires_on=run.expires_on,
            time_zone=run.time_zone,
            passed_over=found.passed_over,
        )
    return CredentialOverdue(
        **common,
        step=decision.step,
        days_since=-days_left,
        expires_on=run.expires_on,
        time_zone=run.time_zone,
        passed_over=found.passed_over,
    )
