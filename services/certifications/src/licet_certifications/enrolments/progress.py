"""How far a holder is with the work: what each component lacks, and whether the whole is complete."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from licet_certifications.completions.model import Completion
from licet_certifications.programmes.model import CompletionRule, Component, CreditRule, counted_credits
from licet_events.enrolments import ComponentState, ComponentStatus, SurplusCredits


@dataclass(frozen=True, slots=True)
class Work:
    """What is to be done, and under which conditions a completion counts."""

    components: tuple[Component, ...]
    rule: CompletionRule
    counts_from: datetime | None
    """Completions from before this instant do not count; `None`: all do."""
    counts_to: datetime | None
    """Nor do those from this instant on: they belong to the recertification that follows."""
    as_of: datetime
    """The instant at which completions must still count."""
    approvals: int = 1
    """How many people have to approve a component that asks for approval."""
    carried: Mapping[str | None, float] = field(default_factory=dict)
    """Surplus credits of the enrolment before, by category; `None`: of all categories together."""


@dataclass(frozen=True, slots=True)
class Rulings:
    """What people have decided about components."""

    approved: Mapping[tuple[str, str], frozenset[str]] = field(default_factory=dict)
    """Who has approved, by component and id of the completion."""
    accepted: frozenset[tuple[str, str]] = frozenset()
    """Completions whose evidence was seen elsewhere, by component and id."""
    returned: Mapping[str, datetime] = field(default_factory=dict)
    """Components to do again: what was recorded until then no longer counts."""


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the work has come."""

    components: tuple[ComponentState, ...]
    credits: float
    complete: bool
    surplus: tuple[SurplusCredits, ...]
    missing: tuple[str, ...]
    """What is missing, in words of codes: `component:exam`, `group:electives`, `credits:safety`."""


def assess(work: Work, completions: Sequence[Completion], rulings: Rulings) -> Progress:
    """Judge the work by everything that was reported.

    `completions` are in the order in which they count; of a component the last one rules, so that nothing
    depends on the order in which reports arrived.
    """
    courses: dict[tuple[str, str], list[Completion]] = defaultdict(list)
    for completion in completions:
        courses[completion.source, completion.course].append(completion)
    found = {
        component.code: _own(component, _last(component, courses, work, rulings), work, rulings)
        for component in work.components
    }
    done = _with_prerequisites(work.components, found)
    states = tuple(
        state
        if state.code in done or state.status is not ComponentStatus.COMPLETED
        else state.model_copy(
            update={"status": ComponentStatus.WAITING, "credits": 0.0, "lacking": ("prerequisites",)}
        )
        for state in found.values()
    )
    return _judged(work, states, done)


def earned_by_category(states: Iterable[ComponentState]) -> dict[str | None, float]:
    """Return the credits of completed components, by category."""
    earned: dict[str | None, float] = defaultdict(float)
    for state in states:
        if state.status is ComponentStatus.COMPLETED and state.credits:
            earned[state.category] += state.credits
    return dict(earned)


def _last(
    component: Component,
    courses: Mapping[tuple[str, str], list[Completion]],
    work: Work,
    rulings: Rulings,
) -> Completion | None:
    returned_at = rulings.returned.get(component.code)
    found = [
        completion
        for source in component.sources
        for completion in courses.get((source.source, source.id), ())
        if (work.counts_from is None or completion.completed_at >= work.counts_from)
        and (work.counts_to is None or completion.completed_at < work.counts_to)
        and (returned_at is None or completion.recorded_at > returned_at)
    ]
    return max(found, key=lambda one: one.order, default=None)


def _own(component: Component, completion: Completion | None, work: Work, rulings: Rulings) -> ComponentState:
    """Return how far a component is, prerequisites left aside."""
    until = None
    lacking: list[str] = []
    if completion is None:
        lacking.append("returned" if component.code in rulings.returned else "completion")
    else:
        key = (component.code, str(completion.id))
        if component.counts_for_days is not None:
            until = completion.completed_at + timedelta(days=component.counts_for_days)
        if not completion.result.counts:
            lacking.append(completion.result.value)
        elif until is not None and until <= work.as_of:
            lacking.append("outdated")
        else:
            if component.evidence and not completion.evidence and key not in rulings.accepted:
                lacking.append("evidence")
            if component.approval and len(rulings.approved.get(key, ())) < work.approvals:
                lacking.append("approval")
    reported = completion is not None and lacking and set(lacking) <= {"evidence", "approval"}
    status = (
        ComponentStatus.COMPLETED
        if not lacking
        else ComponentStatus.WAITING
        if reported
        else ComponentStatus.OPEN
    )
    earned = component.credits if completion is None or completion.credits is None else completion.credits
    return ComponentState(
        code=component.code,
        name=component.name,
        required=component.required,
        status=status,
        lacking=tuple(lacking),
        credits=earned if status is ComponentStatus.COMPLETED else 0.0,
        category=component.category,
        completed_at=None if completion is None else completion.completed_at,
        counts_until=until,
        completion_id=None if completion is None else completion.id,
        source=None if completion is None else completion.source,
        source_id=None if completion is None else completion.source_id,
    )


def _with_prerequisites(components: Sequence[Component], found: Mapping[str, ComponentState]) -> set[str]:
    """Return the codes of components that count: completed themselves, and so is all that they need."""
    done = {code for code, state in found.items() if state.status is ComponentStatus.COMPLETED}
    while True:
        lacking = {
            component.code
            for component in components
            if component.code in done and not done.issuperset(component.prerequisites)
        }
        if not lacking:
            return done
        done -= lacking


def _judged(work: Work, states: tuple[ComponentState, ...], done: set[str]) -> Progress:
    missing = [
        f"component:{component.code}"
        for component in work.components
        if component.required and component.code not in done
    ]
    missing += [
        f"group:{group.name}"
        for group in work.rule.groups
        if len(done.intersection(group.components)) < group.k
    ]
    own = earned_by_category(states)
    with_carried = dict(own)
    for category, amount in work.carried.items():
        with_carried[category] = with_carried.get(category, 0.0) + amount
    total = counted_credits(work.rule.credits, with_carried)
    surplus = []
    for rule in work.rule.credits:
        has = total if rule.category is None else with_carried.get(rule.category, 0.0)
        if has < rule.minimum:
            missing.append(f"credits:{rule.category}" if rule.category else "credits")
        else:
            left = _surplus(rule, has, own, work.rule.credits)
            if left > 0:
                surplus.append(SurplusCredits(category=rule.category, credits=left))
    return Progress(states, total, not missing, tuple(surplus), tuple(missing))


def _surplus(
    rule: CreditRule, has: float, own: Mapping[str | None, float], rules: Sequence[CreditRule]
) -> float:
    # What was carried over is used up first, so that no credit is carried over twice.
    earned = counted_credits(rules, own) if rule.category is None else own.get(rule.category, 0.0)
    return round(min(has - rule.minimum, earned), 2)
