"""Decide what a timer has reached: announce it or pass it over, once.

Facts and deadlines are announced however late; of reminder steps only the strictest.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from licet_events.schedule import Deadline, PassedOver, PassedOverReason
from licet_scheduler.timers.events import event_of
from licet_scheduler.timers.model import (
    FOR_A_WHILE,
    Claim,
    Decision,
    Outcome,
    Rank,
    Reached,
    Reason,
    Resting,
    Timer,
)
from licet_scheduler.timers.plan import (
    DeadlineKey,
    EnrolmentInstant,
    Fact,
    Identity,
    Kind,
    PlannedRun,
    Step,
    SubjectDeadline,
)


def next_due(timer: Timer, now: datetime) -> datetime | None:
    """Return the earliest instant that waits for a decision, past or future; `None` if none does."""
    return min((due for due, _ in waiting(timer, now)), default=None)


def waiting(timer: Timer, now: datetime) -> Iterator[tuple[datetime, Identity]]:
    """Return what waits for a decision, as far as can be said at `now`, and when each is due."""
    decided = timer.identities
    for deadline in timer.plan.all_deadlines:
        if deadline.identity not in decided:
            yield deadline.at, deadline.identity
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
    found = [*_decide_flags(timer, decided, now), *_decide_deadlines(timer, decided, now)]
    for run in timer.plan.runs:
        found += _decide_facts(timer, run, decided, now)
        if not _dead(run, now):
            found += _decide_steps(timer, run, decided, now)
    found.sort(key=lambda each: (each.due, each.rank))
    announced = [each for each in found if each.decision.outcome is Outcome.ANNOUNCED]
    latest = next((each for each in reversed(announced) if each.rank is not Rank.DEADLINE), None)
    decisions = tuple(each.decision for each in found)
    after = replace(timer, decided=timer.decided + decisions)
    return Claim(
        decisions,
        tuple((each.decision.id, event_of(timer, each, now, notify=each is latest)) for each in announced),
        next_due(after, now),
    )


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
    for_a_while = [decision for decision in timer.decided if decision.reason in FOR_A_WHILE]
    if not any(decision.identity == identity for decision in for_a_while):
        return None
    announced = (decision.identity for decision in timer.decided if decision.announces_step)
    return None if identity in announced else step


def _decide_flags(timer: Timer, decided: AbstractSet[Identity], now: datetime) -> Iterator[Reached]:
    for flag in timer.plan.flags:
        if flag.at <= now and flag.identity not in decided:
            reason = PassedOverReason.ENTERED_LATE if flag.at < timer.plan.created_at else None
            decision = Decision.of(timer.subject_id, flag.identity, flag.at, reason)
            yield Reached(decision, flag.at, Rank.DEADLINE)


def _decide_deadlines(timer: Timer, decided: AbstractSet[Identity], now: datetime) -> Iterator[Reached]:
    """Announce each deadline that has come, however late; of its reminders only the strictest."""
    reached = [deadline for deadline in timer.plan.deadlines if deadline.at <= now]
    for deadline in reached:
        if deadline.identity in decided:
            continue
        reason = None
        if deadline.step is not None:
            if deadline.at < timer.plan.created_at:
                reason = PassedOverReason.ENTERED_LATE
            elif any(_supersedes(other, deadline) for other in reached):
                reason = PassedOverReason.STRICTER_STEP
        decision = Decision.of(timer.subject_id, deadline.identity, deadline.at, reason)
        yield Reached(decision, deadline.at, Rank.DEADLINE)


def _supersedes(other: SubjectDeadline, reminder: SubjectDeadline) -> bool:
    """Return whether somebody who hears of the other need not hear of the reminder."""
    if other.instant is EnrolmentInstant.DEADLINE:
        return True
    return other.step is not None and reminder.step is not None and other.step < reminder.step


def _decide_facts(
    timer: Timer, run: PlannedRun, decided: AbstractSet[Identity], now: datetime
) -> Iterator[Reached]:
    for fact in _facts(run):
        if fact.at <= now and fact.identity not in decided:
            reason = None
            if fact.at < fact.entered_at:
                reason = PassedOverReason.ENTERED_LATE
            elif _told_before_correction(timer, fact):
                reason = PassedOverReason.CORRECTED
            decision = Decision.of(timer.subject_id, fact.identity, fact.at, reason)
            yield Reached(decision, fact.at, Rank.FACT, run)


def _told_before_correction(timer: Timer, fact: Fact) -> bool:
    """Return whether the same beginning or end was told, and a correction of its term left it as it was."""
    term_id, _, kind, _ = fact.identity
    return any(
        decision.identity.term_id == term_id
        and decision.identity.kind == kind
        and decision.at == fact.at
        and decision.outcome is Outcome.ANNOUNCED
        for decision in timer.decided
    )


def _decide_steps(
    timer: Timer, run: PlannedRun, decided: AbstractSet[Identity], now: datetime
) -> list[Reached]:
    """Announce the strictest step that has been reached, if it may be; pass over the others."""
    strictest = _strictest_reached(run, now)
    if strictest is None:
        return []
    if _resting(timer, run, now) is not None and timer.holder_active and not timer.quiet_at(now):
        return [_step_reached(timer, run, strictest, None)]
    found: list[Reached] = []
    passed_over: list[PassedOver] = []
    for step in run.steps:
        if step.due > now or run.identity_of(step) in decided:
            continue
        reason = _passed_over_reason(timer, run, step, strictest, now)
        found.append(_step_reached(timer, run, step, reason, tuple(passed_over)))
        if reason is not None:
            if isinstance(reason, PassedOverReason):
                passed_over.append(PassedOver(step=step.step, reason=reason))
            # Without its step nobody would hear that validity turns to `expiring`; what was so already
            # when the term was entered was told with it.
            if step.step == run.expiring_step and step.due >= run.entered_at:
                found.append(_expiring_reached(timer, run, step))
    return found


def _step_reached(
    timer: Timer,
    run: PlannedRun,
    step: Step,
    reason: Reason | None,
    passed_over: tuple[PassedOver, ...] = (),
) -> Reached:
    decision = Decision.of(timer.subject_id, run.identity_of(step), step.at, reason)
    return Reached(decision, step.due, Rank.STEP, run, passed_over=passed_over)


def _expiring_reached(timer: Timer, run: PlannedRun, step: Step) -> Reached:
    identity = Identity(run.term_id, run.term_revision, DeadlineKey(Deadline.EXPIRING), step.step)
    return Reached(Decision.of(timer.subject_id, identity, step.at, None), step.due, Rank.DEADLINE, run)


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
            and decision.identity.term_id == run.term_id
            and decision.identity.term_revision < run.term_revision
            for decision in timer.decided
        )
    )


def _stricter_decided(timer: Timer, run: PlannedRun, step: Step) -> bool:
    """Return whether a stricter step was decided that a changed ladder no longer has."""
    return any(
        term_id == run.term_id
        and term_revision == run.term_revision
        and kind in {Kind.EXPIRING, Kind.OVERDUE}
        and decided is not None
        and decided < step.step
        for term_id, term_revision, kind, decided in (decision.identity for decision in timer.decided)
    )
