"""`licet demo` runs the main job, and says so when a step falls short."""

import pytest

from licet_cli.client import ServiceClient


@pytest.mark.timeout(480)
def test_the_demo_brings_every_step_of_the_main_job(cli):
    done = cli("demo")
    assert done.code == 0, done
    assert done.err.splitlines()[-1] == "Every step brought what it promises."
    assert done.err.count("\n   ok  ") > 40


def test_the_demo_ends_with_1_at_the_first_step_that_falls_short(inside, monkeypatch):
    """A service that answers the registration of a holder with another version than the first."""
    honest = ServiceClient.post

    def post(client, path, body=None, **options):
        return {**honest(client, path, body, **options), "version": 7}

    monkeypatch.setattr(ServiceClient, "post", post)
    ended = inside("demo")
    assert ended.code == 1
    first, last = ended.err.splitlines()
    assert first == "Register a holder with a manager."
    assert last.startswith("licet: fell short: holder ")
