"""Eligibility as a timeline: facts are intervals, and so is what follows from them.

Nothing here knows the time of day: the same facts give the same timeline whenever it is computed,
and in whatever order they arrived.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Self
from uuid import UUID

from licet_certifications.eligibility.intervals import (
    EVERYTHING,
    NOTHING,
    Spans,
    boundaries,
    intersect,
    span,
    subtract,
    unite,
)
from licet_events import civil
from licet_events.catalogue import RequirementState, Severity
from licet_events.credentials import CredentialState, FlagKind, FlagState, RunState
from licet_events.eligibility import ANYWHERE, FactVersion, Interval, Reason, ReasonCode, Verdict
from licet_events.event import Model

_BEST_FIRST = (
    ReasonCode.VALID,
    ReasonCode.GRACE,
    ReasonCode.TOO_SHORT,
    ReasonCode.WRONG_JURISDICTION,
    ReasonCode.INCOMPLETE,
    ReasonCode.SUSPENDED,
    ReasonCode.EXPIRED,
    ReasonCode.NOT_YET_VALID,
    ReasonCode.SURRENDERED,
    ReasonCode.REVOKED,
)
"""Of several credentials of one type the reason names the one that is nearest to counting."""

_RANK = {code: rank for rank, code in enumerate(_BEST_FIRST)}
_GRAVITY = {verdict: gravity for gravity, verdict in enumerate(Verdict)}
_COUNTING = frozenset({ReasonCode.VALID, ReasonCode.GRACE})


@dataclass(frozen=True, slots=True)
class Holder:
    """What eligibility needs to know of a holder."""

    id: UUID
    version: int
    active: bool
    targets: frozenset[str]
    """Its roles and queues, as `role:<code>` and `queue:<code>`."""
    location: str | None = None
    team: str | None = None
    """Decides who may see the holder, and nothing else."""


@dataclass(frozen=True, slots=True)
class Place:
    """The location that a timeline is about, `*` for none in particular."""

    code: str
    version: int | None = None
    """`None` while nothing is known of the location but its code."""
    country: str | None = None
    subdivision: str | None = None

    def accepts(self, country: str | None, subdivision: str | None) -> bool:
        """Whether something of that jurisdiction is good here.

        One of a whole country is good in all its subdivisions; a place whose country is not known
        accepts nothing.
        """
        if self.country is None or country != self.country:
            return False
        return subdivision is None or subdivision == self.subdivision


NOWHERE_IN_PARTICULAR = Place(ANYWHERE)


@dataclass(frozen=True, slots=True)
class Credential:
    """What eligibility needs to know of a credential."""

    id: UUID
    version: int
    holder_id: UUID
    type: str
    runs: tuple[RunState, ...]
    flags: tuple[FlagState, ...] = ()
    grace_days: int = 0
    country: str | None = None
    subdivision: str | None = None
    voided: bool = False

    @classmethod
    def of(cls, state: CredentialState) -> Self:
        """Take from a credential's state what matters here; no name and no number."""
        return cls(
            id=state.id,
            version=state.version,
            holder_id=state.holder_id,
            type=state.type,
            runs=state.runs,
            flags=state.flags,
            grace_days=state.grace_days,
            country=state.country,
            subdivision=state.subdivision,
            voided=state.voided,
        )


@dataclass(frozen=True, slots=True)
class NamedType:
    """The credential type that a requirement names, by its code or by an alias."""

    code: str
    version: int


def resolved(requirement: RequirementState, types: Mapping[str, NamedType]) -> RequirementState:
    """Return the requirement with the codes of the types that it names.

    A name of no known type stays: nobody has a credential of it yet. Where two names turn out to be one
    type's, it is asked for once, and `k_of` for no more types than are left.
    """
    said = requirement.expression
    named = tuple(dict.fromkeys(types[name].code if name in types else name for name in said.types))
    if named == said.types:
        return requirement
    k = None if said.k is None else min(said.k, len(named))
    expression = said.model_copy(update={"types": named, "k": k})
    return requirement.model_copy(update={"expression": expression})


@dataclass(frozen=True, slots=True)
class Standing:
    """What one credential is good for in one stretch of time."""

    start: datetime | None
    end: datetime | None
    code: ReasonCode
    credential_id: UUID


