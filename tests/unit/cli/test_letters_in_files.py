"""Templates in files: exported, edited, compared and applied."""

from pathlib import Path
from typing import Any

import pytest

from licet_cli.letters import BadFiles, changes_of, read_files, write_files

EVENT = "credential.expiring"


def variant(label: str, subject: str = "Ends soon", **conditions: Any) -> dict[str, Any]:
    empty = dict.fromkeys(("language", "recipient", "type", "steps", "channel"))
    return {"label": label, **empty, **conditions, "subject": subject, "text": "a\nb", "html": "<p>a</p>\n"}


class Notifier:
    def __init__(self, own: list[dict[str, Any]], shipped: list[dict[str, Any]]) -> None:
        self.answer = {"variants": own, "shipped": shipped}

    def get(self, _path: str) -> dict[str, Any]:
        return self.answer


ENGLISH, GERMAN = variant("en", language="en"), variant("de", "Endet bald", language="de")


def changed(own: list[dict[str, Any]], folder: Path) -> list[Any]:
    return list(changes_of(Notifier(own, [ENGLISH, GERMAN]), read_files(folder)))  # type: ignore[arg-type]  # a stand-in


def test_what_was_exported_and_not_edited_changes_nothing(tmp_path):
    own = variant("de.holder.steps-30-7", language="de", recipient="holder", steps={"from": 30, "to": 7})
    assert len(list(write_files(tmp_path, EVENT, [ENGLISH, GERMAN, own]))) == 3
    assert changed([own], tmp_path) == []


def test_only_what_was_edited_is_saved_and_shown(tmp_path):
    list(write_files(tmp_path, EVENT, [ENGLISH, GERMAN]))
    (tmp_path / EVENT / "de" / "subject.txt").write_text("Läuft bald ab\n", "utf-8")
    (change,) = changed([], tmp_path)
    assert [each["language"] for each in change.variants] == ["de"]
    assert change.variants[0]["subject"] == "Läuft bald ab"
    assert "+Läuft bald ab" in change.lines
    assert f"--- a/{EVENT}/de/subject.txt" in change.lines
    assert "-Endet bald" in change.lines
    assert len(change.lines) == 5


def test_a_variant_without_files_is_taken_away(tmp_path):
    list(write_files(tmp_path, EVENT, [ENGLISH]))
    (change,) = changed([variant("fr", language="fr")], tmp_path)
    assert change.variants == []


def test_a_missing_or_wrong_file_is_named(tmp_path):
    with pytest.raises(BadFiles, match="no folder of an event"):
        read_files(tmp_path)
    (home,) = write_files(tmp_path, EVENT, [ENGLISH])
    (home / "variant.json").write_text('{"colour": "red"}', "utf-8")
    with pytest.raises(BadFiles, match="may name language"):
        read_files(tmp_path)
    (home / "body.txt").unlink()
    with pytest.raises(BadFiles, match=r"body\.txt can't be read"):
        read_files(tmp_path)
