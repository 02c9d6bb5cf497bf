"""The OpenAPI documents make clients with readable names in any language."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

DOCUMENTS = sorted(Path("docs/reference/openapi").glob("*.json"))

each_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem, indirect=True)


@pytest.fixture
def document(request: pytest.FixtureRequest) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads(request.param.read_text(encoding="utf-8"))
    return loaded


def operations(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for path in document["paths"].values():
        yield from path.values()


@each_document
def test_operations_have_short_names_of_their_own(document):
    names = [operation["operationId"] for operation in operations(document)]
    assert len(set(names)) == len(names)
    assert all(name.isalnum() and name[0].islower() and len(name) <= 40 for name in names)


@each_document
def test_no_component_is_called_after_a_module_or_a_direction(document):
    assert [name for name in document["components"]["schemas"] if "__" in name or "-" in name] == []


@each_document
def test_every_json_body_has_a_name(document):
    for operation in operations(document):
        content = operation.get("requestBody", {}).get("content", {}).get("application/json")
        # An xAPI statement is described by its own specification.
        if content is not None and content["schema"] != {}:
            assert set(content["schema"]) == {"$ref"}, operation["operationId"]


@each_document
def test_a_change_needs_if_match_with_the_form_of_an_entity_tag(document):
    for operation in operations(document):
        for parameter in operation.get("parameters", ()):
            assert "anyOf" not in parameter["schema"] or {"type": "null"} not in parameter["schema"]["anyOf"]
            if parameter["name"] == "If-Match":
                assert parameter["schema"]["pattern"].startswith('^"')
                assert parameter["required"] or not operation["operationId"].startswith("update")
