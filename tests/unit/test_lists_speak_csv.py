"""Every list of every service can be had as one CSV file."""

import json
from pathlib import Path

import pytest

DOCUMENTS = sorted((Path(__file__).parents[2] / "docs" / "reference" / "openapi").glob("*.json"))


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.stem)
def test_every_list_speaks_csv(document: Path) -> None:
    paths = json.loads(document.read_text(encoding="utf-8"))["paths"]
    content = {
        path: operations["get"]["responses"]["200"]["content"]
        for path, operations in paths.items()
        if "get" in operations and "200" in operations["get"]["responses"]
    }
    lists = {
        path: set(kinds)
        for path, kinds in content.items()
        if "Page_" in kinds.get("application/json", {}).get("schema", {}).get("$ref", "")
    }
    assert lists.keys() > {"/v1/parked", "/v1/erasures"}
    assert [path for path, kinds in lists.items() if "text/csv" not in kinds] == []
