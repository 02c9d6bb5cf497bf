"""Rules that say who is told of which notices, and which rule counts for one. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Final, TypeAlias

from licet_chassis.errors import Invalid
from licet_notifier.facts.model import Needs


class Circle(StrEnum):
    """People, or an address, that a rule tells."""

    HOLDER = "holder"
    MANAGER = "manager"
    MANAGERS_MANAGER = "managers_manager"
    TEAM_SUPERVISORS = "team_supervisors"
    LOCATION_SUPERVISORS = "location_supervisors"
    ROLE = "role"
    """Everybody who has a role."""
    ADDRESS = "address"
    """A fixed address."""
    DECIDERS = "deciders"
    """Those who decide about an application: of mails about enrolments only."""


class Within(StrEnum):
    """Whose role counts."""

    TEAM = "team"
    LOCATION = "location"


class Delivery(StrEnum):
    """How several recipients get a mail."""

    SEPARATE = "separate"
    """Each a mail of their own, in their own language."""
    COPIES = "copies"
    """All the same mail, written for the first of them, the others as its copies."""


@dataclass(frozen=True, slots=True)
class Told:
    """One circle that a rule tells; `value` is the role's code or the address."""

    circle: Circle
    value: str | None = None
    within: Within | None = None
    """Of a role: whether only those of the holder's own team or location are told."""

    @property
    def name(self) -> str:
        """As decisions and answers name it: `manager`, `role:safety`, `role:safety@team`, `address`."""
        if self.circle is not Circle.ROLE:
            return self.circle.value
        return f"role:{self.value}" + (f"@{self.within}" if self.within else "")


@dataclass(frozen=True, slots=True)
class Reference:
    """A circle that the policy itself names."""

    name: str


Item: TypeAlias = Told | Reference


@dataclass(frozen=True, slots=True)
class Escalation:
    """Who is told, once, where nobody has acted so many days after a step."""

    after_days: int
    tell: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Rule:
    """Who is told of the notices that it is for; an empty condition is any."""

    tell: tuple[Item, ...]
    event: str | None = None
    steps: frozenset[int] = frozenset()
    types: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    locations: frozenset[str] = frozenset()
    delivery: Delivery = Delivery.SEPARATE
    escalate: tuple[Escalation, ...] = ()

    @property
    def conditions(self) -> tuple[str, ...]:
        """The names of the conditions that are set, in the order in which they count."""
        return tuple(
            name for name in ("steps", "types", "teams", "locations", "event") if getattr(self, name)
        )


@dataclass(frozen=True, slots=True)
class Case:
    """What a notice is about, as far as rules go."""

    event: str
    step: int | None = None
    type: str | None = None
    team: str | None = None
    location: str | None = None


@dataclass(frozen=True, slots=True)
class Resolved:
    """The rule that counts for a case, with the circles it tells at each level; level 0 is told at once."""

    rule: str
    """Its name: `rule 2`, or `default`."""
    levels: tuple[tuple[int, tuple[Told, ...]], ...]
    """Days after the step, and who is told then."""
    delivery: Delivery
    because: tuple[str, ...]


@dataclass(frozen=True)
class Policy:
    """All rules of a deployment; version 0 is none of its own."""

    version: int = 0
    rules: tuple[Rule, ...] = ()
    circles: Mapping[str, tuple[Item, ...]] = field(default_factory=lambda: MappingProxyType({}))

    def resolve(self, case: Case) -> Resolved | None:
        """Return who is told of a case; `None` where no rule of the deployment's own is for it.

        The rule that names most conditions counts; of several with as many the one that names steps, types,
        teams, locations, in this order; else the first in the list.
        """
        fitting = [(number, rule) for number, rule in enumerate(self.rules, 1) if _fits(rule, case)]
        if not fitting:
            return None
        number, rule = min(fitting, key=lambda each: _rank(each[1]))
        levels = [(0, self.expand(rule.tell))]
        levels += [(each.after_days, self.expand(each.tell)) for each in rule.escalate]
        return Resolved(f"rule {number}", tuple(levels), rule.delivery, _because(number, rule, case, fitting))

    def expand(self, items: Iterable[Item]) -> tuple[Told, ...]:
        """Return the circles that items stand for, each once, in their order."""
        found: dict[Told, None] = {}
        opened: set[str] = set()
        waiting = list(reversed(tuple(items)))
        while waiting:
            item = waiting.pop()
            if isinstance(item, Told):
                found.setdefault(item)
            elif item.name not in opened:
                opened.add(item.name)
                waiting += reversed(self.circles[item.name])
        return tuple(found)

    @property
    def needs(self) -> Needs:
        """What has to be read about a holder's surroundings to carry it out."""
        lists = [rule.tell for rule in self.rules]
        lists += [each.tell for rule in self.rules for each in rule.escalate]
        told = {each for items in lists for each in self.expand(items)}
        circles = {each.circle for each in told}
        return Needs(
            managers_manager=Circle.MANAGERS_MANAGER in circles,
            supervisors=not circles.isdisjoint({Circle.TEAM_SUPERVISORS, Circle.LOCATION_SUPERVISORS}),
            roles=frozenset(each.value or "" for each in told if each.circle is Circle.ROLE),
        )