def timeline(
    *,
    holder: Holder,
    target: str,
    place: Place,
    requirements: Iterable[RequirementState],
    credentials: Iterable[Credential],
) -> tuple[Interval, ...]:
    """Return who may do what and when: contiguous intervals from the open past to the open future.

    `requirements` are all versions of all requirements of the target, `credentials` those of the
    holder; what does not concern the place or the target is left aside. Neighbours differ in verdict
    or reasons.
    """
    if target not in holder.targets:
        return always(ReasonCode.NOT_ASSIGNED)
    if not holder.active:
        return always(ReasonCode.HOLDER_INACTIVE)
    demands = _demands(target, place, requirements, tuple(credentials))
    cuts = sorted(set().union(*(demand.boundaries for demand in demands)))
    edges: list[datetime | None] = [None, *cuts, None]
    intervals: list[Interval] = []
    for start, end in pairwise(edges):
        verdict, reasons = _judge([demand for demand in demands if demand.in_force(start)], start)
        if intervals and (intervals[-1].verdict, intervals[-1].reasons) == (verdict, reasons):
            start = intervals.pop().start  # noqa: PLW2901  # the neighbour grows
        intervals.append(Interval.model_construct(start=start, end=end, verdict=verdict, reasons=reasons))
    return tuple(intervals)


@dataclass(frozen=True, slots=True)
class Decision:
    """What is computed for one location: the timeline, and the facts it rests on."""

    intervals: tuple[Interval, ...]
    facts: tuple[FactVersion, ...]


def decide(
    holder: Holder | None,
    target: str,
    *,
    requirements: Sequence[RequirementState],
    credentials: Sequence[Credential],
    places: Mapping[str, Place],
    types: Mapping[str, NamedType],
) -> dict[str, Decision]:
    """Return the decision for each location where one is kept; none if the target is not the holder's.

    `types` has those that are known by what requirements call them.
    """
    if holder is None or target not in holder.targets:
        return {}
    requirements = [resolved(requirement, types) for requirement in requirements]
    known = {named.code: named.version for named in types.values()}
    decisions = {}
    for code in sorted(places_of(holder, requirements)):
        place = places.get(code, Place(code))
        decisions[code] = Decision(
            timeline(
                holder=holder,
                target=target,
                place=place,
                requirements=requirements,
                credentials=credentials,
            ),
            facts(
                holder=holder,
                place=place,
                requirements=requirements,
                credentials=credentials,
                types=known,
            ),
        )
    return decisions


def always(code: ReasonCode) -> tuple[Interval, ...]:
    """Return the timeline of someone who may never do the work, for a reason that has no dates."""
    return (Interval(verdict=Verdict.INELIGIBLE, reasons=(Reason(code=code),)),)


def facts(
    *,
    holder: Holder,
    place: Place,
    requirements: Iterable[RequirementState],
    credentials: Iterable[Credential],
    types: Mapping[str, int],
) -> tuple[FactVersion, ...]:
    """Return the versions of everything that a timeline rests on, in a fixed order.

    `types` has the versions of credential types by code.
    """
    latest: dict[tuple[str, str], int] = {("holder", str(holder.id)): holder.version}
    if place.version is not None:
        latest["location", place.code] = place.version
    named: set[str] = set()
    for requirement in requirements:
        key = ("requirement", str(requirement.id))
        latest[key] = max(latest.get(key, 0), requirement.version)
        named.update(requirement.expression.types)
    latest |= {("credential_type", code): types[code] for code in named & types.keys()}
    for credential in credentials:
        if credential.type in named:
            latest["credential", str(credential.id)] = credential.version
    return tuple(
        FactVersion(kind=kind, id=name, version=version) for (kind, name), version in sorted(latest.items())
    )


def places_of(holder: Holder, requirements: Iterable[RequirementState]) -> frozenset[str]:
    """Return the locations for which a timeline is kept: `*`, the holder's, and all that are named."""
    named = {code for state, _ in versions_in_force(requirements) for code in state.locations}
    return frozenset({ANYWHERE, *named, *([holder.location] if holder.location else [])})


class Said(Model):
    """What a timeline says somewhere: a verdict with its reasons."""

    verdict: Verdict
    reasons: tuple[Reason, ...]


def worst(said: Sequence[Said]) -> Said:
    """Return the worst verdict, with the reasons of everything that has it."""
    if len(said) == 1:
        return said[0]
    verdict = max((one.verdict for one in said), key=_GRAVITY.__getitem__)
    reasons = dict.fromkeys(reason for one in said if one.verdict is verdict for reason in one.reasons)
    return Said(verdict=verdict, reasons=tuple(reasons))


def within(intervals: Iterable[Interval], start: datetime, end: datetime) -> tuple[Said, ...]:
    """Return what a timeline says in [start, end), in order of time."""
    return tuple(Said(verdict=one.verdict, reasons=one.reasons) for one in clip(intervals, start, end))


