"""What a requirement asks for: a tree of criteria, in one form whatever the order in which it was written."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TypeAlias

from licet_certifications.eligibility.model import Credential, Place
from licet_events.catalogue import AttributeCondition, AttributeValue, Expression, Operand
from licet_events.eligibility import ReasonCode

_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Criterion:
    """One credential type, and what a credential of it must be to count."""

    type: str
    """The code, or the name as it was given while no type is known by it."""
    conditions: tuple[AttributeCondition, ...] = ()
    issuers: frozenset[str] = frozenset()
    """Case-folded; empty accepts every issuer."""
    verified_within_days: int | None = None
    match_jurisdiction: bool = False
    min_days_remaining: int = 0

    @property
    def key(self) -> tuple[object, ...]:
        """Sorts criteria, and is equal exactly if they ask for the same."""
        rest = (
            [one.model_dump_json() for one in self.conditions], sorted(self.issuers),
            self.verified_within_days, self.match_jurisdiction, self.min_days_remaining,
        )  # fmt: skip
        return 0, self.type, repr(rest)

    def fault_of(self, credential: Credential, place: Place) -> tuple[ReasonCode, str | None] | None:
        """Return why a credential never counts while it is as it is, whatever its dates say."""
        if self.match_jurisdiction and not place.accepts(credential.country, credential.subdivision):
            return ReasonCode.WRONG_JURISDICTION, None
        if credential.attributes is None and (unknown := self._asks_for_more_than_dates()) is not None:
            return ReasonCode.INCOMPLETE, unknown
        if self.issuers and (credential.issuer or "").casefold() not in self.issuers:
            return ReasonCode.MISSING, "issuer"
        for condition in self.conditions:
            if credential.attributes is not None and not _holds(
                condition, credential.attributes.get(condition.attribute)
            ):
                return ReasonCode.MISSING, f"attribute:{condition.attribute}"
        return None

    def _asks_for_more_than_dates(self) -> str | None:
        if self.issuers:
            return "issuer"
        if self.conditions:
            return f"attribute:{self.conditions[0].attribute}"
        return None if self.verified_within_days is None else "verification"


@dataclass(frozen=True, slots=True)
class Group:
    """So many of several parts."""

    kind: str
    """As it was written: another word for the same number is another version of a requirement."""
    needed: int
    parts: "tuple[Node, ...]"
    """In a fixed order, no two of them equal."""

    @property
    def key(self) -> tuple[object, ...]:
        """Sorts groups after criteria, and is equal exactly if they ask for the same, in whatever words."""
        return 1, str(self.needed), repr([part.key for part in self.parts])


Node: TypeAlias = Criterion | Group


def compile_expression(
    expression: Expression,
    codes: Mapping[str, str],
    *,
    match_jurisdiction: bool = False,
    min_days_remaining: int = 0,
) -> Group:
    """Return what an expression asks for, with the codes of the types that it names.

    `codes` has them by name. A name of no known type stays: nobody has a credential of it yet. Where
    two names turn out to be one type's, it is asked for once, and `k_of` for no more parts than are
    left. What the requirement asks of all credentials is asked of each.
    """

    def criterion(part: Operand) -> Criterion:
        name = part.type or ""
        return Criterion(
            type=codes.get(name, name),
            conditions=part.where,
            issuers=frozenset(issuer.casefold() for issuer in part.issued_by),
            verified_within_days=part.verified_within_days,
            match_jurisdiction=match_jurisdiction or part.match_jurisdiction,
            min_days_remaining=max(min_days_remaining, part.min_days_remaining),
        )

    def node(part: Operand) -> Node:
        return criterion(part) if part.kind is None else group(part.kind, part.k, part.operands)

    def group(kind: str, k: int | None, operands: Iterable[Operand]) -> Group:
        distinct = {one.key: one for one in map(node, operands)}
        parts = tuple(sorted(distinct.values(), key=lambda one: one.key))
        needed = {"all_of": len(parts), "any_of": 1}.get(kind, min(k or 1, len(parts)))
        return Group(kind, needed, parts)

    tree = expression.tree
    if tree is not None and tree.kind is not None:
        return group(tree.kind, tree.k, tree.operands)
    return group(expression.kind, expression.k, (Operand(type=name) for name in expression.types))


def criteria_of(node: Node) -> list[Criterion]:
    """Return the criteria of a tree, from left to right."""
    if isinstance(node, Criterion):
        return [node]
    return [criterion for part in node.parts for criterion in criteria_of(part)]


def _holds(condition: AttributeCondition, value: AttributeValue | None) -> bool:
    if value is None:
        return False
    if condition.equals is not None and not _same(value, condition.equals):
        return False
    if condition.one_of:
        values = value if isinstance(value, tuple) else (value,)
        if not any(_same(one, other) for one in values for other in condition.one_of):
            return False
    at_least, at_most = condition.at_least, condition.at_most
    if at_least is None and at_most is None:
        return True
    kind, measure = _measure(value)
    bounds = [_measure(bound) for bound in (at_least, at_most) if bound is not None]
    if kind is None or any(other != kind for other, _ in bounds):
        return False
    low = measure if at_least is None else _measure(at_least)[1]
    high = measure if at_most is None else _measure(at_most)[1]
    return low <= measure <= high


def _same(one: AttributeValue, other: AttributeValue) -> bool:
    # In Python True == 1; a yes is no number.
    return type(one) is type(other) and one == other


def _measure(value: AttributeValue) -> tuple[type | None, Decimal]:
    """Return what a value is compared by and as what; `None` for a value that has no order."""
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None, Decimal()
    try:
        if isinstance(value, str) and _DATE.fullmatch(value):
            return date, Decimal(date.fromisoformat(value).toordinal())
        return Decimal, Decimal(value)
    except (InvalidOperation, ValueError):
        return None, Decimal()
