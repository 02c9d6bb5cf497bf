"""Logs are one JSON line per event, with ids and without secrets or people."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from licet_chassis.cause import Cause
from licet_chassis.telemetry import PERSONAL, REDACTED, bind_trace, configure_logging, redact


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """What a test configures ends with it."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:], root.level = handlers, level
    structlog.configure(**configured)
    structlog.contextvars.clear_contextvars()


def lines(stderr: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in stderr.readouterr().err.splitlines()]


def test_event_is_one_json_line_with_service_level_and_time(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(service="credentials")
    structlog.get_logger("licet.test").info("outbox.producer_rebuilt", attempts=3)
    [line] = lines(capsys)
    assert line["event"] == "outbox.producer_rebuilt"
    assert (line["service"], line["level"], line["logger"], line["attempts"]) == (
        "credentials", "info", "licet.test", 3,
    )  # fmt: skip
    assert str(line["at"]).endswith("Z")


def test_lines_carry_the_ids_of_what_they_are_about(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(service="credentials")
    bind_trace(Cause("user:u-1", "c-1", None, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
    structlog.get_logger().info("x")
    logging.getLogger("uvicorn.error").warning("heartbeat failed")
    for line in lines(capsys):
        assert line["correlation_id"] == "c-1"
        assert line["trace_id"] == "0af7651916cd43dd8448eb211c80319c"


@pytest.mark.parametrize("name", ["uvicorn.error", "alembic", "faststream"])
def test_libraries_log_in_the_same_form(capsys: pytest.CaptureFixture[str], name: str) -> None:
    logging.getLogger(name).addHandler(logging.StreamHandler())
    configure_logging(service="credentials")
    logging.getLogger(name).warning("from %s to %d", "alice@example.org", 7)
    [line] = lines(capsys)
    assert line["event"] == f"from {PERSONAL} to 7"
    assert (line["service"], line["logger"]) == ("credentials", name)


def test_aiokafka_is_quiet_while_a_broker_is_away(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(service="credentials", level="debug")
    logging.getLogger("aiokafka").error("Unable connect to node with id 1")
    logging.getLogger("aiokafka.consumer.fetcher").error("Failed fetch messages from 1")
    assert lines(capsys) == []


def test_level_holds_for_us_and_libraries(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(service="credentials", level="warning")
    structlog.get_logger("licet.test").info("quiet")
    logging.getLogger("uvicorn.error").info("quiet")
    structlog.get_logger("licet.test").warning("loud")
    assert [line["event"] for line in lines(capsys)] == ["loud"]


def test_exception_is_in_the_line_with_its_addresses_taken_out(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(service="credentials")
    try:
        raise ValueError("Key (email)=(alice@example.org) exists at postgresql://licet:hunter2@db/licet")
    except ValueError:
        structlog.get_logger().exception("x.failed")
    [line] = lines(capsys)
    assert "ValueError" in str(line["exception"])
    assert "test_telemetry.py" in str(line["exception"])
    assert "alice" not in str(line)
    assert "hunter2" not in str(line)


def test_plain_format_is_for_people_and_as_careful(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logging(service="credentials", log_format="plain")
    structlog.get_logger().info("x.happened", password="hunter2", to="alice@example.org")
    text = capsys.readouterr().err
    assert "x.happened" in text
    assert not text.startswith("{")
    assert "hunter2" not in text
    assert "alice" not in text


@pytest.mark.parametrize(
    ("key", "value", "shown"),
    [
        ("password", "hunter2", REDACTED),
        ("kafka_password", "hunter2", REDACTED),
        ("Authorization", "Bearer abc", REDACTED),
        ("access_token", "abc", REDACTED),
        ("client_secret", "abc", REDACTED),
        ("api_key", "abc", REDACTED),
        ("set-cookie", "abc", REDACTED),
        ("email", "not even an address", PERSONAL),
        ("phone", "+49 30 1234", PERSONAL),
        ("recipient", "alice@example.org", PERSONAL),
        ("number", "L-1234", PERSONAL),
        ("to", ["alice@example.org"], PERSONAL),
        ("reason", "no such user alice.b+c@mail.example.org here", f"no such user {PERSONAL} here"),
        ("url", "postgresql://licet:hunter2@db:5432/x", f"postgresql://{REDACTED}@db:5432/x"),
        ("url", "amqp://:hunter2@db", f"amqp://{REDACTED}@db"),
        ("header", "got eyJhbGciOi.eyJzdWIi.c2ln in", f"got {REDACTED} in"),
        ("value", b"alice@example.org", "<17 bytes>"),
        (
            "nested",
            {"a": [{"password": "x", "note": "b@c.org"}]},
            {"a": [{"password": REDACTED, "note": PERSONAL}]},
        ),
        ("error", ValueError("for alice@example.org"), f"for {PERSONAL}"),
        ("tokens", 3, 3),
        ("url", "https://issuer.test/.well-known/jwks.json", "https://issuer.test/.well-known/jwks.json"),
        ("at", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"),
        ("holder_id", "0190b5a8-0000-7000-8000-000000000000", "0190b5a8-0000-7000-8000-000000000000"),
        ("missing", None, None),
    ],
)
def test_secrets_and_people_are_taken_out_and_the_rest_stays(key: str, value: object, shown: object) -> None:
    assert redact(None, "info", {key: value}) == {key: shown}
