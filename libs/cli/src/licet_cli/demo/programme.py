"""The part of the demonstration about a programme: from the application to the recertification."""

import asyncio
from datetime import datetime
from typing import Any

from aiokafka import AIOKafkaProducer

from licet_cli import clock as moving
from licet_cli.client import Refused
from licet_cli.demo.story import Story
from licet_events import Event, Topic, encode
from licet_events.completions import CompletionRecorded

_WINDOW = 30
_VALID = 40
"""Days between which the clock has to be moved to the window: few, so that the demonstration stays quick."""


def apply(story: Story) -> None:
    """Define a programme with two approvals, apply, and be approved by somebody else."""
    code = _code(story)
    story.target.service("credentials").post("/v1/credential-types", {
        "code": code, "name": "First aider", "category": "certification", "ladder": [7, 0],
        "validity": {"days": _VALID}, "renewal_basis": "from_expiry", "renewal_window_days": _WINDOW,
    })  # fmt: skip
    moving.quiesce(story.target)
    certifications = story.target.service("certifications")
    certifications.post("/v1/programmes", {"code": code, "name": "First aid", "credential_type": code})
    certifications.post(f"/v1/programmes/{code}/versions", {
        "components": [
            {"code": "course", "name": "Course", "kind": "course", "sources": _source("FA-1")},
            {
                "code": "exam", "name": "Exam", "kind": "exam", "sources": _source("FA-2"),
                "prerequisites": ["course"],
            },
        ],
        "approvals": {"enrolment": True, "completion": True},
        "recertification": {
            "window_days": _WINDOW,
            "components": [
                {
                    "code": "refresher", "name": "Refresher", "kind": "course", "usual_days": 1,
                    "sources": _source("FA-3"),
                }
            ],
        },
    })  # fmt: skip
    certifications.post(f"/v1/programmes/{code}/versions/1/publish", {})
    story.enrolment = _apply(story)
    _approve(story, story.enrolment)
    shown = _shown(story, story.enrolment)
    story.expect(shown["status"] == "in_progress", "somebody else approves it: in progress")
    lacking = [each["code"] for each in shown["to_do"]]
    story.expect(lacking == ["course", "exam"], f"still to do: {', '.join(lacking)}")


def certify(story: Story) -> None:
    """Complete the course by HTTP and the exam by topic, and be approved after a review."""
    certifications = story.target.service("certifications")
    report = _report(story, "FA-1")
    answer = certifications.post("/v1/completions", {"completions": [report]})
    story.expect([each["outcome"] for each in answer["results"]] == ["recorded"], "the course is recorded")
    again = certifications.post("/v1/completions", {"completions": [report]})
    story.expect(
        [each["outcome"] for each in again["results"]] == ["duplicate"], "a repetition is recognised"
    )
    asyncio.run(_publish(story, _report(story, "FA-2")))
    moving.quiesce(story.target)
    ident = story.enrolment["id"]
    story.expect(
        story.names(ident, Topic.CERTIFICATIONS).count("component.completed") == 2,
        "two component.completed on Kafka",
    )
    story.expect(_shown(story, story.enrolment)["status"] == "admin_review", "the work awaits a review")
    waiting = [item for item in certifications.items("/v1/worklist") if item["enrolment_id"] == ident]
    story.expect([item["kind"] for item in waiting] == ["completion"], "and is on the worklist")
    _approve(story, story.enrolment)
    moving.quiesce(story.target)
    shown = _shown(story, story.enrolment)
    (award,) = story.target.service("credentials").items("/v1/awards", enrolment_id=ident)
    story.expect(
        award["outcome"] == "issued" and award["credential_id"] == shown["credential_id"],
        f"the award issued credential {award['credential_id']}",
    )
    story.expect(shown["status"] == "active", "the enrolment is active")
    _expect_changes(story, [
        ("applied", "in_progress"), ("in_progress", "admin_review"), ("admin_review", "active"),
    ])  # fmt: skip
    certificate = certifications.send("GET", f"/v1/enrolments/{ident}/certificate").content
    story.expect(certificate.startswith(b"%PDF-"), f"the certificate is a PDF of {len(certificate):,} bytes")


