"""What is written about settings and scopes is what the code says."""

import re
from pathlib import Path

import pytest

from licet_cli import settings_table
from licet_cli.embedded.issuer import SCOPES
from licet_cli.embedded.state import SERVICES

ROOT = Path(__file__).parents[3]

NO_SETTINGS = {
    "LICET_SECRETS_DIR",  # where settings are read from
    # What the Compose files put into settings, or into the servers beside them.
    "LICET_IMAGE",
    "LICET_ISSUER_SECRET",
    "LICET_POSTGRES_PASSWORD",
    "LICET_SECRETS",
    "LICET_COMPOSE_ISSUER",
}


def _settings() -> set[str]:
    classes = [settings_table.settings_class(service) for service in SERVICES]
    return {f"LICET_{name.upper()}" for one in classes for name in one.model_fields}


def test_the_page_describes_every_setting():
    rows = re.findall(r"^\| `(LICET_\w+)` \| (.*) \| (.*) \|$", settings_table.page(), re.MULTILINE)
    assert {variable for variable, _, _ in rows} == _settings()
    assert [variable for variable, _, words in rows if not words] == []


def test_the_committed_page_matches_the_code():
    assert (ROOT / settings_table.FILE).read_text(encoding="utf-8") == settings_table.page()


def test_a_page_that_differs_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["settings_table"])
    assert settings_table.main() == 0
    monkeypatch.setattr("sys.argv", ["settings_table", "--check"])
    assert settings_table.main() == 0
    settings_table.FILE.write_text("something else", encoding="utf-8")
    assert settings_table.main() == 1
    assert "run make generate" in capsys.readouterr().err


@pytest.mark.parametrize(
    "file",
    [
        "docs/deploying.md",
        "docker-compose.yml",
        "docker-compose.demo.yml",
        "docker-compose.secrets.yml",
        "deploy/Dockerfile",
    ],
)
def test_every_variable_that_is_named_exists(file):
    named = set(re.findall(r"LICET_[A-Z0-9_]*[A-Z0-9]", (ROOT / file).read_text(encoding="utf-8")))
    assert named
    assert named - _settings() - NO_SETTINGS == set()


def test_the_page_lists_every_scope_that_an_issuer_must_know():
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\w+:\w+)` \|", text, re.MULTILINE) == list(SCOPES)
