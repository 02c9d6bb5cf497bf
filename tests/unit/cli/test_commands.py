"""The command line itself: what it lists, and what a smaller installation says."""

import sys

import pytest

from licet_cli.main import app


def _run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["licet", *arguments])
    with pytest.raises(SystemExit) as ended:
        app()
    return ended.value.code


@pytest.fixture
def production(monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation without the servers of the embedded run."""
    for name in [name for name in sys.modules if name.startswith("licet_cli.embedded.run")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.delitem(sys.modules, "licet_cli.commands.up", raising=False)
    monkeypatch.setitem(sys.modules, "licet_cli.embedded.run", None)


def test_help_lists_every_command_without_the_embedded_servers(monkeypatch, capsys, production):
    assert _run(monkeypatch, "--help") == 0
    shown = capsys.readouterr().out
    for command in ("up", "topics", "import", "why"):
        assert f" {command} " in shown


def test_a_command_that_lacks_the_embedded_servers_says_what_to_install(monkeypatch, capsys, production):
    assert _run(monkeypatch, "up", "--data", "x") == 1
    assert "needs the package licet_cli.embedded.run; install licet-cli[embedded]" in capsys.readouterr().err
