"""The rules of eligibility once more, for one hour at a time, with every fact looked up by itself.

Nothing of it is shared with the timeline: no intervals, no edges, no compiled criteria.
"""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from licet_certifications.eligibility.model import Credential
from licet_events import civil
from licet_events.catalogue import AttributeCondition, Operand, RequirementState, Severity
from licet_events.credentials import FlagKind
from support.eligibility.worlds import BEGIN, TARGET, World

BEST_FIRST = [
    "valid", "grace", "too_short", "unverified", "wrong_jurisdiction", "missing", "incomplete", "suspended",
    "expired", "not_yet_valid", "surrendered", "revoked",
]  # fmt: skip


class Why(NamedTuple):
    """A reason without the choice among credentials that are as good as one another."""

    code: str
    type: str | None = None
    requirement_id: UUID | None = None
    waiver_id: UUID | None = None


VALID, WAIVED, GRACE, UNMET = range(4)


class Met(NamedTuple):
    """How well something is met, which reasons must be given for it, and which may be."""

    level: int
    certain: set[Why]
    possible: set[Why]


class Answer(NamedTuple):
    """The verdict, which reasons must be given for it, and which may be."""

    verdict: str
    certain: set[Why]
    possible: set[Why]


class Oracle:
    """Answers for one world."""

    def __init__(self, world: World) -> None:
        self.world = world
        versions: dict[UUID, list[RequirementState]] = {}
        for state in sorted(world.requirements, key=lambda one: one.version):
            earlier = versions.setdefault(state.id, [])
            # A version that asks for the same takes the place of the one before it.
            if earlier and _asks(earlier[-1]) == _asks(state):
                earlier.pop()
            earlier.append(state)
        self.versions = [found for _, found in sorted(versions.items())]
        self._days: dict[tuple[UUID, int, int], datetime | None] = {}
        self._checked: dict[tuple[UUID, int], datetime] = {}

    def at(self, now: datetime) -> "Answer":
        """Return the verdict at an instant, and why."""
        found: list[Met] = []
        for versions in self.versions:
            started = [one for one in versions if one.starts_at <= now]
            if not started:
                continue
            state = started[-1]
            if state.ends_at is not None and state.ends_at <= now:
                continue
            if state.locations and self.world.place.code not in state.locations:
                continue
            found.append(self._requirement(state, now))
        if not found:
            why = {Why("no_requirement")}
            return Answer("eligible", why, why)
        gravity = max(one.level for one in found)
        telling = [one for one in found if one.level > 0 or gravity == 0]
        verdict = ("eligible", "warning", "ineligible")[gravity]
        return Answer(verdict, _all(one.certain for one in telling), _all(one.possible for one in telling))

    def _requirement(self, state: RequirementState, now: datetime) -> "Met":
        expression = state.expression
        root = expression.tree or Operand(
            kind=expression.kind,
            k=expression.k,
            operands=tuple(Operand(type=one) for one in expression.types),
        )
        met = self._part(root, state, now)
        waiver = self._waiver(state, None, now) if met.level >= GRACE else None
        if waiver is not None:
            why = {Why("waived", None, state.id, waiver)}
            return Met(0, why, why)
        if met.level < GRACE:
            return met._replace(level=0)
        return met._replace(level=2 if met.level == UNMET and state.severity is Severity.MANDATORY else 1)

    def _part(self, part: Operand, state: RequirementState, now: datetime) -> "Met":
        if part.kind is None:
            return self._leaf(part, state, now)
        # What means the same is asked for once.
        parts = list({_meaning(one, state): one for one in part.operands}.values())
        needed = {"all_of": len(parts), "any_of": 1}.get(part.kind, min(part.k or 1, len(parts)))
        found = [self._part(one, state, now) for one in parts]
        levels = sorted(one.level for one in found if one.level < UNMET)
        if len(levels) < needed:
            telling = [one for one in found if one.level == UNMET]
            return Met(UNMET, _all(one.certain for one in telling), _all(one.possible for one in telling))
        level = levels[needed - 1]
        better = [one for one in found if one.level < level and level < GRACE]
        last = [one for one in found if one.level == level]
        # Of several that are as good as one another only some may be needed, and any of them will do.
        sure = last if levels[:needed].count(level) == len(last) else []
        return Met(
            level,
            _all(one.certain for one in better + sure),
            _all(one.possible for one in better + last),
        )

    def _leaf(self, part: Operand, state: RequirementState, now: datetime) -> "Met":
        best: str | None = None
        for credential in self.world.credentials:
            if credential.type != part.type or credential.voided:
                continue
            found = self._code(credential, part, state, now)
            if best is None or BEST_FIRST.index(found) < BEST_FIRST.index(best):
                best = found
        code = best or "missing"
        waiver = None if code == "valid" else self._waiver(state, part.type, now)
        if waiver is not None:
            why = {Why("waived", part.type, state.id, waiver)}
            return Met(WAIVED, why, why)
        why = {Why(code, part.type, state.id, None)}
        return Met({"valid": VALID, "grace": GRACE}.get(code, UNMET), why, why)

    def _waiver(self, state: RequirementState, type: str | None, now: datetime) -> UUID | None:
        there = [
            one
            for one in self.world.waivers
            if one.target == TARGET
            and one.type == type
            and one.requirement_id in (None, state.id)
            and (not one.locations or self.world.place.code in one.locations)
            and one.starts_at <= now < one.ends_at
        ]
        return max(there, key=lambda one: (one.ends_at, one.id)).id if there else None

    def _code(self, credential: Credential, part: Operand, state: RequirementState, now: datetime) -> str:
        for kind in (FlagKind.REVOKED, FlagKind.SURRENDERED, FlagKind.SUSPENDED):
            if any(flag.kind is kind and flag.start <= now < flag.end for flag in credential.flags):
                return str(kind)
        if not credential.runs:
            return "incomplete"
        code = self._by_dates(credential, max(state.min_days_remaining, part.min_days_remaining), now)
        if code in ("valid", "too_short", "grace"):
            fault = self._fault(credential, part, state)
            if fault is not None:
                return fault
        fresh = part.verified_within_days is None or self._fresh(credential, part.verified_within_days, now)
        return "unverified" if code in ("valid", "grace") and not fresh else code

    def _by_dates(self, credential: Credential, days: int, now: datetime) -> str:
        code = "not_yet_valid"
        for run in credential.runs:
            if run.starts_at > now:
                continue
            if run.expires_at is None or now < run.expires_at:
                short = self._after(credential, run.expires_on, -days) if days else None
                return "too_short" if short is not None and now >= short else "valid"
            grace = self._after(credential, run.expires_on, 0 if days else credential.grace_days)
            if grace is not None and now < grace:
                code = "grace"
            elif code != "grace":
                code = "expired"
        return code

    def _fresh(self, credential: Credential, days: int, now: datetime) -> bool:
        check = credential.check
        if check is None or not check.confirmed or now < check.checked_at:
            return False
        if check.valid_until is not None and now >= check.valid_until:
            return False
        return now < self._stale(credential, days)

    def _fault(self, credential: Credential, part: Operand, state: RequirementState) -> str | None:
        place = self.world.place
        if (part.match_jurisdiction or state.match_jurisdiction) and (
            place.country is None
            or credential.country != place.country
            or credential.subdivision not in (None, place.subdivision)
        ):
            return "wrong_jurisdiction"
        attributes = credential.attributes
        if attributes is None:
            asked = part.issued_by or part.where or part.verified_within_days is not None
            return "incomplete" if asked else None
        if part.issued_by and (credential.issuer or "").lower() not in {
            one.lower() for one in part.issued_by
        }:
            return "missing"
        if not all(_holds(condition, attributes.get(condition.attribute)) for condition in part.where):
            return "missing"
        return None

    def _after(self, credential: Credential, day: object, days: int) -> datetime | None:
        # Asked for again every hour, and the calendar is slow.
        index = next((n for n, run in enumerate(credential.runs) if run.expires_on == day), 0)
        key = (credential.id, index, days)
        if key not in self._days:
            run = credential.runs[index]
            self._days[key] = (
                None
                if run.expires_on is None
                else civil.ends_at(run.expires_on + timedelta(days=days), run.time_zone, run.ending)
            )
        return self._days[key]

    def _stale(self, credential: Credential, days: int) -> datetime:
        key = (credential.id, days)
        if key not in self._checked:
            assert credential.check is not None
            zone = credential.runs[-1].time_zone
            last = civil.local_date(credential.check.checked_at, zone) + timedelta(days=days)
            self._checked[key] = civil.expires_at(last, zone)
        return self._checked[key]


