"""The part of the demonstration about booked shifts: one comes at risk; what a new rule would do to them."""

from datetime import timedelta
from typing import Any

from licet_cli import clock as moving
from licet_cli.demo.story import Story
from licet_events import Topic


def book(story: Story) -> None:
    """Book a shift, suspend the licence it needs, and reinstate it."""
    credentials = story.target.service("credentials")
    certifications = story.target.service("certifications")
    path = f"/v1/shifts/demo-{story.tag}"
    start = (story.now() + timedelta(days=3)).replace(microsecond=0)
    body = {
        "holder_id": story.holder["id"], "target": f"role:forklift-{story.tag}",
        "start": start.isoformat(), "end": (start + timedelta(hours=8)).isoformat(),
    }  # fmt: skip

    def shift() -> dict[str, Any]:
        moving.quiesce(story.target)
        shown: dict[str, Any] = certifications.get(path)
        return shown

    certifications.send("PUT", path, json=body)
    story.expect(shift()["verdict"] == "eligible", "the shift is booked, and its holder may work it")
    candidates = certifications.post("/v1/eligibility/candidates", {
        "target": body["target"], "start": body["start"], "end": body["end"],
    })  # fmt: skip
    story.expect(
        [one["holder_id"] for one in candidates["items"]] == [story.holder["id"]],
        "the holder is the candidate for it",
    )
    licence = f"/v1/credentials/{story.forklift['id']}"
    credentials.post(f"{licence}/suspend", {"reason": "under_review"})
    at_risk = shift()
    codes = [reason["code"] for reason in at_risk["reasons"]]
    story.expect(at_risk["at_risk"] and codes == ["suspended"], f"suspended, it is at risk: {codes}")
    credentials.post(f"{licence}/reinstate", {"reason": "review_closed"})
    story.expect(not shift()["at_risk"], "reinstated, it is cleared")
    names = story.names(at_risk["id"], Topic.SHIFTS)
    story.expect(names == ["shift.at_risk", "shift.cleared"], "each told once on Kafka")


def suppose(story: Story) -> None:
    """Ask what would come of it if the work needed the crane certificate too, and change nothing."""
    certifications = story.target.service("certifications")
    forklift = f"role:forklift-{story.tag}"
    path = f"/v1/eligibility/{story.holder['id']}"
    before = certifications.get(path, target=forklift)
    asked = certifications.post("/v1/what-ifs", {"changes": [{
        "kind": "requirement", "target": forklift, "expression": {"all_of": [f"crane-{story.tag}"]},
        "effective_from": (story.today() + timedelta(days=1)).isoformat(), "time_zone": "Europe/Berlin",
    }]})  # fmt: skip
    moving.quiesce(story.target)
    answer = certifications.get(f"/v1/what-ifs/{asked['id']}")
    counts = answer["counts"]
    story.expect(
        (answer["state"], counts["ineligible"], counts["shifts"]) == ("finished", 1, 1),
        "one holder would be ineligible, and one booked shift at risk",
    )
    (worse,) = certifications.items(f"/v1/what-ifs/{asked['id']}/holders")
    story.expect(worse["holder_id"] == story.holder["id"], f"the holder would be, from {worse['at']} on")
    story.expect(certifications.get(path, target=forklift) == before, "the timeline is as it was")


STEPS = (book, suppose)
