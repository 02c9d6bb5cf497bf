"""A programme across the services: what is completed becomes a credential, and time does what it should."""

from datetime import datetime, timedelta
from typing import Any

import httpx

from licet_events import Topic

REQUIRED = {"code": "exam", "name": "Exam", "kind": "exam", "sources": [{"source": "lms", "id": "EX"}]}


def programme(world: Any, code: str, **version: Any) -> None:
    certifications = world.target.service("certifications")
    kind = version.get("credential_type")
    certifications.post("/v1/programmes", {"code": code, "name": code, "credential_type": kind})
    certifications.post(f"/v1/programmes/{code}/versions", version)
    certifications.post(f"/v1/programmes/{code}/versions/1/publish", {})


def enrol(world: Any, holder: Any, code: str) -> Any:
    body = {"holder_id": holder["id"], "programme": code, "entry": "staff"}
    return world.target.service("certifications").post("/v1/enrolments", body)


def complete(world: Any, holder: Any, course: str) -> None:
    """Report a completion as a learning system does."""
    report = {
        "source": "lms", "source_id": f"{holder['id']}-{course}", "course": course, "result": "passed",
        "learner": {"external_id": holder["external_id"]}, "completed_at": world.now.isoformat(),
    }  # fmt: skip
    world.target.service("certifications").post("/v1/completions", {"completions": [report]})


def shown(world: Any, enrolment: Any) -> Any:
    return world.target.service("certifications").get(f"/v1/enrolments/{enrolment['id']}")


def test_completed_work_becomes_a_credential_and_its_status_drives_the_enrolment(
    world: Any, cli: Any, tag: str
) -> None:
    world.type(f"type-{tag}", validity={"months": 12}, ladder=[30, 0])
    holder = world.holder("Nora Lind", external_id=f"E-{tag}")
    world.quiet()
    programme(
        world, f"prog-{tag}", credential_type=f"type-{tag}", components=[REQUIRED],
        recertification={"window_days": 60},
    )  # fmt: skip
    enrolment = enrol(world, holder, f"prog-{tag}")
    complete(world, holder, "EX")
    world.quiet()

    certified = shown(world, enrolment)
    assert (certified["status"], certified["validity"]) == ("active", "active")
    credential = world.target.service("credentials").get(f"/v1/credentials/{certified['credential_id']}")
    (created,) = [
        data for name, data in world.told(credential, Topic.CREDENTIALS) if name == "credential.created"
    ]
    assert created["origin"] == "programme"
    assert created["credential"]["terms"][0]["award_id"] == certified["award_id"]
    (award,) = world.target.service("credentials").items("/v1/awards", enrolment_id=enrolment["id"])
    assert (award["outcome"], award["credential_id"]) == ("issued", credential["id"])

    # The clock stops where the window opens: 60 days before the end.
    opens = datetime.fromisoformat(certified["window_opens_at"])
    world.move(opens + timedelta(days=1))
    names = [name for name, _ in world.told(enrolment, Topic.CERTIFICATIONS)]
    assert names.count("renewal.due") == 1
    world.move(opens + timedelta(days=70))
    assert shown(world, enrolment)["status"] == "expired"
    changes = [
        (data["from"], data["to"])
        for name, data in world.told(enrolment, Topic.CERTIFICATIONS)
        if name == "enrolment.status_changed"
    ]
    assert changes == [("in_progress", "active"), ("active", "expiring"), ("expiring", "expired")]
    told = cli("why", enrolment["id"]).good().out
    assert f"issued credential {credential['id']}" in told
    assert "window_opens  announced" in told


def test_a_deadline_ends_the_work_at_its_instant(world: Any, tag: str) -> None:
    holder = world.holder("Ole Brandt")
    world.quiet()
    programme(world, f"prog-{tag}", components=[REQUIRED], deadline={"days": 40, "then": "not_completed"})
    enrolment = enrol(world, holder, f"prog-{tag}")
    assert enrolment["status"] == "in_progress"
    deadline = datetime.fromisoformat(enrolment["deadline_at"])
    world.move(deadline - timedelta(days=1))
    assert shown(world, enrolment)["status"] == "in_progress"
    world.move(deadline + timedelta(days=30))
    assert shown(world, enrolment)["status"] == "not_completed"
    told = world.told(enrolment, Topic.SCHEDULE)
    assert [(data["instant"], data["step"]) for _, data in told] == [
        ("deadline_near", 30), ("deadline_near", 7), ("deadline", None),
    ]  # fmt: skip
    changed = [
        data
        for name, data in world.told(enrolment, Topic.CERTIFICATIONS)
        if name == "enrolment.status_changed"
    ]
    assert [(data["to"], data["effective_at"]) for data in changed] == [
        ("not_completed", enrolment["deadline_at"])
    ]


def test_everybody_concerned_is_told_by_mail_what_happened_and_what_to_do(
    world: Any, cli: Any, tag: str
) -> None:
    decider = world.holder("Vera Vogel", email=f"decider-{tag}@example.org")
    team = {"name": "Kitchen", "supervisor_ids": [decider["id"]]}
    world.target.service("credentials").put(f"/v1/teams/team-{tag}", team)
    address = f"ada-{tag}@example.org"
    holder = world.holder("Ada Beispiel", external_id=f"E-{tag}", email=address, team=f"team-{tag}")
    world.quiet()
    programme(
        world, f"prog-{tag}", components=[REQUIRED], approvals={"enrolment": True},
        deadline={"days": 40, "then": "not_completed"},
    )  # fmt: skip
    service = world.target.service("certifications")
    enrolment = service.post("/v1/enrolments", {"holder_id": holder["id"], "programme": f"prog-{tag}"})
    assert enrolment["status"] == "applied"
    world.quiet()
    world.move(world.now + timedelta(days=1))  # whatever the hour, a window of the day has been open
    assert [mail.subject for mail in world.mails(f"decider-{tag}@example.org")] == [
        f"Decide: Ada Beispiel applied to prog-{tag}"
    ]

    token = cli("token", "--subject", f"vera-{tag}").good().out.strip()
    answer = httpx.post(
        f"{service.url}/v1/enrolments/{enrolment['id']}/approve", json={},
        headers={"Authorization": f"Bearer {token}"}, timeout=30,
    )  # fmt: skip
    answer.raise_for_status()
    world.quiet()
    world.move(world.now + timedelta(days=12))
    complete(world, holder, "EX")
    world.quiet()
    world.move(world.now + timedelta(days=30))
    # It was complete before the week before the deadline: nobody is reminded a second time.
    subjects = [mail.subject for mail in world.mails(address)]
    assert [subject.rpartition("days left: ")[2] for subject in subjects] == [
        f"Approved: begin prog-{tag}", f"complete prog-{tag}", f"Completed: prog-{tag}"
    ]  # fmt: skip
    notes = world.target.service("notifier").items("/v1/notifications", enrolment_id=enrolment["id"])
    sent = {note["template"] for note in notes if note["outcome"] == "sent"}
    assert sent == {f"enrolment.{mail}.v1" for mail in ("applied", "approved", "deadline_near", "completed")}
    listed = cli("mail", "list", "--json").good().json["items"]
    (reminder,) = [mail for mail in listed if address in mail["to"] and "days left" in mail["subject"]]
    assert "- Exam" in cli("mail", "show", reminder["id"]).good().out
    told = cli("why", enrolment["id"]).good().out
    assert "completed to holder: sent (due" in told
