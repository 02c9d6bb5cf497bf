"""`licet requirements`: what a file of rules would change, and that applying it twice changes nothing."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from licet_cli.client import CommandFailed
from licet_cli.rules import changes_of, read_rules

NOW = datetime(2026, 6, 1, 23, tzinfo=UTC)

RULES = """
[[requirement]]
code = "nurses"
target = "role:nurse"
effective_from = 2026-01-01
expression.all_of = ["rn", { any_of = ["acls", "pals"] }, { type = "bls", verified_within_days = 90 }]

[[requirement]]
code = "drivers"
target = "role:driver"
effective_from = 2026-01-01
effective_until = 2026-12-31
severity = "advisory"
expression.any_of = ["licence"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "rules.toml"
    path.write_text(RULES, encoding="utf-8")
    return path


def made(rules: dict[str, dict[str, Any]], **changes: Any) -> list[dict[str, Any]]:
    return [{"id": code, "version": 1, "time_zone": "UTC", **rule, **changes} for code, rule in rules.items()]


def test_missing_rules_are_created_and_existing_ones_stay(file):
    rules = read_rules(file)
    assert [one.action for one in changes_of(rules, [], prune=False, now=NOW)] == ["create", "create"]
    again = changes_of(rules, made(rules), prune=True, now=NOW)
    assert [one.action for one in again] == ["unchanged", "unchanged"]
    assert rules["nurses"]["effective_from"] == "2026-01-01"


def test_only_the_fields_that_differ_are_changed(file):
    rules = read_rules(file)
    present = made(rules)
    present[0]["expression"] = {"all_of": ["rn"]}
    present[1]["code"] = "DRIVERS"
    first, second = changes_of(rules, present, prune=False, now=NOW)
    assert (first.action, set(first.fields), first.version) == ("change", {"expression"}, 1)
    assert second.action == "unchanged"


def test_rules_missing_from_the_file_are_kept_or_ended(file):
    rules = read_rules(file)
    other = made({"others": rules["nurses"] | {"code": "others"}})
    nameless = made({"": rules["nurses"] | {"code": None}})
    kept = changes_of({}, [*other, *nameless], prune=False, now=NOW)
    assert [(one.code, one.action) for one in kept] == [("others", "kept")]
    (ended,) = changes_of({}, other, prune=True, now=NOW)
    assert (ended.action, list(ended.fields)) == ("end", ["effective_until"])
    over = made({"others": rules["nurses"] | {"code": "others", "effective_until": "2026-02-01"}})
    assert changes_of({}, over, prune=True, now=NOW)[0].action == "kept"


def test_what_is_pruned_ends_with_today_in_its_zone_and_stays_ended(file):
    rules = read_rules(file)
    others = made({"others": rules["nurses"] | {"code": "others"}}, time_zone="Europe/Berlin")
    later = made({"later": rules["nurses"] | {"code": "later", "effective_from": "2026-09-01"}})
    present = [*others, *later]
    ends = [one.fields["effective_until"] for one in changes_of({}, present, prune=True, now=NOW)]
    assert ends == [(None, "2026-06-02"), (None, "2026-09-01")]
    for one, (_, last) in zip(present, ends, strict=True):
        one["effective_until"] = last
    assert {one.action for one in changes_of({}, present, prune=True, now=NOW)} == {"kept"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[[requirement]", "is not TOML"),
        ("rules = 1", "nothing else"),
        ('[[requirement]]\ncode = "a"', "requirement 1 lacks effective_from, expression, target"),
        (RULES + 'colour = "red"', "requirement 2 has colour"),
        (RULES.replace('"drivers"', '"Nurses"'), "which another one has already"),
    ],
)
def test_an_invalid_file_is_refused_with_the_position_of_the_error(file, text, words):
    file.write_text(text, encoding="utf-8")
    with pytest.raises(CommandFailed, match=words):
        read_rules(file)


def test_a_target_never_changes(file):
    rules = read_rules(file)
    with pytest.raises(CommandFailed, match="stays so for ever"):
        changes_of(rules, made(rules, target="role:other"), prune=False, now=NOW)
