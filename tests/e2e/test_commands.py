"""The command `licet` beside a run: what it shows, and how it refuses what makes no sense."""

import asyncio
import json
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import psutil
import pytest
from aiokafka import AIOKafkaProducer

from licet_cli.embedded.state import SERVICES
from licet_events import Topic
from licet_events.ids import uuid7
from support.running import Run, eventually

REPOSITORY = Path(__file__).parents[2]
SERVERS = ("kafka", "database", "s3", "smtp", "issuer")


@pytest.fixture(scope="module")
def licence(world):
    """A licence that time has already announced one step of, and a mail about it."""
    tag = f"cmd{world.now:%y%m%d%H%M}"
    world.type(f"type-{tag}", validity={"months": 12}, renewal_basis="from_expiry")
    holder = world.holder("Cora Mandt", email=f"cora-{tag}@example.org")
    licence = world.credential(holder, f"type-{tag}", number=f"N-{tag}", expires_on=world.day(8))
    world.quiet()
    world.move(world.now + timedelta(days=1))
    return {**licence, "mail": f"cora-{tag}@example.org"}


def test_why_shows_the_whole_history_of_a_credential(cli, licence):
    told = cli("why", licence["id"]).good().out
    for words in (
        f"{licence['number']} of Cora Mandt: expiring",
        f"credential {licence['id']}",
        f"to {licence['expires_on']} in UTC (revision 1)",
        "credential.created by user:licet-cli",
        "expiring 90  passed_over (entered_late)",
        "expiring 7  announced",
        "expiring 0  to come",
        "credential.expiring to holder: sent (due",
    ):
        assert words in told, told
    (story,) = cli("why", licence["id"], "--json").good().json["items"]
    assert set(story) == {
        "credential", "holder", "terms", "history", "timer", "notifications", "acknowledgements", "forecast",
    }  # fmt: skip


def test_why_shows_everything_that_a_holder_has(cli, world, licence):
    told = cli("why", licence["holder_id"]).good().out
    assert licence["number"] in told
    nobody = world.holder("Nils Ohne")
    assert "no credential" in cli("why", nobody["id"]).good().out


def test_a_mail_is_listed_and_shown_with_its_text_and_its_headers(cli, licence):
    listed = [mail for mail in cli("mail", "list", "--json").good().json["items"]
              if licence["mail"] in mail["to"]]  # fmt: skip
    assert set(listed[0]) == {"id", "to", "subject", "date", "received_at"}
    assert licence["mail"] in cli("mail").good().out
    shown = cli("mail", "show", listed[0]["id"], "--json").good().json
    assert licence["number"] in shown["text"]
    assert licence["number"] in shown["html"]
    assert shown["headers"]["Auto-Submitted"] == "auto-generated"
    text = cli("mail", "show", listed[0]["id"]).good().out
    assert f"Message-ID: {shown['headers']['Message-ID']}" in text


def test_events_are_shown_as_they_are_on_the_wire(cli, licence):
    lines = cli("events", "tail", "--json", "--from-start", "--until-end").good().out.splitlines()
    events = [json.loads(line) for line in lines]
    about = [event for event in events if licence["id"] in (event["key"] or "")]
    names = [event["attributes"]["type"] for event in about]
    assert "licet.credential.created.v1" in names
    assert "licet.credential.expiring.v1" in names
    created = about[names.index("licet.credential.created.v1")]
    assert created["topic"] == Topic.CREDENTIALS
    assert created["key"] == f"{licence['holder_id']}/{licence['id']}"
    assert created["attributes"]["partitionkey"] == licence["holder_id"]
    assert created["attributes"]["sequence"] == "1".zfill(20)
    assert created["data"]["credential"]["number"] == licence["number"]
    plain = cli("events", "tail", "--from-start", "--until-end", "--topic", Topic.SCHEDULE).good().out
    assert f"credential.expiring          {licence['holder_id']}/{licence['id']}" in plain
    assert licence["number"] not in plain


