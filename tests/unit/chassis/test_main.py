"""The command line of a service, as far as it needs no server."""

import pytest

from licet_chassis.main import run
from licet_chassis.settings import ServiceSettings

GOOD = {
    "LICET_DATABASE_URL": "postgresql://user:secret@localhost/db",
    "LICET_KAFKA_URL": "localhost:9092",
    "LICET_ISSUER_URL": "https://issuer.example.org",
}


def never(_settings):
    raise AssertionError("a check makes no service")


@pytest.mark.parametrize("arguments", [["check"], ["serve", "--check"]])
def test_a_check_says_that_the_settings_are_in_order_and_starts_nothing(arguments, monkeypatch, capsys):
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    assert run("licet_sample", ServiceSettings, never, arguments) == 0
    assert "in order" in capsys.readouterr().out


@pytest.mark.parametrize("arguments", [["check"], ["serve", "--check"]])
def test_a_check_names_what_is_wrong_without_showing_a_secret(arguments, monkeypatch, capsys):
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("LICET_DATABASE_URL", "mysql://user:secret@localhost/db")
    assert run("licet_sample", ServiceSettings, never, arguments) == 2
    told = capsys.readouterr().err
    assert "LICET_DATABASE_URL" in told
    assert "secret" not in told
