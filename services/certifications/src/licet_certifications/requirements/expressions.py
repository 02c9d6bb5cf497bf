"""Expressions: what makes sense as one, and the two forms in which the contract carries them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from licet_chassis.errors import Invalid
from licet_events.catalogue import (
    AttributeCondition,
    AttributeKind,
    AttributeValue,
    DeclaredAttribute,
    Expression,
    Operand,
    RequirementState,
)
from licet_events.forms import DATE, FORMS

LEVELS = 4
"""How deep an expression may be nested; `{"all_of": ["a"]}` has one level."""

_ORDERED = frozenset({AttributeKind.INTEGER, AttributeKind.DECIMAL, AttributeKind.DATE})


@dataclass(frozen=True, slots=True)
class DeclaredType:
    """A credential type that is known by the name with which a requirement calls it."""

    code: str
    attributes: tuple[DeclaredAttribute, ...] | None
    """`None` while what it declares has not arrived."""


def expression_of(tree: Operand) -> Expression:
    """Return an expression as the contract carries it.

    One of types without conditions is the flat form that every reader knows. Any other has its tree,
    and for readers that only know the flat form it asks for all types that the tree names.
    """
    types = tuple(dict.fromkeys(part.type for _, part in _leaves(tree) if part.type is not None))
    bare = all(part == Operand(type=part.type) for part in tree.operands)
    if bare and tree.kind is not None:
        named = tuple(part.type for part in tree.operands if part.type is not None)
        return Expression(kind=tree.kind, types=named, k=tree.k)
    return Expression(kind="all_of", types=types, tree=tree)


def tree_of(expression: Expression) -> Operand:
    """Return the expression as a tree, whichever form it has."""
    if expression.tree is not None:
        return expression.tree
    parts = tuple(Operand(type=name) for name in expression.types)
    return Operand(kind=expression.kind, k=expression.k, operands=parts)


def conditioned_types(expression: Expression) -> frozenset[str]:
    """Return the names of the types on whose attributes there are conditions."""
    return frozenset(part.type or "" for _, part in _leaves(tree_of(expression)) if part.where)


def matches_jurisdictions(requirement: RequirementState) -> bool:
    """Whether any credential has to match the location, so that what lies where bears on it."""
    parts = _leaves(tree_of(requirement.expression))
    return requirement.match_jurisdiction or any(part.match_jurisdiction for _, part in parts)


def check_expression(expression: Expression) -> None:
    """Raise `Invalid`, its pointer into the body, if the expression makes no sense whatever the types are."""
    _check_group(tree_of(expression), "/expression", 1)


def checked_conditions(expression: Expression, types: Mapping[str, DeclaredType]) -> Expression:
    """Return the expression with its values as the types declare them; `types` has those known by name.

    Raises `Invalid`, its pointer into the body, for a type or an attribute that is not known and a value
    of another kind.
    """
    if expression.tree is None:
        return expression
    return expression.model_copy(update={"tree": _checked(expression.tree, "/expression", types)})


def _leaves(part: Operand, pointer: str = "") -> Iterator[tuple[str, Operand]]:
    if part.kind is None:
        yield pointer, part
        return
    for place, one in _parts(part, pointer):
        yield from _leaves(one, place)


def _parts(group: Operand, pointer: str) -> Iterator[tuple[str, Operand]]:
    """Return the parts of a group, each with its pointer in the body."""
    inside = f"{pointer}/k_of/types" if group.kind == "k_of" else f"{pointer}/{group.kind}"
    yield from ((f"{inside}/{index}", part) for index, part in enumerate(group.operands))


def _check_group(group: Operand, pointer: str, level: int) -> None:
    if level > LEVELS:
        raise Invalid(
            f"An expression has at most {LEVELS} levels; this part is on the {level}th. Make two "
            "requirements of it, or unite levels of one kind.",
            pointer=pointer,
        )
    inside = f"{pointer}/{group.kind}"
    if group.kind == "k_of" and not 1 <= (group.k or 0) <= len(group.operands):
        raise Invalid(
            f"k must be from 1 to {len(group.operands)}, the number of types; it is {group.k}.",
            pointer=f"{inside}/k",
        )
    for index, part in enumerate(group.operands):
        if part in group.operands[:index]:
            name = part.type or "the same expression"
            raise Invalid(f"{name} stands twice in {inside}; once is enough.", pointer=inside)
    for place, part in _parts(group, pointer):
        if part.kind is not None:
            _check_group(part, place, level + 1)


def _checked(part: Operand, pointer: str, types: Mapping[str, DeclaredType]) -> Operand:
    if part.kind is not None:
        operands = tuple(_checked(one, place, types) for place, one in _parts(part, pointer))
        return part.model_copy(update={"operands": operands})
    if not part.where:
        return part
    name = part.type or ""
    declared = types[name].attributes if name in types else None
    if declared is None:
        raise Invalid(
            f"What the credential type {name} declares is not known here, so nothing can be asked of its "
            "attributes. If it was defined a moment ago, try again; after an upgrade, run licet backfill.",
            pointer=f"{pointer}/type",
        )
    by_name = {one.name: one for one in declared}
    where = tuple(
        _checked_condition(condition, name, by_name, f"{pointer}/where/{index}")
        for index, condition in enumerate(part.where)
    )
    return part.model_copy(update={"where": where})


def _checked_condition(
    condition: AttributeCondition, type: str, declared: Mapping[str, DeclaredAttribute], pointer: str
) -> AttributeCondition:
    attribute = declared.get(condition.attribute)
    if attribute is None:
        known = f"it has {', '.join(sorted(declared))}" if declared else "it has none"
        raise Invalid(
            f"The type {type} declares no attribute {condition.attribute}; {known}.",
            pointer=f"{pointer}/attribute",
        )
    for name in ("at_least", "at_most"):
        if getattr(condition, name) is not None and attribute.kind not in _ORDERED:
            raise Invalid(
                f"{attribute.name} is of the kind {attribute.kind}, which has no order; use equals or in.",
                pointer=f"{pointer}/{name}",
            )
    return AttributeCondition(
        attribute=attribute.name,
        equals=_value(attribute, condition.equals, f"{pointer}/equals"),
        one_of=tuple(
            _one(attribute, value, f"{pointer}/in/{index}") for index, value in enumerate(condition.one_of)
        ),
        at_least=_bound(attribute, condition.at_least, f"{pointer}/at_least"),
        at_most=_bound(attribute, condition.at_most, f"{pointer}/at_most"),
    )


def _bound(attribute: DeclaredAttribute, value: int | str | None, pointer: str) -> int | str | None:
    checked = None if value is None else _one(attribute, value, pointer)
    return checked if isinstance(checked, int | str) else None


def _value(attribute: DeclaredAttribute, value: AttributeValue | None, pointer: str) -> AttributeValue | None:
    if value is None:
        return None
    if attribute.kind is AttributeKind.CHOICES:
        values: Sequence[AttributeValue] = value if isinstance(value, tuple) else (value,)
        chosen = {_one(attribute, one, pointer) for one in values}
        return tuple(option for option in attribute.options if option in chosen)
    return _one(attribute, value, pointer)


def _one(attribute: DeclaredAttribute, value: AttributeValue, pointer: str) -> AttributeValue:
    """Return one value as credentials keep values of the attribute's kind."""
    kind = attribute.kind
    checked: AttributeValue | None = None
    if kind is AttributeKind.BOOLEAN:
        checked = value if isinstance(value, bool) else None
    elif kind is AttributeKind.INTEGER:
        checked = value if isinstance(value, int) and not isinstance(value, bool) else None
    elif kind is AttributeKind.DECIMAL:
        checked = _decimal(value)
    elif kind is AttributeKind.DATE:
        checked = _date(value)
    elif kind is AttributeKind.TEXT:
        checked = value if isinstance(value, str) else None
    else:
        checked = value if isinstance(value, str) and value in attribute.options else None
    if checked is None:
        wanted = f"one of {', '.join(attribute.options)}" if attribute.options else f"of the kind {kind}"
        raise Invalid(f"A value of {attribute.name} must be {wanted}; {value!r} is not.", pointer=pointer)
    return checked


def _decimal(value: AttributeValue) -> str | None:
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    if not FORMS["decimal"].fits(str(value)):
        return None
    plain = f"{Decimal(value):f}"
    shortest = plain.rstrip("0").rstrip(".") if "." in plain else plain
    return "0" if shortest == "-0" else shortest


def _date(value: AttributeValue) -> str | None:
    return value if isinstance(value, str) and DATE.fits(value) else None
