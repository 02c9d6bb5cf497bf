"""`licet demo` runs the main job, and says so when a step falls short."""

import pytest

from licet_cli import main
from licet_cli.client import ServiceClient


@pytest.mark.timeout(240)
def test_the_demo_brings_every_step_of_the_main_job(cli):
    done = cli("demo")
    assert done.code == 0, done
    assert done.err.splitlines()[-1] == "Every step brought what it promises."
    assert done.err.count("\n   ok  ") > 40


def test_the_demo_ends_with_1_at_the_first_step_that_falls_short(run, monkeypatch, capfd):
    """A service that answers the registration of a holder with another version than the first."""
    honest = ServiceClient.post

    def post(client, path, body=None, **options):
        return {**honest(client, path, body, **options), "version": 7}

    monkeypatch.setattr(ServiceClient, "post", post)
    monkeypatch.setenv("LICET_RUN_DIR", run.environment["LICET_RUN_DIR"])
    monkeypatch.setattr("sys.argv", ["licet", "demo"])
    with pytest.raises(SystemExit) as ended:
        main.app()
    assert ended.value.code == 1
    said = capfd.readouterr().err.splitlines()
    assert said[0] == "Register a holder with a manager."
    assert said[-1].startswith("licet: fell short: holder ")
    assert len(said) == 2
