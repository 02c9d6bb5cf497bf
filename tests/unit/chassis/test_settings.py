"""What is wrong with the settings is said in sentences, with names and without values."""

import os
from pathlib import Path

import pytest

from licet_chassis.settings import ServiceSettings, describe_problems

GOOD = {
    "LICET_DATABASE_URL": "postgresql://licet:hunter2@db:5432/credentials",
    "LICET_KAFKA_URL": "kafka-1:9092,kafka-2:9092",
    "LICET_ISSUER_URL": "https://login.example.org/realms/licet",
}


@pytest.fixture(autouse=True)
def good_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.upper().startswith("LICET_"):
            monkeypatch.delenv(name)
    for name, value in GOOD.items():
        monkeypatch.setenv(name, value)


def test_good_settings_have_no_problems_and_sensible_defaults() -> None:
    assert describe_problems(ServiceSettings) == []
    settings = ServiceSettings()
    assert settings.direct_url == settings.database_url
    assert (settings.clock, settings.environment, settings.default_time_zone) == ("real", "production", "UTC")


def test_secrets_are_not_in_the_text_of_the_settings() -> None:
    assert "hunter2" not in repr(ServiceSettings())
    assert "hunter2" not in str(ServiceSettings().model_dump())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (
            "LICET_DATABASE_URL",
            None,
            "LICET_DATABASE_URL is missing: postgresql://user:password@host:port/name.",
        ),
        ("LICET_KAFKA_URL", None, "LICET_KAFKA_URL is missing: host:port,host:port."),
        ("LICET_KAFKA_URL", "", "LICET_KAFKA_URL is missing: host:port,host:port."),
        ("LICET_ISSUER_URL", None, "LICET_ISSUER_URL is missing"),
        (
            "LICET_DATABASE_URL",
            "mysql://licet:hunter2@db",
            "LICET_DATABASE_URL: must begin with postgresql://.",
        ),
        ("LICET_DATABASE_DIRECT_URL", "hunter2", "LICET_DATABASE_DIRECT_URL: must begin with postgresql://."),
        ("LICET_KAFKA_URL", "kafka", "LICET_KAFKA_URL: must be host:port, several separated by commas."),
        (
            "LICET_KAFKA_URL",
            "kafka:9092,",
            "LICET_KAFKA_URL: must be host:port, several separated by commas.",
        ),
        ("LICET_ISSUER_URL", "login.example.org", "LICET_ISSUER_URL: must begin with https://"),
        ("LICET_PORT", "http", "LICET_PORT: "),
        ("LICET_PORT", "70000", "LICET_PORT: "),
        (
            "LICET_DEFAULT_TIME_ZONE",
            "Mars/Base",
            "LICET_DEFAULT_TIME_ZONE: 'Mars/Base' is not an IANA time zone",
        ),
        ("LICET_CLOCK", "stopped", "LICET_CLOCK: "),
        ("LICET_CLOCK", "movable", "LICET_CLOCK=movable is refused where LICET_ENVIRONMENT is production"),
        ("LICET_KAFKA_SECURITY", "sasl_ssl", "LICET_KAFKA_SECURITY=sasl_ssl needs LICET_KAFKA_USERNAME"),
        ("LICET_DATABASE_POOL_MIN", "50", "LICET_DATABASE_POOL_MIN is larger than LICET_DATABASE_POOL_MAX"),
        ("LICET_SECRETS_DIR", "/nowhere/at/all", "LICET_SECRETS_DIR names a directory that is not there."),
    ],
)
def test_problem_is_said_with_the_variable_and_without_the_secret(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str | None, sentence: str
) -> None:
    if value is None:
        monkeypatch.delenv(name)
    else:
        monkeypatch.setenv(name, value)
    problems = describe_problems(ServiceSettings)
    assert len(problems) == 1
    assert problems[0].startswith(sentence)
    assert problems[0].endswith(".")
    assert "hunter2" not in problems[0]


def test_every_problem_is_said_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in GOOD:
        monkeypatch.delenv(name)
    monkeypatch.setenv("LICET_PORT", "x")
    assert len(describe_problems(ServiceSettings)) == 4


@pytest.mark.parametrize("environment", ["embedded", "demo"])
def test_clock_may_be_movable_where_nobody_is_mailed(
    monkeypatch: pytest.MonkeyPatch, environment: str
) -> None:
    monkeypatch.setenv("LICET_CLOCK", "movable")
    monkeypatch.setenv("LICET_ENVIRONMENT", environment)
    assert describe_problems(ServiceSettings) == []


def test_secret_comes_from_a_file_where_no_variable_has_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "licet_database_url").write_text("postgresql://from-file/x\n")
    monkeypatch.setenv("LICET_SECRETS_DIR", str(tmp_path))
    assert ServiceSettings().database_url.get_secret_value() == GOOD["LICET_DATABASE_URL"]
    monkeypatch.delenv("LICET_DATABASE_URL")
    assert ServiceSettings().database_url.get_secret_value() == "postgresql://from-file/x"


def test_problem_in_a_secret_file_does_not_show_it(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "licet_database_url").write_text("hunter2")
    monkeypatch.setenv("LICET_SECRETS_DIR", str(tmp_path))
    monkeypatch.delenv("LICET_DATABASE_URL")
    assert describe_problems(ServiceSettings) == ["LICET_DATABASE_URL: must begin with postgresql://."]
