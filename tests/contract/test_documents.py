"""Every link, path, module, target and command that a document names exists."""

import re
from pathlib import Path
from typing import Any

import pytest
import typer.main

from licet_cli.main import group as licet

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([ROOT / "README.md", ROOT / "libs/events/README.md", *ROOT.glob("docs/**/*.md")])
SERVICES = ("credentials", "certifications", "scheduler", "notifier")
BASES = (
    "", "docs", "deploy", "tests", "tests/integration/credentials",
    "libs/chassis/src", "libs/chassis/src/licet_chassis", "libs/cli/src", "libs/cli/src/licet_cli",
    "libs/events/src", "libs/events/src/licet_events",
    *(f"services/{name}/src" for name in SERVICES),
    *(f"services/{name}/src/licet_{name}" for name in SERVICES),
)  # fmt: skip
"""Where a document's paths may begin."""
_PATH = re.compile(r"`([\w.-]+(?:/[\w.-]+)*(?:/|\.(?:py|sql|md|toml|yaml|yml|json)))(?:::\w+)?`")
_MODULE = re.compile(r"python -m (licet_\w+(?:\.\w+)*)")
_TARGET = re.compile(r"`make (\w[\w-]*)")
_COMMAND = re.compile(r"(?:`|^|\$ )licet ([a-z][\w-]*)(?: ([a-z][a-z-]*)(?![\w./-]))?", re.MULTILINE)
_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
_ELSEWHERE = {
    "data.json": "a file in the copy for a person",
    "originals/": "a folder in the copy for a person",
    "licences.csv.report.csv": "a report that a command writes",
}


def names_of(document: Path, pattern: re.Pattern[str]) -> list[Any]:
    return sorted(set(pattern.findall(document.read_text(encoding="utf-8"))))


def exists(path: str, near: Path) -> bool:
    if any((ROOT / base / path).exists() for base in BASES) or (near / path).exists():
        return True
    # A bare name, such as `model.py`, stands for a room that several folders have.
    return "/" not in path.rstrip("/") and any(
        True
        for top in ("libs", "services", "tests", "docs", "deploy")
        for _ in (ROOT / top).rglob(path.rstrip("/"))
    )


@pytest.fixture(params=DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def document(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def test_every_path_that_a_document_names_exists(document: Path) -> None:
    missing = [
        path
        for path in names_of(document, _PATH)
        if path not in _ELSEWHERE and not exists(path, document.parent)
    ]
    assert missing == []


def test_every_link_of_a_document_leads_to_a_file(document: Path) -> None:
    missing = [link for link in names_of(document, _LINK) if not (document.parent / link).exists()]
    assert missing == []


def test_every_module_and_make_target_that_a_document_names_exists(document: Path) -> None:
    sources = [ROOT / base for base in BASES if base.endswith("src")]
    missing = [
        module
        for module in names_of(document, _MODULE)
        if not any(
            (source / module.replace(".", "/")).is_dir()
            or (source / f"{module.replace('.', '/')}.py").exists()
            for source in sources
        )
    ]
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    missing += [f"make {target}" for target in names_of(document, _TARGET) if target not in targets]
    assert missing == []


def test_every_command_of_licet_that_a_document_names_exists(document: Path) -> None:
    root = typer.main.get_command(licet)
    context = typer.Context(root)
    missing = []
    for name, part in names_of(document, _COMMAND):
        command = root.get_command(context, name)  # type: ignore[attr-defined]  # it is a group
        parts = getattr(command, "commands", None)
        if command is None or (part and parts is not None and part not in parts):
            missing.append(f"licet {name} {part}".rstrip())
    assert missing == []


def test_the_list_of_decisions_is_whole() -> None:
    directory = ROOT / "docs" / "decisions"
    listed = set(names_of(directory / "README.md", _LINK))
    assert listed == {file.name for file in directory.glob("*.md")} - {"README.md"}