def clip(intervals: Iterable[Interval], start: datetime | None, end: datetime | None) -> tuple[Interval, ...]:
    """Return the part of a timeline that lies in [start, end)."""
    return tuple(
        one.model_copy(update={"start": part.start, "end": part.end})
        for one in intervals
        for part in intersect(span(one.start, one.end), span(start, end))
    )


def versions_in_force(requirements: Iterable[RequirementState]) -> list[tuple[RequirementState, Spans]]:
    """Return when each version of each requirement is in force.

    A version that changes what is asked takes over at its own start; until then the one before it
    holds. A version that only moves dates or zone takes the place of the one before it: that one
    was never meant.
    """
    by_id: dict[UUID, dict[int, RequirementState]] = {}
    for requirement in requirements:
        by_id.setdefault(requirement.id, {})[requirement.version] = requirement
    result = []
    for _, numbered in sorted(by_id.items()):
        versions = [numbered[number] for number in sorted(numbered)]
        later: Spans = NOTHING
        following: RequirementState | None = None
        for version in reversed(versions):
            if following is None or _asks(version) != _asks(following):
                own = subtract(span(version.starts_at, version.ends_at), later)
                if own:
                    result.append((version, own))
                later = unite(later, span(version.starts_at, None))
            following = version
    return result


def standings(credential: Credential, *, min_days_remaining: int, matches: bool) -> tuple[Standing, ...]:
    """Return what a credential is good for over all time, in contiguous stretches.

    `matches` says whether its jurisdiction is the one that is asked for. Where days must remain,
    grace does not count: none remain.
    """
    revoked, surrendered, suspended = (
        _flagged(credential.flags, kind)
        for kind in (FlagKind.REVOKED, FlagKind.SURRENDERED, FlagKind.SUSPENDED)
    )
    runs = credential.runs
    layers: list[tuple[ReasonCode, Spans]] = [
        (ReasonCode.REVOKED, revoked),
        (ReasonCode.SURRENDERED, surrendered),
        (ReasonCode.SUSPENDED, suspended),
        (ReasonCode.INCOMPLETE, NOTHING if runs else EVERYTHING),
    ]
    held = unite(*(span(run.starts_at, run.expires_at) for run in runs))
    ended = [run for run in runs if run.expires_at is not None]
    if not matches:
        layers.append((ReasonCode.WRONG_JURISDICTION, held))
    if min_days_remaining > 0:
        # Days that remain are counted to the end of the run that is under way, not of a later one.
        short = unite(
            *(
                intersect(
                    span(run.starts_at, run.expires_at), span(_days_after(run, -min_days_remaining), None)
                )
                for run in ended
            )
        )
        layers.append((ReasonCode.TOO_SHORT, short))
    layers.append((ReasonCode.VALID, held))
    if credential.grace_days > 0 and min_days_remaining <= 0:
        grace = unite(*(span(run.expires_at, _days_after(run, credential.grace_days)) for run in ended))
        layers.append((ReasonCode.GRACE if matches else ReasonCode.WRONG_JURISDICTION, grace))
    layers.append((ReasonCode.EXPIRED, unite(*(span(run.expires_at, None) for run in ended))))
    layers.append((ReasonCode.NOT_YET_VALID, EVERYTHING))
    return _paint(layers, credential.id)


def _paint(layers: Iterable[tuple[ReasonCode, Spans]], credential_id: UUID) -> tuple[Standing, ...]:
    """Lay the layers over all time; where several are, the first one shows."""
    left = EVERYTHING
    found: list[Standing] = []
    for code, spans in layers:
        found += [Standing(one.start, one.end, code, credential_id) for one in intersect(left, spans)]
        left = subtract(left, spans)
    found.sort(key=lambda one: (one.start is not None, one.start.timestamp() if one.start else 0.0))
    return tuple(found)


def _flagged(flags: Iterable[FlagState], kind: FlagKind) -> Spans:
    return unite(
        *(
            span(flag.effective_from, None if kind.final and not flag.undone else flag.until)
            for flag in flags
            if flag.kind is kind
        )
    )


def _days_after(run: RunState, days: int) -> datetime | None:
    """Return the end of the day that lies `days` after the last valid one, in the run's zone.

    `None` if it lies beyond the calendar.
    """
    if run.expires_at is None:
        return None
    try:
        if run.expires_on is None:
            return run.expires_at + timedelta(days=days)
        return civil.expires_at(run.expires_on + timedelta(days=days), run.time_zone)
    except OverflowError:
        return None


def _asks(requirement: RequirementState) -> tuple[object, ...]:
    """Return what a requirement asks of whom, without when."""
    expression = requirement.expression
    return (
        requirement.target,
        frozenset(requirement.locations),
        expression.kind,
        expression.k,
        frozenset(expression.types),
        requirement.severity,
        requirement.match_jurisdiction,
        requirement.min_days_remaining,
    )