def hours(first: int, days: int) -> Iterable[datetime]:
    """Return every hour of so many days from the `first` of the two years on."""
    return (BEGIN + timedelta(hours=hour) for hour in range(24 * first, 24 * (first + days)))


def _asks(state: RequirementState) -> str:
    return repr((sorted(state.locations), state.expression, state.severity, state.match_jurisdiction,
                 state.min_days_remaining))  # fmt: skip


def _all(sets: Iterable[set[Why]]) -> set[Why]:
    return set().union(*sets)


def _meaning(part: Operand, state: RequirementState) -> object:
    """Return what a part asks for, equal to that of another part that asks for the same."""
    if part.kind is None:
        return (
            part.type, repr(part.where), part.verified_within_days, tuple(map(str.lower, part.issued_by)),
            part.match_jurisdiction or state.match_jurisdiction,
            max(part.min_days_remaining, state.min_days_remaining),
        )  # fmt: skip
    meanings = frozenset(_meaning(one, state) for one in part.operands)
    needed = {"all_of": len(meanings), "any_of": 1}.get(part.kind, min(part.k or 1, len(meanings)))
    return needed, meanings


def _holds(condition: AttributeCondition, value: object) -> bool:
    if condition.one_of:
        return bool(set(value if isinstance(value, tuple) else (value,)) & set(condition.one_of))
    assert isinstance(condition.at_least, int)
    return isinstance(value, int) and value >= condition.at_least
