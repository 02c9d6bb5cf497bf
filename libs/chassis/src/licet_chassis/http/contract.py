"""The OpenAPI document in the form that client generators read without help.

Operation ids make readable method names, an optional parameter is absent rather than null, and a value that
may be null is `{"type": [T, "null"]}`, which generators of Java, Go, Python and TypeScript all understand.
"""

import re
from typing import Any

from licet_events.json_schema import merge_null

Json = dict[str, Any]

REQUIRED = "x-licet-required"
"""Marks a parameter that a request needs although its absence has an answer of its own, such as 428."""

_VERBS = {"get": "get", "post": "load", "put": "put", "patch": "update", "delete": "delete", "head": "head"}
_PARAMETER = re.compile(r"\{[^}]*\}(\.[a-z]+)?")


def operation_id(method: str, path: str, operation: Json) -> str:
    """Return the name of an operation, such as `createHolder`, `listCredentialTypes` or `approveEnrolment`.

    It follows from method and path, so that it stays the same whatever the function is called.
    """
    steps = [step for step in path.split("/") if step and step != "v1"]
    *owners, last = [step for step in steps if not _PARAMETER.fullmatch(step)]
    owner = "".join(_pascal(_singular(step)) for step in owners)
    if _PARAMETER.fullmatch(steps[-1]):
        return _VERBS[method] + owner + _pascal(_singular(last))
    if method == "get":
        return ("list" if _is_list(operation) else "get") + owner + _pascal(last)
    if method != "post":
        return _VERBS[method] + owner + _pascal(last)
    if _is_noun(last):
        return "create" + owner + _pascal(_singular(last))
    of_all = len(steps) > 1 and not _PARAMETER.fullmatch(steps[-2])
    return _camel(last) + ("".join(map(_pascal, owners)) if of_all else owner)


def _is_list(operation: Json) -> bool:
    content = operation["responses"].get("200", {}).get("content", {})
    schema = content.get("application/json", {}).get("schema", {})
    return str(schema.get("$ref", "")).rsplit("/", 1)[-1].startswith("Page_")


def _is_noun(word: str) -> bool:
    return word.endswith("s") or word in {"bulk", "csv"}


def _singular(word: str) -> str:
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") else word


def _pascal(word: str) -> str:
    return "".join(part.capitalize() for part in re.split(r"[-_]", word))


def _camel(word: str) -> str:
    pascal = _pascal(word)
    return pascal[0].lower() + pascal[1:]


def make_readable(document: Json) -> None:
    """Bring an OpenAPI 3.1 document into that form, in place.

    Raises `ValueError` if two operations would have one id.
    """
    seen: set[str] = set()
    schemas = document.get("components", {}).get("schemas", {})
    for path, operations in document.get("paths", {}).items():
        for method, operation in operations.items():
            if method not in _VERBS:
                continue
            operation["operationId"] = operation_id(method, path, operation)
            if operation["operationId"] in seen:
                raise ValueError(f"Two operations are called {operation['operationId']}.")
            seen.add(operation["operationId"])
            for parameter in operation.get("parameters", ()):
                _simplify(parameter)
            for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
                content["schema"] = _without_null(content["schema"])
                if media_type == "multipart/form-data":
                    _name_form(content, schemas, operation["operationId"])
    merge_null(document)


def _simplify(parameter: Json) -> None:
    """Let an optional parameter be absent rather than null: no URL and no header has a null."""
    schema = _without_null(parameter["schema"])
    if schema.pop(REQUIRED, False):
        parameter["required"] = True
    parameter["schema"] = schema


def _without_null(schema: Json) -> Json:
    members = schema.get("anyOf", ())
    rest = [each for each in members if each.get("type") != "null"]
    if len(rest) == len(members):
        return schema
    kept = {name: value for name, value in schema.items() if name != "anyOf"}
    if len(rest) > 1:
        return kept | {"anyOf": rest}
    return dict(rest[0]) if "$ref" in rest[0] else kept | rest[0]


def _name_form(content: Json, schemas: Json, operation: str) -> None:
    """Call the fields of a form after the operation that takes them."""
    schema = content["schema"]
    if "$ref" in schema:
        schema = schemas.pop(schema["$ref"].rsplit("/", 1)[-1])
    name = f"{operation[0].upper()}{operation[1:]}Form"
    schemas[name] = {**schema, "title": name}
    content["schema"] = {"$ref": f"#/components/schemas/{name}"}