def recertify(story: Story) -> None:
    """Let the window open, and recertify without a day out of status."""
    opens = datetime.fromisoformat(_shown(story, story.enrolment)["window_opens_at"])
    story.advance((opens - story.now()).days + 1)
    ident = story.enrolment["id"]
    due = [
        seen.document()["data"]
        for seen in story.events(ident, Topic.CERTIFICATIONS)
        if seen.attributes["type"] == "licet.renewal.due.v1"
    ]
    story.expect(len(due) == 1, "the window opens: one renewal.due on Kafka")
    plan = story.target.service("certifications").get(f"/v1/enrolments/{ident}/plan")
    (planned,) = plan["components"]
    story.expect(
        planned["code"] == "refresher" and planned["start_by"],
        f"to do: {planned['name']}, to be begun by {planned['start_by']}",
    )
    renewal = _apply(story)
    story.expect(renewal["kind"] == "recertification", "a recertification is applied for beside it")
    _approve(story, renewal)
    story.target.service("certifications").post("/v1/completions", {"completions": [_report(story, "FA-3")]})
    story.expect(_shown(story, renewal)["status"] == "admin_review", "its only component awaits a review")
    story.expect(_shown(story, story.enrolment)["status"] == "active", "meanwhile the first stays active")
    _approve(story, renewal)
    moving.quiesce(story.target)
    renewed = _shown(story, renewal)
    story.expect(renewed["status"] == "active", "the recertification is active")
    credential = story.target.service("credentials").get(f"/v1/credentials/{renewed['credential_id']}")
    terms = story.target.service("credentials").get(f"/v1/credentials/{credential['id']}/terms")["items"]
    story.expect(len(terms) == 2, f"one term more: it now ends on {credential['expires_on']}")
    first = _shown(story, story.enrolment)
    story.expect(
        (first["status"], first["superseded_by"]) == ("active", renewal["id"]),
        "which takes the place of the first",
    )


STEPS = (apply, certify, recertify)


def _code(story: Story) -> str:
    return f"first-aid-{story.tag}"


def _source(course: str) -> list[dict[str, str]]:
    return [{"source": "lms", "id": course}]


def _apply(story: Story) -> dict[str, Any]:
    """Apply, and see that whoever applied can't approve it."""
    certifications = story.target.service("certifications")
    enrolment: dict[str, Any] = certifications.post(
        "/v1/enrolments", {"holder_id": story.holder["id"], "programme": _code(story)}
    )
    story.expect(enrolment["status"] == "applied", f"enrolment {enrolment['id']} is applied for")
    try:
        certifications.post(f"/v1/enrolments/{enrolment['id']}/approve", {})
        status = 200
    except Refused as refused:
        status = refused.status
    story.expect(status == 409, f"whoever applied can't approve it ({status})")
    return enrolment


def _approve(story: Story, enrolment: dict[str, Any]) -> None:
    with story.target.service_for("certifications", "demo-approver") as approver:
        approver.post(f"/v1/enrolments/{enrolment['id']}/approve", {"note": "Approved in the demonstration."})


def _shown(story: Story, enrolment: dict[str, Any]) -> dict[str, Any]:
    shown: dict[str, Any] = story.target.service("certifications").get(f"/v1/enrolments/{enrolment['id']}")
    return shown


def _report(story: Story, course: str) -> dict[str, Any]:
    """Return a completion as a learning system reports it, by the clock that judges what is in the future."""
    now = moving.read_clock(story.target.service("certifications")).now
    return {
        "source": "lms", "source_id": f"{story.tag}-{course}", "course": course, "result": "passed",
        "learner": {"external_id": story.holder["external_id"]},
        "completed_at": now.isoformat(),
    }  # fmt: skip


async def _publish(story: Story, report: dict[str, Any]) -> None:
    """Write a completion to the topic, as a learning system would."""
    now = story.now()
    event = Event.of(
        CompletionRecorded.model_validate(report), source="/lms", time=now, recorded_time=now,
        correlation_id=report["source_id"],
    )  # fmt: skip
    record = encode(event)
    async with AIOKafkaProducer(bootstrap_servers=story.target.kafka_url) as producer:
        await producer.send_and_wait(record.topic, record.value, key=record.key, headers=list(record.headers))


def _expect_changes(story: Story, wanted: list[tuple[str, str]]) -> None:
    changes = [
        (seen.document()["data"]["from"], seen.document()["data"]["to"])
        for seen in story.events(story.enrolment["id"], Topic.CERTIFICATIONS)
        if seen.attributes["type"] == "licet.enrolment.status_changed.v1"
    ]
    story.expect(changes == wanted, f"one status change each: {' → '.join(to for _, to in changes)}")
