"""What is written down on the way: ids that lead from a request to its mail, and nothing personal."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from licet_events import Topic
from support.running import eventually

PERSONAL = {Topic.HOLDERS, Topic.CREDENTIALS, Topic.CERTIFICATIONS, Topic.COMPLETIONS}
"""The topics on which names, addresses, phones and numbers may be."""


@pytest.fixture
def http(run):
    """A client of the credentials service."""
    with run.http("credentials", run.cli("token").good().out.strip()) as client:
        yield client


def attributes(run, correlation: str) -> dict[str, dict[str, str]]:
    """The attributes of every event of a conversation, by type."""
    return {
        seen.attributes["type"].removeprefix("licet.").removesuffix(".v1"): seen.attributes
        for seen in run.events()
        if seen.attributes.get("correlationid") == correlation
    }


def test_everything_caused_by_a_request_has_its_correlation_id(run, world, http, tag):
    ids = {what: f"e2e-{what}-{tag}" for what in ("holder", "credential", "renewal")}

    def post(what, path, body):
        answer = http.post(path, json=body, headers={"X-Correlation-Id": ids[what]})
        assert answer.status_code == 201, answer.text
        assert answer.headers["X-Correlation-Id"] == ids[what]
        world.quiet()
        return answer.json()

    world.type(f"trace-{tag}", validity={"months": 12}, renewal_basis="from_expiry")
    world.requirement(f"role:trace-{tag}", f"trace-{tag}", effective_from=world.day(-1))
    world.quiet()
    person = {"kind": "employee", "name": "Tess Trace", "roles": [f"trace-{tag}"], "time_zone": "UTC"}
    holder = post("holder", "/holders", person)
    body = {"holder_id": holder["id"], "type": f"trace-{tag}", "time_zone": "UTC"}
    licence = post("credential", "/credentials", body | {"expires_on": world.day(200)})
    post("renewal", f"/credentials/{licence['id']}/renewals", {"mode": "from_expiry"})
    assert set(attributes(run, ids["holder"])) == {"holder.registered", "eligibility.changed"}
    recorded = attributes(run, ids["credential"])
    assert set(recorded) == {"credential.created", "eligibility.changed"}
    assert set(attributes(run, ids["renewal"])) == {"credential.renewed", "eligibility.changed"}
    changed, created = recorded["eligibility.changed"], recorded["credential.created"]
    assert changed["causationid"] == created["id"]
    assert changed["traceparent"].split("-")[1] == created["traceparent"].split("-")[1]


def test_a_mail_and_its_log_lines_carry_the_ids_of_the_event_that_caused_it(run, world, tag):
    world.type(f"mail-{tag}")
    holder = world.holder("Mia Trace", email=f"trace-{tag}@example.org")
    licence = world.credential(holder, f"mail-{tag}", number="T-1", expires_on=world.day(9))
    world.quiet()
    world.move(world.now + timedelta(days=3))
    reminders = [seen for seen in run.events(Topic.SCHEDULE) if licence["id"] in (seen.key or "")
                 and "expiring" in seen.attributes["type"]]  # fmt: skip
    mails = world.mails(f"trace-{tag}@")
    assert len(mails) == len(reminders) == 2
    for reminder, mail in zip(reminders, mails, strict=True):
        assert mail.message["X-Licet-Event"] == reminder.attributes["id"]
        assert mail.message["X-Licet-Correlation-Id"] == reminder.attributes["correlationid"]
        (sent,) = [
            seen.attributes
            for seen in run.events(Topic.NOTIFICATIONS)
            if seen.attributes["subject"] == mail.message["X-Licet-Notification"]
        ]
        assert sent["type"] == "licet.notification.sent.v1"
        assert sent["correlationid"] == reminder.attributes["correlationid"]
        assert sent["causationid"] == reminder.attributes["id"]
        assert mail.message["traceparent"].split("-")[1] == sent["traceparent"].split("-")[1]


BORN = "1931-07-23"
"""A date of birth that nobody else here has."""


def test_no_personal_data_is_in_logs_or_on_topics_that_exclude_it(run, world, http, tag, tmp_path):
    words = {
        what: f"Plant{what}{tag}"
        for what in ("name", "mail", "number", "note", "issuer", "file", "query", "bad", "row", "poison")
    }
    phone = f"+49 30 {int(tag, 16) % 10**10:010d}"
    person = {
        "kind": "employee", "name": words["name"], "email": f"{words['mail']}@example.org", "phone": phone,
        "time_zone": "UTC", "roles": [f"plant-{tag}"], "birth_date": BORN,
    }  # fmt: skip
    world.type(f"plant-{tag}", validity={"months": 12}, renewal_basis="from_expiry")
    world.requirement(f"role:plant-{tag}", f"plant-{tag}", effective_from=world.day(-1))
    holder = http.post("/holders", json=person).json()
    body = {
        "holder_id": holder["id"], "type": f"plant-{tag}", "number": words["number"], "notes": words["note"],
        "issuer": words["issuer"], "time_zone": "UTC", "expires_on": world.day(9),
    }  # fmt: skip
    licence = http.post("/credentials", json=body).json()
    assert http.post("/credentials", json=body).status_code == 409
    again = {"external_id": words["bad"], "kind": "employee", "name": words["name"]}
    assert [http.post("/holders", json=again).status_code for _ in range(2)] == [201, 409]
    assert http.post("/holders", json=person | {"birth_date": f"{BORN}T00"}).is_error
    assert http.post("/holders", json=person | {"nickname": words["bad"], "email": words["bad"]}).is_error
    assert http.get("/holders", params={"q": words["query"], "limit": words["query"]}).is_error
    assert http.get(f"/holders/{words['query']}").is_error
    files = {"file": (f"{words['file']}.jpg", words["file"].encode(), "image/jpeg")}
    assert http.post(f"/credentials/{licence['id']}/images", files=files).is_error
    rows = tmp_path / f"{words['file']}.csv"
    rows.write_text(f"ID,ACCOUNT NUMBER,LEGAL NAME,LICENSE CODE\n1,{words['row']},{words['row']},x\n")
    assert run.cli("import", str(rows), "--mapping", "chicago", cwd=tmp_path).code == 1
    note = {"reason": "audit", "note": words["note"]}
    world.act(licence, "suspend", **note)
    world.act(licence, "reinstate", **note)
    world.quiet()
    world.move(world.now + timedelta(days=3))
    assert world.mails(f"{words['mail']}@")
    world.act(licence, "renewals", mode="from_expiry", notes=words["note"])
    world.quiet()

    planted = [*words.values(), phone, phone.replace(" ", ""), BORN]
    for seen in run.events():
        told = str(seen.document())
        found = [word for word in planted if word in told]
        free = [words[what] for what in ("note", "file", "query", "row", "poison")]
        assert not set(found) & set(free), seen.attributes
        assert not found or Topic(seen.topic) in PERSONAL, (seen.topic, found)
        assert BORN not in found or seen.topic == Topic.HOLDERS, seen.attributes
    logs = [*(run.directory / "run" / "logs").iterdir(), run.directory / "run" / "up.log"]
    assert {"credentials.log", "notifier.log", "postgres.log"} <= {log.name for log in logs}
    for log in logs:
        text = log.read_text(errors="replace")
        assert not [word for word in planted if word in text], log.name


def test_the_log_of_a_service_leads_from_a_request_to_its_trace(run, http, tag):
    correlation = f"e2e-log-{uuid4().hex}"
    http.get("/holders", params={"limit": 1}, headers={"X-Correlation-Id": correlation})
    log = Path(run.state["services"]["credentials"]["log"])
    (line,) = eventually(lambda: [x for x in log.read_text().splitlines() if correlation in x])
    assert line.startswith("{")
    assert '"event":"http.request"' in line.replace('": "', '":"')
    assert "trace" in line