@dataclass(frozen=True, slots=True)
class _Demand:
    """One version of a requirement, while in force, against the holder's credentials."""

    requirement: RequirementState
    spans: Spans
    standings: Mapping[str, tuple[tuple[Standing, ...], ...]]
    """For each type that is asked for, those of each credential of the type."""

    @property
    def boundaries(self) -> set[datetime]:
        edges = boundaries(self.spans)
        for credentials in self.standings.values():
            for stretches in credentials:
                # A credential's stretches follow one another, so their starts are all their edges.
                edges.update(one.start for one in stretches if one.start is not None)
        return edges

    def in_force(self, instant: datetime | None) -> bool:
        return any(
            (one.start is None or (instant is not None and one.start <= instant))
            and (one.end is None or instant is None or instant < one.end)
            for one in self.spans
        )

    def best(self, type: str, instant: datetime | None) -> Standing | None:
        """Return the credential of the type that is nearest to counting; of equals, the longest."""
        there = (_at(stretches, instant) for stretches in self.standings[type])
        return min(there, key=_preference, default=None)

    def judge(self, instant: datetime | None) -> tuple[Verdict, tuple[Reason, ...]]:
        expression = self.requirement.expression
        types = sorted(expression.types)
        needed = {"all_of": len(types), "any_of": 1, "k_of": expression.k or 1}[expression.kind]
        found = [self._reason(name, self.best(name, instant)) for name in types]
        counting = sorted(
            (reason for reason in found if reason.code in _COUNTING), key=lambda reason: _RANK[reason.code]
        )[:needed]
        if len(counting) == needed:
            in_grace = tuple(reason for reason in counting if reason.code is ReasonCode.GRACE)
            return (Verdict.WARNING, in_grace) if in_grace else (Verdict.ELIGIBLE, tuple(counting))
        unmet = tuple(reason for reason in found if reason.code not in _COUNTING)
        mandatory = self.requirement.severity is Severity.MANDATORY
        return (Verdict.INELIGIBLE if mandatory else Verdict.WARNING), unmet

    def _reason(self, type: str, standing: Standing | None) -> Reason:
        return Reason.model_construct(
            code=standing.code if standing else ReasonCode.MISSING,
            type=type,
            requirement_id=self.requirement.id,
            credential_id=standing.credential_id if standing else None,
        )


def _demands(
    target: str, place: Place, requirements: Iterable[RequirementState], credentials: Sequence[Credential]
) -> list[_Demand]:
    demands = []
    for requirement, spans in versions_in_force(requirements):
        if requirement.target != target or (
            requirement.locations and place.code not in requirement.locations
        ):
            continue
        by_type: dict[str, list[tuple[Standing, ...]]] = {name: [] for name in requirement.expression.types}
        for credential in credentials:
            if credential.voided or credential.type not in by_type:
                continue
            matches = not requirement.match_jurisdiction or place.accepts(
                credential.country, credential.subdivision
            )
            by_type[credential.type].append(
                standings(credential, min_days_remaining=requirement.min_days_remaining, matches=matches)
            )
        demands.append(_Demand(requirement, spans, {name: tuple(held) for name, held in by_type.items()}))
    return demands


def _judge(demands: Sequence[_Demand], instant: datetime | None) -> tuple[Verdict, tuple[Reason, ...]]:
    """Return the worst of what the demands say; what is met is a reason only where all is met."""
    if not demands:
        return Verdict.ELIGIBLE, (Reason(code=ReasonCode.NO_REQUIREMENT),)
    said = [demand.judge(instant) for demand in demands]
    verdict = max((one for one, _ in said), key=_GRAVITY.__getitem__)
    telling = [
        (one, reasons) for one, reasons in said if one is not Verdict.ELIGIBLE or verdict is Verdict.ELIGIBLE
    ]
    # The gravest first; the sort is stable, so that within one gravity requirements keep their order.
    telling.sort(key=lambda one: -_GRAVITY[one[0]])
    return verdict, tuple(reason for _, reasons in telling for reason in reasons)


def _at(stretches: tuple[Standing, ...], instant: datetime | None) -> Standing:
    if instant is None:
        return stretches[0]
    # The first stretch begins in the open past; every later one has a start.
    return stretches[bisect_right([one.start for one in stretches[1:] if one.start], instant)]


def _preference(standing: Standing) -> tuple[int, bool, float, UUID]:
    end = standing.end
    return (
        _RANK[standing.code],
        end is not None,
        0.0 if end is None else -end.timestamp(),
        standing.credential_id,
    )
