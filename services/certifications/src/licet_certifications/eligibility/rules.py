"""The requirements of a target as rules: which version is in force when, where, and what it asks for."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from licet_certifications.eligibility.criteria import Criterion, Group, compile_expression, criteria_of
from licet_certifications.eligibility.model import FUTURE, Fact
from licet_events.catalogue import RequirementState, Severity


class NamedType(NamedTuple):
    """The credential type that a requirement names, by its code or by an alias."""

    code: str
    version: int


class Plan(NamedTuple):
    """A group whose criteria are given by their places in the rulebook."""

    needed: int
    parts: "tuple[Plan | int, ...]"


@dataclass(frozen=True, slots=True)
class Rule:
    """A version of a requirement, in force in [start, end)."""

    requirement_id: UUID
    start: datetime
    end: datetime
    locations: frozenset[str]
    """Where it applies; empty means everywhere."""
    mandatory: bool
    plan: "Plan"
    criteria: tuple[int, ...]
    """Which of the rulebook's criteria `plan` names, each once."""


@dataclass(frozen=True, slots=True)
class Rulebook:
    """Everything that is asked of those who have one target."""

    target: str
    rules: tuple[Rule, ...]
    """In order of requirements, then of time."""
    criteria: tuple[Criterion, ...]
    """Everything that any rule asks for, each once."""
    facts: tuple[Fact, ...]
    """The requirements and credential types that it rests on."""
    types: frozenset[str]
    """Codes of the credential types that any version names."""
    locations: frozenset[str]
    """Where a version that is ever in force names a location."""
    codes: Mapping[str, str]
    """The codes of known credential types by what requirements call them."""


def rulebook_of(
    target: str, requirements: Iterable[RequirementState], types: Mapping[str, NamedType]
) -> Rulebook:
    """Return the rules that all versions of a target's requirements make.

    `types` has the credential types that are known, by what requirements call them.
    """
    codes = {name: named.code for name, named in types.items()}
    versions: dict[UUID, dict[int, RequirementState]] = {}
    for requirement in requirements:
        versions.setdefault(requirement.id, {})[requirement.version] = requirement
    rules: list[Rule] = []
    criteria: dict[Criterion, int] = {}
    named: set[str] = set()
    for _, numbered in sorted(versions.items()):
        compiled = [(state, _compiled(state, codes)) for state in map(numbered.__getitem__, sorted(numbered))]
        named.update(one.type for _, root in compiled for one in criteria_of(root))
        rules += _in_force(compiled, criteria)
    known = {one.code: one.version for one in types.values()}
    facts = [Fact("credential_type", code, known[code]) for code in named & known.keys()]
    facts += [Fact("requirement", str(key), max(numbered)) for key, numbered in versions.items()]
    return Rulebook(
        target,
        tuple(rules),
        tuple(criteria),
        tuple(facts),
        frozenset(named),
        frozenset().union(*(rule.locations for rule in rules)),
        codes,
    )


def _in_force(versions: list[tuple[RequirementState, Group]], criteria: dict[Criterion, int]) -> list[Rule]:
    """Return the versions of one requirement that are ever in force, in order.

    A version that changes what is asked takes over at its own start; until then the one before it
    holds. A version that only moves dates or zone takes the place of the one before it: that one
    was never meant.
    """
    rules: list[Rule] = []
    later = FUTURE
    following: tuple[object, ...] | None = None
    for state, root in reversed(versions):
        asked = (state.target, frozenset(state.locations), state.severity, root)
        if asked != following:
            end = min(state.ends_at or FUTURE, later)
            if state.starts_at < end:
                rules.append(
                    Rule(
                        state.id,
                        state.starts_at,
                        end,
                        frozenset(state.locations),
                        state.severity is Severity.MANDATORY,
                        _planned(root, criteria),
                        tuple(sorted({criteria[one] for one in criteria_of(root)})),
                    )
                )
            later = min(later, state.starts_at)
        following = asked
    return rules[::-1]


def _planned(group: Group, criteria: dict[Criterion, int]) -> Plan:
    return Plan(
        group.needed,
        tuple(
            criteria.setdefault(part, len(criteria))
            if isinstance(part, Criterion)
            else _planned(part, criteria)
            for part in group.parts
        ),
    )


def _compiled(state: RequirementState, codes: Mapping[str, str]) -> Group:
    return compile_expression(
        state.expression,
        codes,
        match_jurisdiction=state.match_jurisdiction,
        min_days_remaining=state.min_days_remaining,
    )