def _fits(rule: Rule, case: Case) -> bool:
    return (
        rule.event in {None, case.event}
        and (not rule.steps or case.step in rule.steps)
        and (not rule.types or case.type in rule.types)
        and (not rule.teams or case.team in rule.teams)
        and (not rule.locations or case.location in rule.locations)
    )


def _rank(rule: Rule) -> tuple[int, tuple[bool, ...]]:
    conditions = rule.conditions
    return -len(conditions), tuple(
        name not in conditions for name in ("steps", "types", "teams", "locations", "event")
    )


def _because(number: int, rule: Rule, case: Case, fitting: Sequence[tuple[int, Rule]]) -> tuple[str, ...]:
    values = {
        "event": f"the event {case.event}",
        "steps": f"the step {case.step}",
        "types": f"the type {case.type}",
        "teams": f"the team {case.team}",
        "locations": f"the location {case.location}",
    }
    named = [values[name] for name in reversed(rule.conditions)]
    reasons = [f"rule {number} is for {', '.join(named)}" if named else f"rule {number} is for everything"]
    reasons += [
        f"rule {other} fits too, but names "
        + ("less" if len(each.conditions) < len(rule.conditions) else "no more")
        for other, each in fitting
        if other != number
    ]
    return tuple(reasons)


NO_POLICY: Final = Policy()
"""No rule of the deployment's own."""


def check_policy(policy: Policy) -> None:
    """Raise `Invalid` for a circle that names itself or an unknown one, and for a rule that never counts."""
    sound: set[str] = set()
    for name, items in policy.circles.items():
        _check_references(policy, items, f"/circles/{name}", (name,), sound)
    for number, rule in enumerate(policy.rules):
        _check_references(policy, rule.tell, f"/rules/{number}/tell", (), sound)
        for level, each in enumerate(rule.escalate):
            _check_references(policy, each.tell, f"/rules/{number}/escalate/{level}/tell", (), sound)
        days = [each.after_days for each in rule.escalate]
        if days != sorted(set(days)):
            raise Invalid(
                "Each level of an escalation comes later than the one before; let after_days rise.",
                pointer=f"/rules/{number}/escalate",
            )
    _check_reached(policy)


def _check_references(
    policy: Policy, items: Iterable[Item], pointer: str, way: tuple[str, ...], sound: set[str]
) -> None:
    """Follow the circles that items name; `sound` are those that were followed to their end already."""
    for position, item in enumerate(items):
        if not isinstance(item, Reference):
            continue
        here = f"{pointer}/{position}" if len(way) < 2 else pointer
        if item.name in way:
            path = " → ".join((*way[way.index(item.name) :], item.name))
            raise Invalid(f"The circle {item.name} names itself: {path}. Take one of them out.", pointer=here)
        if item.name not in policy.circles:
            raise Invalid(
                f"There is no circle {item.name!r} in circles; there are "
                f"{', '.join(sorted(policy.circles)) or 'none'}.",
                pointer=here,
            )
        if item.name not in sound:
            _check_references(policy, policy.circles[item.name], here, (*way, item.name), sound)
            sound.add(item.name)


def _check_reached(policy: Policy) -> None:
    seen: dict[object, int] = {}
    for number, rule in enumerate(policy.rules):
        key = (rule.event, rule.steps, rule.types, rule.teams, rule.locations)
        first = seen.setdefault(key, number)
        if first != number:
            raise Invalid(
                f"Rule {number + 1} is for the same as rule {first + 1}, so it would never count; "
                "make one of them.",
                pointer=f"/rules/{number}",
            )