def test_the_schema_of_a_type_is_printed(cli):
    schema = cli("events", "schema", "licet.credential.renewed.v1").good().json
    assert schema["$id"] == "urn:licet:schema:licet.credential.renewed.v1"
    assert "previous_term" in json.dumps(schema)


def test_only_the_requested_token_is_printed(cli, run):
    options = ["--scope", "credentials:read", "--team", "north", "--ttl", "5m"]
    said = cli("token", *options).good()
    assert said.err == ""
    claims = jwt.decode(said.out.strip(), options={"verify_signature": False})
    assert claims["scope"] == "credentials:read"
    assert claims["licet_teams"] == ["north"]
    assert claims["exp"] - claims["iat"] == 300
    assert claims["aud"] == "licet"
    with run.http("certifications", said.out.strip()) as http:
        assert http.get("/requirements").json()["detail"] == "This token lacks the scope certifications:read."


def test_status_shows_each_part_and_its_memory(cli):
    status = cli("status", "--json").good().json
    assert set(status["services"]) == set(SERVICES)
    for name, part in {**status["services"], **{name: status[name] for name in SERVERS}}.items():
        assert {"url", "state", "pid", "memory_bytes"} <= set(part), name
        assert part["state"] in ({"ready"} if name in SERVICES else {"running", "given"})
    print(f"\n{status['memory_bytes'] / 2**20:.0f} MiB in all")
    assert 100 * 2**20 < status["memory_bytes"] <= 1000 * 2**20
    assert "MiB in all" in cli("status").good().out


def test_the_clock_is_shown(cli):
    shown = cli("clock", "show", "--json").good().json
    assert set(shown) == {"now", "offset_seconds"}
    assert shown["offset_seconds"] > 86_000


POISON = {
    Topic.HOLDERS: "licet.holder.registered.v1",
    Topic.CATALOGUE: "licet.location.changed.v1",
    Topic.CREDENTIALS: "licet.credential.created.v1",
    Topic.SCHEDULE: "licet.credential.expiring.v1",
}
"""A type that somebody reads, by topic."""


def test_a_malformed_record_on_any_topic_is_parked_with_its_bytes_and_the_rest_goes_on(
    cli, run, world, licence
):
    key = str(uuid7())
    asyncio.run(_poison(run, key))
    parked = eventually(lambda: _parked_everywhere(cli, key))
    assert {entry["topic"] for entry in parked} == {topic.value for topic in POISON}
    for entry in parked:
        assert entry["reason"]
        shown = cli("parked", "show", entry["id"]).good().out
        assert '{"nonsense": "POISON"}' in shown
        assert f"ce_type: {POISON[Topic(entry['topic'])]}" in shown
    again = cli("parked", "replay", parked[0]["id"])
    assert again.code == 1
    assert "still parked" in again.err
    # What is of another key goes on.
    world.act(licence, "renewals", mode="from_expiry")
    world.quiet()
    assert "credential.renewed" in [name for name, _ in world.told(licence, Topic.CREDENTIALS)]
    assert world.timer(licence)["version"] == world.shown(licence)["version"]


def _parked_everywhere(cli, key: str) -> list[Any]:
    """What is parked under a key, once something is of each topic."""
    parked = [p for p in cli("parked", "list", "--json").json["items"] if p["partition_key"] == key]
    return parked if len({p["topic"] for p in parked}) == len(POISON) else []


async def _poison(run: Run, key: str) -> None:
    """Put a known type whose value is not what its schema says onto each topic, under a key of its own."""
    producer = AIOKafkaProducer(bootstrap_servers=run.state["kafka"]["url"])
    await producer.start()
    for topic, name in POISON.items():
        headers = {
            "specversion": "1.0", "id": str(uuid7()), "source": "/licet/e2e", "type": name, "subject": key,
            "time": "2026-01-01T00:00:00Z", "dataschema": f"urn:licet:schema:{name}", "partitionkey": key,
            "correlationid": key, "recordedtime": "2026-01-01T00:00:00Z", "sequence": "1".zfill(20),
        }  # fmt: skip
        sent = [(f"ce_{part}", text.encode()) for part, text in headers.items()]
        value = b'{"nonsense": "POISON"}'
        await producer.send_and_wait(topic, value, key=key.encode(), partition=0, headers=sent)
    await producer.stop()


