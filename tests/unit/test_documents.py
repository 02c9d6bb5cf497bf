"""Every path, link, command and target that a document names exists."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer.main

from licet_cli.main import group as licet

ROOT = Path(__file__).parents[2]
DOCUMENTS = [
    ROOT / "README.md",
    ROOT / "libs" / "events" / "README.md",
    *sorted(file for file in (ROOT / "docs").rglob("*.md") if "reference" not in file.parts),
]
CODE = re.compile(r"`([^`\n]+)`|^ *(licet .*|make [a-z-]+(?: ARGS.*)?)$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
PATH = re.compile(r"(?:libs|services|tests|docs|deploy|licet_\w+)/[\w./-]*\w/?")
MEMBERS = {file.name: file for file in ROOT.glob("*/*/src/licet_*")}


def named(document: Path) -> Iterator[str]:
    """The pieces of code in a document: between backticks, and commands on lines of their own."""
    for found in CODE.finditer(document.read_text(encoding="utf-8")):
        yield found[1] or found[2]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_links_lead_somewhere(document):
    links = LINK.findall(document.read_text(encoding="utf-8"))
    inside = [link for link in links if "://" not in link and not link.startswith("mailto:")]
    assert [link for link in inside if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_paths_exist(document):
    missing = []
    for code in named(document):
        if not PATH.fullmatch(code):
            continue
        first, _, rest = code.partition("/")
        if not (MEMBERS.get(first, ROOT / first) / rest).exists():
            missing.append(code)
    assert missing == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda file: str(file.relative_to(ROOT)))
def test_commands_and_targets_exist(document):
    licet_command = typer.main.get_command(licet)
    context = typer.Context(licet_command)
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    missing = []
    for code in named(document):
        words = code.split()
        if words[:1] == ["make"] and len(words) > 1 and re.fullmatch("[a-z-]+", words[1]):
            missing += [code] if words[1] not in targets else []
        if words[:1] != ["licet"] or len(words) < 2 or not re.fullmatch("[a-z-]+", words[1]):
            continue
        command = licet_command.get_command(context, words[1])  # type: ignore[attr-defined]  # it is a group
        parts = getattr(command, "commands", None)
        second = words[2] if len(words) > 2 and re.fullmatch("[a-z-]+", words[2]) else None
        missing += [] if command and (parts is None or second is None or second in parts) else [code]
    assert missing == []


def test_the_list_of_decisions_is_whole():
    directory = ROOT / "docs" / "decisions"
    listed = set(LINK.findall((directory / "README.md").read_text(encoding="utf-8")))
    assert listed == {file.name for file in directory.glob("*.md")} - {"README.md"}
