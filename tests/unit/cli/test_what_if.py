"""What `licet what-if` reads and shows."""

from pathlib import Path
from typing import Any

import pytest

from licet_cli.client import CommandFailed
from licet_cli.commands.what_if import read_changes, text_of


def file_with(folder: Path, name: str, text: str) -> Path:
    file = folder / name
    file.write_text(text, encoding="utf-8")
    return file


def test_dates_of_toml_are_sent_as_the_interface_has_them(tmp_path: Path):
    text = """
    [[changes]]
    kind = "requirement"
    target = "role:nurse"
    effective_from = 2027-01-01
    expression = { all_of = ["rn"] }
    """
    change = {
        "kind": "requirement", "target": "role:nurse", "effective_from": "2027-01-01",
        "expression": {"all_of": ["rn"]},
    }  # fmt: skip
    assert read_changes(file_with(tmp_path, "a.toml", text)) == {"changes": [change]}
    assert read_changes(file_with(tmp_path, "a.json", '{"changes": []}')) == {"changes": []}


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.toml", "[[changes]", "is not TOML"),
        ("a.json", "{", "is not JSON"),
        ("a.json", "[]", r"tables \[\[changes\]\]"),
        ("a.toml", "[[change]]\nkind = 'type'", "nothing else"),
    ],
)
def test_a_file_that_is_something_else_is_refused(tmp_path: Path, name: str, text: str, words: str):
    with pytest.raises(CommandFailed, match=words):
        read_changes(file_with(tmp_path, name, text))


def test_the_answer_says_who_when_and_why():
    group = [{"value": None, "ineligible": 1, "warning": 0}]
    counts: dict[str, Any] = {
        "ineligible": 1, "warning": 0, "shifts": 1, "by_team": group, "by_location": [], "by_target": [],
    }  # fmt: skip
    worse = {
        "holder_id": "h-1", "target": "role:nurse", "at": "2027-01-01T00:00:00Z", "old_verdict": "eligible",
        "new_verdict": "ineligible", "new_reasons": [{"code": "missing", "type": "acls"}],
    }  # fmt: skip
    shift = {**worse, "external_id": "s-1", "start": "2027-01-02T06:00:00Z"}
    text = text_of({"id": "w-1", "total": 7, "counts": counts}, [worse], [shift])
    assert "Of 7 holders 1 would be ineligible" in text
    assert "none  1           0" in text
    assert "h-1     role:nurse  2027-01-01T00:00:00Z  eligible  ineligible  missing acls" in text
    assert "s-1    h-1     2027-01-02T06:00:00Z  ineligible  missing acls" in text
