"""Bodies of PATCH in the OpenAPI documents say nothing that a generated client would send unasked."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DOCUMENTS = sorted((Path(__file__).parents[2] / "docs" / "reference" / "openapi").glob("*.json"))


def _patch_bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, operations in document["paths"].items():
        for kind, content in operations.get("patch", {}).get("requestBody", {}).get("content", {}).items():
            yield f"{path} {kind}", content["schema"]


def _schemas_within(
    schema: Any, document: dict[str, Any], at: str, within: frozenset[str] = frozenset()
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object below a schema with its path; references are followed, each once on a path."""
    if isinstance(schema, dict):
        yield at, schema
        for name, below in schema.items():
            yield from _schemas_within(below, document, f"{at}/{name}", within)
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in within:
            target = document
            for step in reference.removeprefix("#/").split("/"):
                target = target[step]
            yield from _schemas_within(target, document, at, within | {reference})
    elif isinstance(schema, list):
        for number, below in enumerate(schema):
            yield from _schemas_within(below, document, f"{at}/{number}", within)


@pytest.fixture(params=DOCUMENTS, ids=lambda path: path.stem)
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    read: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return read


def test_no_property_of_a_merge_patch_has_a_default(document: dict[str, Any]) -> None:
    with_default = [
        at
        for body, schema in _patch_bodies(document)
        for at, below in _schemas_within(schema, document, body)
        if "default" in below and not at.endswith("/properties")
    ]
    assert with_default == []


def test_every_array_of_a_merge_patch_can_be_cleared_by_null(document: dict[str, Any]) -> None:
    never_null = [
        f"{body} {name}"
        for body, schema in _patch_bodies(document)
        for _, below in [next(_schemas_within(schema, document, body))]
        for name, of_property in _resolved(below, document).get("properties", {}).items()
        if of_property.get("type") == "array"
    ]
    assert never_null == []


def _resolved(schema: dict[str, Any], document: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in schema:
        schema = document["components"]["schemas"][schema["$ref"].rsplit("/", 1)[-1]]
    return schema


def test_the_documents_have_merge_patches_to_look_at() -> None:
    bodies = [body for file in DOCUMENTS for body, _ in _patch_bodies(json.loads(file.read_text("utf-8")))]
    assert len(bodies) >= 4
