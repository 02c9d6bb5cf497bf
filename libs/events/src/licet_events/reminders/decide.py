"""Decide what a timer has reached: announce it or pass it over, once.

Facts and deadlines are announced however late; of reminder steps only the strictest.
"""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import datetime

from licet_events.reminders.events import event_of
from licet_events.reminders.model import (
    TEMPORARY_REASONS,
    Claim,
    Decision,
    Outcome,
    QuietReason,
    Rank,
    Reached,
    Reason,
    Timer,
)
from licet_events.reminders.plan import (
    DeadlineKey,
    EnrolmentInstant,
    Fact,
    Identity,
    Kind,
    PlannedRun,
    Step,
    SubjectDeadline,
)
from licet_events.schedule import Deadline, PassedOver, PassedOverReason


def next_due(timer: Timer, now: datetime) -> datetime | None:
    """Return the earliest undecided instant, past or future, or `None` if there is none."""
    return min((due for due, _ in waiting(timer, now)), default=None)


def waiting(timer: Timer, now: datetime) -> Iterator[tuple[datetime, Identity]]:
    """Yield each undecided instant that is known at `now`, with the time at which it is due."""
    decided = timer.identities
    for deadline in timer.plan.all_deadlines:
        if deadline.identity not in decided:
            yield deadline.at, deadline.identity
    for run in timer.plan.runs:
        for fact in _facts(run):
            if fact.identity not in decided:
                yield fact.at, fact.identity
        if not _is_over(run, now):
            for step in run.steps:
                if run.identity_of(step) not in decided:
                    yield step.due, run.identity_of(step)
            paused = _paused_step(timer, run, now)
            if paused is not None and timer.holder_active:
                due = timer.plan.quiet_until if timer.quiet_at(now) else paused.due
                yield due or paused.due, run.identity_of(paused)


def decide(timer: Timer, now: datetime) -> Claim:
    """Decide every instant that has been reached at `now` and was not decided before.

    Deciding again, at the same or a later `now`, decides only new instants. Afterwards no instant that
    is due at `now` is undecided.
    """
    decided = timer.identities
    found = [*_decide_flags(timer, decided, now), *_decide_deadlines(timer, decided, now)]
    for run in timer.plan.runs:
        found += _decide_facts(timer, run, decided, now)
        if not _is_over(run, now):
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


def _is_over(run: PlannedRun, now: datetime) -> bool:
    return run.until is not None and now >= run.until


def _strictest_reached(run: PlannedRun, now: datetime) -> Step | None:
    return next((step for step in reversed(run.steps) if step.due <= now), None)


def _paused_step(timer: Timer, run: PlannedRun, now: datetime) -> Step | None:
    """Return the strictest reached step if it was passed over temporarily and nobody was told as much since.

    After the run has ended no step before its end comes back: that it has ended is announced regardless.
    """
    step = _strictest_reached(run, now)
    if step is None or (step.step >= 0 and run.ends is not None and run.ends.at <= now):
        return None
    identity = run.identity_of(step)
    if not any(
        decision.identity == identity and decision.reason in TEMPORARY_REASONS for decision in timer.decided
    ):
        return None
    return None if _announced_as_strict(timer, run, step) else step


def _announced_as_strict(timer: Timer, run: PlannedRun, step: Step) -> bool:
    """Return whether the step or a stricter one was announced of this term.

    What was announced before a correction counts for steps that had been reached by then.
    """
    reached = run.corrected_at is not None and step.at <= run.corrected_at
    return any(
        decision.announces_step
        and decision.identity.term_id == run.term_id
        and (decision.identity.term_revision == run.term_revision or reached)
        and decision.identity.step is not None
        and decision.identity.step <= step.step
        for decision in timer.decided
    )


def _decide_flags(timer: Timer, decided: AbstractSet[Identity], now: datetime) -> Iterator[Reached]:
    for flag in timer.plan.flags:
        if flag.at <= now and flag.identity not in decided:
            reason = PassedOverReason.ENTERED_LATE if flag.at < timer.plan.created_at else None
            decision = Decision.of(timer.subject_id, flag.identity, flag.at, reason)
            yield Reached(decision, flag.at, Rank.DEADLINE)


def _decide_deadlines(timer: Timer, decided: AbstractSet[Identity], now: datetime) -> Iterator[Reached]:
    """Announce each deadline that was reached, however late, and only the strictest of its reminders."""
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
    """Return whether the announcement of `other` makes the reminder unnecessary."""
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
            elif _announced_before_correction(timer, fact):
                reason = PassedOverReason.CORRECTED
            decision = Decision.of(timer.subject_id, fact.identity, fact.at, reason)
            yield Reached(decision, fact.at, Rank.FACT, run)


def _announced_before_correction(timer: Timer, fact: Fact) -> bool:
    """Return whether the same start or end was announced before a correction that did not move it."""
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
    """Announce the strictest reached step unless a reason forbids it; pass over the others."""
    strictest = _strictest_reached(run, now)
    if strictest is None:
        return []
    if _paused_step(timer, run, now) is not None and timer.holder_active and not timer.quiet_at(now):
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
            # Consumers must still learn that validity turns to `expiring`. If it was `expiring` when the
            # term was entered, the event of that entry said so.
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
    """Return why a reached step is passed over, or `None` if it is announced."""
    if _reached_before_correction(timer, run, step):
        return PassedOverReason.CORRECTED
    if step.at < run.entered_at:
        unexpired = run.ends is None or run.entered_at < run.ends.at
        if not (step is strictest and run.announce_reached and unexpired):
            return PassedOverReason.ENTERED_LATE
    if not timer.holder_active:
        return PassedOverReason.HOLDER_INACTIVE
    if timer.quiet_at(now):
        return QuietReason.SUBMITTED
    if step is not strictest or _stricter_decided(timer, run, step):
        return PassedOverReason.STRICTER_STEP
    return None


def _reached_before_correction(timer: Timer, run: PlannedRun, step: Step) -> bool:
    """Return whether the step was reached before its term, with an announced step, was corrected.

    A correction during a pause is no reason: what the pause kept back has yet to be announced.
    """
    corrected_at = run.corrected_at
    if corrected_at is None or step.at > corrected_at:
        return False
    told, kept_back = set[int](), set[int]()
    for decision in timer.decided:
        term_id, revision, _, decided = decision.identity
        if term_id != run.term_id or revision >= run.term_revision or decided is None:
            continue
        if decision.announces_step and not timer.plan.suspended_throughout(decision.at, corrected_at):
            told.add(decided)
        elif decision.announces_step or decision.reason in TEMPORARY_REASONS:
            kept_back.add(decided)
    return bool(told) and not any(each < min(told) for each in kept_back)


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
