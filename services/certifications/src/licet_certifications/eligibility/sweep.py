"""The timeline: one sweep over the sorted edges of everything that bears on it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID

from licet_certifications.eligibility.model import (
    FUTURE,
    GRAVITY,
    PAST,
    Assessment,
    Reason,
    Stretch,
    Waiver,
)
from licet_certifications.eligibility.rules import Plan, Rule, Rulebook
from licet_certifications.eligibility.standings import Standing
from licet_events.eligibility import ReasonCode, Verdict


class Level(IntEnum):
    """How well something that is asked for is met, from best to worst."""

    VALID = 0
    WAIVED = 1
    GRACE = 2
    UNMET = 3


class Outcome(NamedTuple):
    """How well a part of a rule is met, and why."""

    level: Level
    reasons: tuple[Reason, ...]


_LEVELS = {ReasonCode.VALID: Level.VALID, ReasonCode.GRACE: Level.GRACE}
_NO_REQUIREMENT = Assessment(Verdict.ELIGIBLE, (Reason(ReasonCode.NO_REQUIREMENT),))


class _Step(NamedTuple):
    """The outcome of a criterion from an instant on."""

    start: datetime
    outcome: Outcome


@dataclass(slots=True)
class _Track:
    """The outcomes of one criterion of a rule, in order of time, and how far the sweep has come."""

    steps: Sequence[_Step]
    place: int = 0

    def at(self, instant: datetime) -> Outcome:
        """Return the outcome at an instant that is not before the last one asked for."""
        while self.place + 1 < len(self.steps) and self.steps[self.place + 1].start <= instant:
            self.place += 1
        return self.steps[self.place].outcome


@dataclass(frozen=True, slots=True)
class _Demand:
    """A rule against the holder's credentials and waivers."""

    rule: Rule
    tracks: dict[int, _Track]
    """By the place of the criterion in the rulebook."""
    waivers: Sequence[Waiver]
    """Those that release from the whole rule."""

    def edges(self) -> set[datetime]:
        start, end = self.rule.start, self.rule.end
        edges = {start, end}
        for track in self.tracks.values():
            edges.update(step.start for step in track.steps if start < step.start < end)
        for waiver in self.waivers:
            edges.update(edge for edge in (waiver.starts_at, waiver.ends_at) if start < edge < end)
        return edges

    def assess(self, instant: datetime) -> Assessment:
        outcome = _outcome(self.rule.plan, {key: track.at(instant) for key, track in self.tracks.items()})
        if outcome.level > Level.WAIVED and (waiver := _longest(self.waivers, instant)) is not None:
            return Assessment(Verdict.ELIGIBLE, (_waived(waiver, self.rule.requirement_id, None),))
        return Assessment(self._verdict(outcome.level), outcome.reasons)

    def _verdict(self, level: Level) -> Verdict:
        if level <= Level.WAIVED:
            return Verdict.ELIGIBLE
        unmet = level is Level.UNMET
        return Verdict.INELIGIBLE if unmet and self.rule.mandatory else Verdict.WARNING


def timeline(
    book: Rulebook,
    rules: Sequence[Rule],
    standings: Callable[[int], Sequence[Standing]],
    waivers: Sequence[Waiver] = (),
) -> tuple[Stretch, ...]:
    """Return the timeline that rules make: contiguous from the open past to the open future.

    `rules`, of the book, and `waivers` are those that apply at the place; `standings` gives the best
    credential over all time for a criterion, by its place in the book; nothing where there is none.
    Neighbours differ in verdict or reasons.
    """
    demands = [_demand(book, rule, standings, waivers) for rule in rules]
    edges = sorted({PAST}.union(*(demand.edges() for demand in demands)) - {FUTURE})
    found: list[tuple[datetime, Assessment]] = []
    for instant in edges:
        assessment = _together(
            [demand.assess(instant) for demand in demands if demand.rule.start <= instant < demand.rule.end]
        )
        if not found or found[-1][1] != assessment:
            found.append((instant, assessment))
    ends: list[datetime | None] = [start for start, _ in found[1:]]
    return tuple(
        Stretch(None if start == PAST else start, end, assessment)
        for (start, assessment), end in zip(found, [*ends, None], strict=True)
    )


