"""Whether a JSON Schema may take the place of the one published before it, under the same type name.

Old readers must read new bytes, and new readers old ones (compacted topics keep them for ever). So a
type may only gain optional fields; any other difference asks for a new type version.
"""

from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from licet_events.json_schema import drop_list_defaults, merge_null

Schema = Mapping[str, Any]

_SAYS_NOTHING = {"$defs", "$id", "$schema", "title", "description", "examples"}
_LOOKED_INTO = {"$ref", "properties", "required", "items", "additionalProperties", "anyOf", "enum"}


@dataclass(frozen=True)
class Breaking:
    """A difference that some reader does not survive."""

    where: str
    """The path of the field in the value, such as `/credential/terms/[]/expires_on`."""
    what: str

    def __str__(self) -> str:
        return f"{self.where or '/'}: {self.what}"


def breaking_changes(old: Schema, new: Schema) -> list[Breaking]:
    """Return what breaks if `new` is published in place of `old`; nothing if all readers go on.

    Breaking: a field removed, renamed or retyped; a field that becomes or stops being required; a new
    field that is required; an enum value added or removed, as readers refuse values they do not know;
    another default; the members of a union in another order; any other keyword changed. References are
    followed, so names of definitions do not matter; nor do the two ways to write a value that may be null,
    nor whether a list that may be left out says that it is empty then.
    """
    return list(_Comparison(_in_one_form(old), _in_one_form(new)).differences())


def _in_one_form(schema: Schema) -> Schema:
    copy = deepcopy(dict(schema))
    merge_null(copy)
    drop_list_defaults(copy)
    return copy


class _Comparison:
    """The walk through two schemas at once."""

    def __init__(self, old: Schema, new: Schema) -> None:
        self.old = old
        self.new = new
        self.seen: set[tuple[str | None, str | None]] = set()

    def differences(self) -> Iterator[Breaking]:
        yield from self._compare("", self.old, self.new)

    def _compare(self, where: str, old: Schema, new: Schema) -> Iterator[Breaking]:
        pair = (old.get("$ref"), new.get("$ref"))
        known = pair in self.seen and pair != (None, None)
        self.seen.add(pair)
        old, new = _resolved(self.old, old), _resolved(self.new, new)
        yield from _keywords(where, old, new)
        if known:  # the rest lies in the definitions, and was told where they were met first
            return
        yield from _values(where, old, new)
        yield from self._fields(where, old, new)
        for keyword, step in (("items", "[]"), ("additionalProperties", "*")):
            yield from self._inside(f"{where}/{step}", old.get(keyword), new.get(keyword))
        before, after = old.get("anyOf", []), new.get("anyOf", [])
        if len(before) != len(after):
            yield Breaking(where, "retyped: a union has gained or lost a member")
        else:
            for one, other in zip(before, after, strict=True):
                yield from self._compare(where, one, other)

    def _inside(self, where: str, old: Any, new: Any) -> Iterator[Breaking]:
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from self._compare(where, old, new)
        elif old != new:
            yield Breaking(where, f"retyped from {old} to {new}")

    def _fields(self, where: str, old: Schema, new: Schema) -> Iterator[Breaking]:
        before, after = old.get("properties", {}), new.get("properties", {})
        needed_before, needed_after = set(old.get("required", [])), set(new.get("required", []))
        for name in before:
            field = f"{where}/{name}"
            if name not in after:
                yield Breaking(field, "removed, or renamed")
                continue
            if name in needed_after - needed_before:
                yield Breaking(field, "newly required: bytes already written may lack it")
            if name in needed_before - needed_after:
                yield Breaking(field, "no longer required: readers already there insist on it")
            yield from self._compare(field, before[name], after[name])
        for name in after:
            if name not in before and name in needed_after:
                yield Breaking(f"{where}/{name}", "new and required: bytes already written lack it")


def _resolved(root: Schema, schema: Schema) -> Schema:
    while "$ref" in schema:
        target: Any = root
        for step in schema["$ref"].removeprefix("#/").split("/"):
            target = target[step]
        schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
    return schema


def _keywords(where: str, old: Schema, new: Schema) -> Iterator[Breaking]:
    for keyword in sorted((set(old) | set(new)) - _SAYS_NOTHING - _LOOKED_INTO):
        if old.get(keyword) != new.get(keyword):
            change = f"{keyword} was {old.get(keyword)!r} and is {new.get(keyword)!r}"
            yield Breaking(where, f"retyped: {change}" if keyword in {"type", "format"} else change)


def _values(where: str, old: Schema, new: Schema) -> Iterator[Breaking]:
    if ("enum" in old) != ("enum" in new):
        yield Breaking(where, "retyped: a closed list of values has come or gone")
        return
    before, after = old.get("enum", []), new.get("enum", [])
    yield from (Breaking(where, f"value {value!r} removed") for value in before if value not in after)
    yield from (Breaking(where, f"value {value!r} added") for value in after if value not in before)
