"""Typed attributes: the declaration of a type, and validation of values by it."""

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from licet_chassis.errors import Invalid
from licet_events.catalogue import AttributeKind, AttributeValue, DeclaredAttribute
from licet_events.forms import DATE, FORMS

MOST_TEXT = 500
"""Most characters of a text."""

_SAFE_INTEGER = 2**53 - 1  # the range that every JSON parser keeps exactly (RFC 8259, section 6)
_DECIMAL = re.compile(r"[+-]?\d{1,30}(\.\d{1,30})?", re.ASCII)
_INTEGER = re.compile(r"[+-]?\d{1,17}", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_UNSEEN = frozenset({"Cc", "Cs", "Zl", "Zp"})
_WITH_OPTIONS = frozenset({AttributeKind.CHOICE, AttributeKind.CHOICES})


def checked_declaration(declared: Sequence[DeclaredAttribute]) -> None:
    """Raise `Invalid` if a name is declared twice, or if options do not fit the kind."""
    seen: set[str] = set()
    for at, attribute in enumerate(declared):
        if attribute.name in seen:
            raise Invalid(
                f"The attribute {attribute.name} is declared twice.", pointer=f"/attributes/{at}/name"
            )
        seen.add(attribute.name)
        pointer = f"/attributes/{at}/options"
        if attribute.kind not in _WITH_OPTIONS:
            if attribute.options:
                raise Invalid(
                    f"Only choice and choices have options; {attribute.name} is {attribute.kind}.",
                    pointer=pointer,
                )
        elif not attribute.options:
            raise Invalid(f"The {attribute.kind} {attribute.name} needs options.", pointer=pointer)
        elif len(set(attribute.options)) != len(attribute.options):
            raise Invalid(f"An option of {attribute.name} is named twice.", pointer=pointer)


def retyped(before: Sequence[DeclaredAttribute], after: Sequence[DeclaredAttribute]) -> tuple[str, ...]:
    """Return the names that both declare, with different kinds."""
    kinds = {attribute.name: attribute.kind for attribute in before}
    return tuple(each.name for each in after if kinds.get(each.name, each.kind) is not each.kind)


def checked_attributes(
    declared: Sequence[DeclaredAttribute], given: Mapping[str, Any]
) -> dict[str, AttributeValue]:
    """Return the values in canonical form: in declared order, decimals in their shortest form.

    `None` counts as left out. Raises `Invalid`, with the pointer `/attributes/<name>`, for an undeclared
    name, a value of another kind, and a missing required attribute.
    """
    names = {attribute.name for attribute in declared}
    for name in given:
        if name not in names:
            known = f"it has {', '.join(sorted(names))}" if names else "it has none"
            raise Invalid(f"The type declares no attribute {_shown(name)}; {known}.", pointer=_pointer(name))
    checked: dict[str, AttributeValue] = {}
    for attribute in declared:
        value = given.get(attribute.name)
        if value is not None:
            checked[attribute.name] = _value(attribute, value)
        elif attribute.required:
            raise Invalid(
                f"The attribute {attribute.name} is required: {_wanted(attribute)}.",
                pointer=_pointer(attribute.name),
            )
    return checked


def merged_attributes(
    declared: Sequence[DeclaredAttribute],
    present: Mapping[str, AttributeValue],
    changes: Mapping[str, Any] | None,
) -> dict[str, AttributeValue]:
    """Return the attributes after a merge patch (RFC 7396): null removes one, or all of them.

    The result is validated by the present declaration; values of names that it lacks are dropped. Raises
    `Invalid` as `checked_attributes` does.
    """
    names = {attribute.name for attribute in declared}
    kept = {} if changes is None else {name: value for name, value in present.items() if name in names}
    return checked_attributes(declared, {**kept, **(changes or {})})


def attribute_from_text(attribute: DeclaredAttribute, text: str) -> AttributeValue:
    """Return the value of a cell of a file; several choices are separated by `;` or `|`.

    Raises `Invalid` as `checked_attributes` does.
    """
    text = text.strip()
    if attribute.kind is AttributeKind.INTEGER and _INTEGER.fullmatch(text):
        return _value(attribute, int(text))
    if attribute.kind is AttributeKind.BOOLEAN and text.lower() in {"true", "false"}:
        return text.lower() == "true"
    if attribute.kind is AttributeKind.CHOICES:
        return _value(attribute, [part.strip() for part in re.split(r"[;|]", text) if part.strip()])
    return _value(attribute, text)


def meanings(text: str) -> list[Any]:
    """Return the JSON values that a text could stand for, in a filter that does not know the kind.

    `5` may be a text, a number, or one of several choices.
    """
    found: list[Any] = [text, [text]]
    if _DECIMAL.fullmatch(text) and (shortest := _shortest(text)) != text:
        found.append(shortest)
    if _INTEGER.fullmatch(text):
        found.append(int(text))
    if text in {"true", "false"}:
        found.append(text == "true")
    return found


def _value(attribute: DeclaredAttribute, value: Any) -> AttributeValue:
    checked = _CHECKS[attribute.kind](attribute, value)
    if checked is None:
        raise Invalid(
            f"The attribute {attribute.name} must be {_wanted(attribute)}, not {_shown(value)}.",
            pointer=_pointer(attribute.name),
        )
    return checked


def _text(_attribute: DeclaredAttribute, value: Any) -> str | None:
    if not isinstance(value, str):
        return None
    text = value.strip()
    if not 1 <= len(text) <= MOST_TEXT or any(unicodedata.category(sign) in _UNSEEN for sign in text):
        return None
    return text


def _integer(_attribute: DeclaredAttribute, value: Any) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if abs(value) <= _SAFE_INTEGER else None


def _decimal(_attribute: DeclaredAttribute, value: Any) -> str | None:
    # A JSON number with a fraction may have been rounded by its sender, so only integers are accepted.
    if isinstance(value, bool) or not isinstance(value, int | str):
        return None
    text = str(value)
    return _shortest(text) if FORMS["decimal"].fits(text) else None


def _shortest(text: str) -> str:
    # Not `normalize`, which rounds to the precision of the context.
    plain = f"{Decimal(text):f}"
    if "." in plain:
        plain = plain.rstrip("0").rstrip(".")
    return "0" if plain == "-0" else plain


def _boolean(_attribute: DeclaredAttribute, value: Any) -> bool | None:
    return value if isinstance(value, bool) else None


def _date(_attribute: DeclaredAttribute, value: Any) -> str | None:
    return value if isinstance(value, str) and DATE.fits(value) else None


def _choice(attribute: DeclaredAttribute, value: Any) -> str | None:
    return value if isinstance(value, str) and value in attribute.options else None


def _choices(attribute: DeclaredAttribute, value: Any) -> tuple[str, ...] | None:
    if not isinstance(value, list | tuple) or not value:
        return None
    if len(value) > len(attribute.options) or any(each not in attribute.options for each in value):
        return None
    return tuple(option for option in attribute.options if option in value)


_CHECKS: Mapping[AttributeKind, Callable[[DeclaredAttribute, Any], AttributeValue | None]] = {
    AttributeKind.TEXT: _text,
    AttributeKind.INTEGER: _integer,
    AttributeKind.DECIMAL: _decimal,
    AttributeKind.BOOLEAN: _boolean,
    AttributeKind.DATE: _date,
    AttributeKind.CHOICE: _choice,
    AttributeKind.CHOICES: _choices,
}
"""Validators by kind: each returns the canonical value, or `None` for a value of another kind."""


def _wanted(attribute: DeclaredAttribute) -> str:
    if attribute.kind is AttributeKind.CHOICE:
        return f"one of {', '.join(attribute.options)}"
    if attribute.kind is AttributeKind.CHOICES:
        return f"a list of one or more of {', '.join(attribute.options)}"
    return {
        AttributeKind.TEXT: f"a line of 1 to {MOST_TEXT} characters",
        AttributeKind.INTEGER: "a whole number",
        AttributeKind.DECIMAL: 'a decimal as text, such as "1500.50"',
        AttributeKind.BOOLEAN: "true or false",
        AttributeKind.DATE: "a date that exists, YYYY-MM-DD",
    }[attribute.kind]


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 80 else f"{shown[:77]}..."


def _pointer(name: str) -> str:
    return "/attributes/" + name.replace("~", "~0").replace("/", "~1")