def _demand(
    book: Rulebook,
    rule: Rule,
    standings: Callable[[int], Sequence[Standing]],
    waivers: Sequence[Waiver],
) -> _Demand:
    released = [one for one in waivers if one.requirement_id in {None, rule.requirement_id}]
    tracks = {}
    for place in rule.criteria:
        type_code = book.criteria[place].type
        for_type = [one for one in released if one.type == type_code]
        tracks[place] = _Track(_steps(type_code, rule.requirement_id, standings(place), for_type))
    return _Demand(rule, tracks, [one for one in released if one.type is None])


def _steps(
    type_code: str, requirement_id: UUID, standings: Sequence[Standing], waivers: Sequence[Waiver]
) -> list[_Step]:
    steps = [
        _Step(
            one.start,
            Outcome(
                _LEVELS.get(one.code, Level.UNMET),
                (Reason(one.code, type_code, requirement_id, one.credential_id, None, one.condition),),
            ),
        )
        for one in standings
    ] or [_Step(PAST, Outcome(Level.UNMET, (Reason(ReasonCode.MISSING, type_code, requirement_id),)))]
    if not waivers:
        return steps
    held = _Track(steps)
    edges = {step.start for step in steps}.union(*((one.starts_at, one.ends_at) for one in waivers))
    released = []
    for instant in sorted(edges):
        outcome = held.at(instant)
        waiver = _longest(waivers, instant)
        if waiver is not None and outcome.level > Level.WAIVED:
            outcome = Outcome(Level.WAIVED, (_waived(waiver, requirement_id, type_code),))
        released.append(_Step(instant, outcome))
    return released


def _outcome(plan: Plan, outcomes: dict[int, Outcome]) -> Outcome:
    """Return how well a part of a rule is met: by the best of its parts, or what of it is not met."""
    parts = [outcomes[part] if isinstance(part, int) else _outcome(part, outcomes) for part in plan.parts]
    counting = [part for part in parts if part.level < Level.UNMET]
    if len(counting) < plan.needed:
        return Outcome(Level.UNMET, _reasons([part for part in parts if part.level is Level.UNMET]))
    counting.sort(key=lambda part: part.level)
    counting = counting[: plan.needed]
    level = counting[-1].level
    if level is Level.GRACE:
        # What is met without a doubt says nothing of why there is a warning.
        counting = [part for part in counting if part.level is Level.GRACE]
    return Outcome(level, _reasons(counting))


def _reasons(parts: Sequence[Outcome]) -> tuple[Reason, ...]:
    if len(parts) == 1:
        return parts[0].reasons
    return tuple(dict.fromkeys(reason for part in parts for reason in part.reasons))


def _together(assessments: Sequence[Assessment]) -> Assessment:
    """Return the worst of what the rules say; what is met is a reason only where all is met."""
    if not assessments:
        return _NO_REQUIREMENT
    if len(assessments) == 1:
        return assessments[0]
    gravity = max(GRAVITY[one.verdict] for one in assessments)
    telling = [one for one in assessments if one.verdict is not Verdict.ELIGIBLE or gravity == 0]
    # The gravest first; the sort is stable, so that within one gravity requirements keep their order.
    telling.sort(key=lambda one: -GRAVITY[one.verdict])
    return Assessment(telling[0].verdict, tuple(reason for one in telling for reason in one.reasons))


def _longest(waivers: Sequence[Waiver], instant: datetime) -> Waiver | None:
    there = [one for one in waivers if one.starts_at <= instant < one.ends_at]
    return max(there, key=lambda one: (one.ends_at, one.id), default=None)


def _waived(waiver: Waiver, requirement_id: UUID, type: str | None) -> Reason:
    return Reason(ReasonCode.WAIVED, type, requirement_id, None, waiver.id)
