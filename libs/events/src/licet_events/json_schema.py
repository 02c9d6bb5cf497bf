"""The form of JSON Schema 2020-12 that generators of Java, Go, TypeScript and Python code all understand."""

from typing import Any


def merge_null(node: Any) -> None:
    """Write each union of a plain type and null as one schema with two types, in place, at any depth.

    `{"anyOf": [{"type": "string"}, {"type": "null"}]}` becomes `{"type": ["string", "null"]}`. A union with a
    reference stays: a reference has no type of its own.
    """
    if isinstance(node, list):
        for each in node:
            merge_null(each)
    elif isinstance(node, dict):
        for each in node.values():
            merge_null(each)
        other = _nullable(node.get("anyOf"))
        if other is not None:
            del node["anyOf"]
            merged = {**other, **node, "type": [other["type"], "null"]}
            if "enum" in merged:
                merged["enum"] = [*merged["enum"], None]
            node.update(merged)


def _nullable(members: Any) -> dict[str, Any] | None:
    if not isinstance(members, list) or len(members) != 2 or {"type": "null"} not in members:
        return None
    other: dict[str, Any] = next(each for each in members if each != {"type": "null"})
    return other if isinstance(other.get("type"), str) and "const" not in other else None


def drop_list_defaults(node: Any) -> None:
    """Remove the default of every list, in place: generated classes would share one list, or send it."""
    if isinstance(node, list):
        for each in node:
            drop_list_defaults(each)
    elif isinstance(node, dict):
        for each in node.values():
            drop_list_defaults(each)
        if isinstance(node.get("default"), list):
            del node["default"]
