"""The part of the demonstration about oversight: a gap, a waiver for it, and an audit of the records."""

from datetime import timedelta
from typing import Any

from licet_cli import clock as moving
from licet_cli.client import Refused
from licet_cli.commands.audit import verified_payload
from licet_cli.demo.story import Story
from licet_events import Topic


def release(story: Story) -> None:
    """See the gap that the lapsed crane certificate left, and release the holder from it for a month."""
    role = f"crane-{story.tag}"
    gap = _gap(story, role)
    story.expect((gap["without"], gap["waived"]) == (1, 0), "the gap report counts one holder without")
    certifications = story.target.service("certifications")
    (requirement,) = certifications.items("/v1/requirements", target=f"role:{role}")
    waiver = certifications.post("/v1/waivers", {
        "holder_id": story.holder["id"], "requirement_id": requirement["id"], "type": role,
        "reason": "renewal_in_progress", "note": "The course is booked.",
        "ends_on": (story.today() + timedelta(days=30)).isoformat(),
    })  # fmt: skip
    story.expect(waiver["status"] == "requested", "a waiver is asked for")
    path = f"/v1/waivers/{waiver['id']}/approve"
    try:
        certifications.post(path, {})
        status = 200
    except Refused as refused:
        status = refused.status
    story.expect(status == 409, f"whoever asked can't grant it ({status})")
    with story.target.service_for("certifications", "demo-approver") as approver:
        granted = approver.post(path, {})
    story.expect(granted["status"] == "granted", f"{granted['decided_by']} grants it")
    moving.quiesce(story.target)
    story.expect(
        "waiver.granted" in story.names(waiver["id"], Topic.CERTIFICATIONS), "waiver.granted on Kafka"
    )
    verdict = story.verdict(role, story.now())
    story.expect(verdict == ("eligible", {"waived"}), "the holder is eligible, because waived")
    gap = _gap(story, role)
    story.expect((gap["without"], gap["waived"]) == (0, 1), "the gap report counts it as waived")


def audit(story: Story) -> None:
    """Audit the records of the programme's credential, and check the signed result."""
    certifications = story.target.service("certifications")
    opened = certifications.post("/v1/audits", {
        "name": f"Demonstration {story.tag}", "scope": {"types": [f"first-aid-{story.tag}"]},
        "due_on": (story.today() + timedelta(days=14)).isoformat(),
    })  # fmt: skip
    path = f"/v1/audits/{opened['id']}"
    story.expect(opened["counts"]["items"] == 1, "one credential is in the audit")
    (item,) = certifications.items(f"{path}/items")
    answer = certifications.post(
        f"{path}/attestations", {"attestations": [{"item": item["id"], "outcome": "confirmed"}]}
    )
    story.expect([each["recorded"] for each in answer["results"]] == [True], "it is attested as confirmed")
    closed = certifications.post(f"{path}/close", {})
    story.expect(closed["closed_at"], "the audit is closed")
    signed = certifications.send("GET", f"{path}/result").text
    payload = verified_payload(signed, certifications.get("/v1/audits/keys"))
    story.expect(
        payload["counts"]["confirmed"] == 1 and payload["audit"]["id"] == opened["id"],
        "the signature of its result is good",
    )
    moving.quiesce(story.target)
    names = story.names(opened["id"], Topic.CERTIFICATIONS)
    story.expect(names == ["audit.opened", "audit.closed"], "audit.opened and audit.closed on Kafka")


STEPS = (release, audit)


def _gap(story: Story, role: str) -> dict[str, Any]:
    """Return the line of a role in the gap report of the next 30 days."""
    target = f"role:{role}"
    lines = story.target.service("certifications").items("/v1/gaps", role=target, by="role", within=30)
    found: list[dict[str, Any]] = [line for line in lines if line["role"] == target]
    story.expect(len(found) == 1, f"the gap report has a line for {target}")
    return found[0]
