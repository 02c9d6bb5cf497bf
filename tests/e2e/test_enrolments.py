"""A programme across the services: what is completed becomes a credential, and time does what it should."""

from datetime import datetime, timedelta
from typing import Any

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