def _named(part: Any) -> str:
    return part if isinstance(part, str) else " ".join(part)


WRONG = [
    (["nonsense"], "No such command"),
    (["up", "--nonsense"], "No such option"),
    (["clock", "set", "tomorrow"], "neither an instant"),
    (["clock", "advance", "3 weeks"], "is no duration"),
    (["clock", "advance", "0d"], "only goes forward"),
    (["clock", "advance", "99999999999d"], "is no duration"),
    (["clock", "advance", "999999999d"], "There is no date"),
    (["clock", "set", "0001-01-01T00:00:00+14:00"], "neither an instant"),
    (["clock", "set", "2020-01-01"], "only goes forward"),
    (["events", "tail", "--topic", "licet.nonsense.v1"], "There is no topic"),
    (["events", "schema", "licet.nonsense.v1"], "There is no type"),
    (["token", "--ttl", "soon"], "is no duration"),
    (["token", "--scope", "everything"], "is no scope"),
    (["parked", "show", "12"], "is no parked record"),
    (["parked", "replay", "kitchen/12"], "is no parked record"),
    (["import", "nowhere.csv", "--mapping", "chicago"], "does not exist"),
    (["import"], "Missing"),
    (["holders", "leavers", "--since", "2026-03-01", "--reason", "left"], "is no instant"),
    (["topics", "plan", "--file", "nowhere.toml"], "does not exist"),
]


@pytest.mark.parametrize(("arguments", "words"), WRONG, ids=_named)
def test_wrong_usage_exits_with_2_and_a_sentence(inside, arguments, words):
    ended = inside(*arguments)
    assert ended.code == 2, ended
    assert words in ended.err
    assert "Traceback" not in ended.err


FAILING = [
    (["why", "0190a0a0-0000-7000-8000-000000000009"], "no credential, enrolment or holder"),
    (["why", "Cora"], "no credential, enrolment or holder"),
    (["mail", "show", "none"], "There is no mail"),
    (["parked", "show", "notifier/999999"], "There is no parked record"),
    (["demo", "--against", "compose"], "issuer"),
]


@pytest.mark.parametrize(("arguments", "words"), FAILING, ids=_named)
def test_a_failed_command_exits_with_1_and_a_sentence(inside, monkeypatch, arguments, words):
    monkeypatch.setenv("LICET_COMPOSE_ISSUER", "http://127.0.0.1:9")
    ended = inside(*arguments)
    assert ended.code == 1, ended
    assert words in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["token"], ["demo"], ["mail"], ["clock"], ["clock", "advance", "1d"], ["events", "tail"],
     ["parked", "list"], ["why", "x"], ["topics", "plan"], ["import", __file__, "--mapping", "chicago"]],
    ids=" ".join,
)  # fmt: skip
def test_without_a_run_each_command_says_so(inside, monkeypatch, tmp_path, arguments):
    monkeypatch.setenv("LICET_RUN_DIR", str(tmp_path))
    monkeypatch.chdir(REPOSITORY)
    ended = inside(*arguments)
    assert ended.code == 1, ended
    assert ended.err == "licet: nothing is running here; start it with `licet up`\n"


def test_down_without_a_run_has_nothing_to_do(tmp_path):
    assert Run(tmp_path).cli("down").good().err == "nothing is running here\n"


def test_a_tail_ends_quietly_on_ctrl_c(run):
    tail = subprocess.Popen(
        [sys.executable, "-m", "licet_cli", "events", "tail", "--from-start"],
        env=run.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert tail.stdout is not None
    assert tail.stdout.readline()
    psutil.Process(tail.pid).send_signal(2)
    _, err = tail.communicate(timeout=10)
    assert (tail.returncode, err) == (0, "")
