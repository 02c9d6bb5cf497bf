"""Every list of the credentials service can be had as one CSV file."""

import json
from pathlib import Path

DOCUMENT = Path(__file__).parents[3] / "docs" / "reference" / "openapi" / "credentials.json"


def test_every_list_speaks_csv() -> None:
    paths = json.loads(DOCUMENT.read_text(encoding="utf-8"))["paths"]
    content = {
        path: operations["get"]["responses"]["200"]["content"]
        for path, operations in paths.items()
        # Those that every service has are the chassis'.
        if "get" in operations
        and "operations" not in operations["get"]["tags"]
        and "200" in operations["get"]["responses"]
    }
    lists = {
        path: set(kinds)
        for path, kinds in content.items()
        if "Page_" in kinds.get("application/json", {}).get("schema", {}).get("$ref", "")
    }
    assert len(lists) > 10
    assert [path for path, kinds in lists.items() if "text/csv" not in kinds] == []
