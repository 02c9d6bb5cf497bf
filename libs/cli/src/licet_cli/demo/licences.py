"""A licence from its scan to the reminder, its renewal, its lapse, and what the lapse does to eligibility."""

import io
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import httpx
from PIL import Image

from licet_cli import clock as moving
from licet_cli.demo.story import ZONE, Story
from licet_events import Topic


def register(story: Story) -> None:
    """Register a holder with a manager."""
    credentials = story.target.service("credentials")
    story.manager = credentials.post("/v1/holders", {
        "kind": "employee", "name": "Mara Vogel", "email": f"manager-{story.tag}@example.org",
        "time_zone": ZONE, "external_id": f"demo-{story.tag}-m",
    })  # fmt: skip
    story.holder = credentials.post("/v1/holders", {
        "kind": "employee", "name": "Jonas Reuter", "email": f"holder-{story.tag}@example.org",
        "time_zone": ZONE,
        "external_id": f"demo-{story.tag}-h", "manager_id": story.manager["id"],
        "roles": [f"forklift-{story.tag}", f"crane-{story.tag}"],
    })  # fmt: skip
    story.expect(story.holder["version"] == 1, f"holder {story.holder['id']}")


def record(story: Story) -> None:
    """Define two credential types and record a forklift licence that ends in 95 days."""
    credentials = story.target.service("credentials")
    for code, name in (("forklift", "Forklift licence"), ("crane", "Crane operator's certificate")):
        credentials.post("/v1/credential-types", {
            "code": f"{code}-{story.tag}", "name": name, "category": "license", "validity": {"months": 12},
            "renewal_basis": "from_expiry", "renewal_window_days": 90,
        })  # fmt: skip
    today = story.today()
    story.forklift = credentials.post("/v1/credentials", {
        "holder_id": story.holder["id"], "type": f"forklift-{story.tag}", "number": f"FL-{story.tag}",
        "country": "DE", "issuer": "DGUV", "valid_from": (today - timedelta(days=270)).isoformat(),
        "expires_on": (today + timedelta(days=95)).isoformat(), "time_zone": ZONE,
    })  # fmt: skip
    story.expect(story.forklift["validity"] == "active", f"credential {story.forklift['id']} is active")
    story.expect(story.forklift["days_left"] == 95, "it has 95 days left")
    moving.quiesce(story.target)
    names = story.names(story.forklift["id"], Topic.CREDENTIALS)
    story.expect(names == ["credential.created"], "one credential.created on Kafka")


def photograph(story: Story) -> None:
    """Upload a photo of it: 12 megapixels, with the place where it was taken."""
    credentials = story.target.service("credentials")
    picture = Image.effect_noise((4000, 3000), 30).convert("RGB")
    exif = Image.Exif()
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (52.0, 31.0, 12.0)
    content = io.BytesIO()
    picture.save(content, "JPEG", quality=85, exif=exif)
    path = f"/v1/credentials/{story.forklift['id']}/images"
    image = credentials.send(
        "POST", path, files={"file": ("scan.jpg", content.getvalue(), "image/jpeg")}, data={"kind": "scan"}
    ).json()
    for rendition, longest in (("display", 1600), ("thumbnail", 320)):
        url = credentials.send("GET", f"{path}/{image['id']}/{rendition}").headers["location"]
        shown = Image.open(io.BytesIO(httpx.get(url, timeout=30).raise_for_status().content))
        story.expect(max(shown.size) <= longest, f"the {rendition} is {shown.width} x {shown.height}")
        story.expect(
            not shown.getexif() and "exif" not in shown.info, f"the {rendition} does not tell the place"
        )
        unsigned = httpx.get(url.split("?")[0], timeout=30).status_code
        story.expect(
            unsigned in {401, 403}, f"without the signature the {rendition} is not given ({unsigned})"
        )


def require(story: Story) -> None:
    """Require it for the role, and see who may do the work, from when until when."""
    certifications = story.target.service("certifications")
    for role in ("forklift", "crane"):
        certifications.post("/v1/requirements", {
            "target": f"role:{role}-{story.tag}", "expression": {"all_of": [f"{role}-{story.tag}"]},
            "effective_from": story.today().isoformat(), "time_zone": ZONE,
        })  # fmt: skip
    moving.quiesce(story.target)
    role = f"forklift-{story.tag}"
    verdicts = [(i["verdict"], i["reasons"][0]["code"]) for i in story.timeline(role)]
    story.expect(
        verdicts == [("eligible", "no_requirement"), ("eligible", "valid"), ("ineligible", "expired")],
        f"the timeline says {verdicts}",
    )
    names = story.names(f"{story.holder['id']}/role:{role}", Topic.ELIGIBILITY)
    story.expect("eligibility.changed" in names, "eligibility.changed on Kafka")
    story.expect(
        story.verdict(f"crane-{story.tag}", story.now())[1] == {"missing"},
        "the crane's certificate is missing",
    )


def remind(story: Story) -> None:
    """Let 66 days pass: the steps of 90, 60 and 30 days are reached."""
    story.advance(66)
    events = [
        s
        for s in story.events(story.forklift["id"], Topic.SCHEDULE)
        if s.event and "step" in s.document()["data"]
    ]
    steps = [seen.document()["data"]["step"] for seen in events]
    story.expect(steps == [90, 60, 30], f"one credential.expiring for each of {steps}")
    changes = [s.document()["data"] for s in story.events(story.forklift["id"], Topic.CREDENTIALS)
               if s.attributes["type"] == "licet.credential.status_changed.v1"]  # fmt: skip
    story.expect(
        [(c["from"], c["to"]) for c in changes] == [("active", "expiring")],
        "one status change, active to expiring",
    )
    mails = story.mails(f"FL-{story.tag}")
    for address in (f"holder-{story.tag}@example.org", f"manager-{story.tag}@example.org"):
        own = [mail for mail in mails if address in mail.to]
        story.expect(len(own) == 3, f"three mails to {address}")
        for mail in own:
            local = (mail.date or datetime.min.replace(tzinfo=UTC)).astimezone(ZoneInfo(ZONE))
            story.expect(local.hour == 8, f"'{mail.subject}' left at {local:%Y-%m-%d %H:%M} in {ZONE}")
            story.expect(mail.body("plain") and mail.body("html"), "with a text and an HTML part")


def repeat_nothing(story: Story) -> None:
    """Set the clock to the same instant again: nothing is published or sent."""
    before = (len(story.target.mail_box.mails()), len(story.events(story.forklift["id"], Topic.SCHEDULE)))
    instant = moving.read_clock(story.target.service("scheduler")).set_to
    moved = instant is not None and moving.move(story.target, instant)
    after = (len(story.target.mail_box.mails()), len(story.events(story.forklift["id"], Topic.SCHEDULE)))
    story.expect(not moved and before == after, "nothing moved, nothing published, nothing sent")


def renew(story: Story) -> None:
    """Renew it, and pass the day on which it would have ended."""
    credentials = story.target.service("credentials")
    old_end = story.forklift["expires_on"]
    renewed = credentials.post(f"/v1/credentials/{story.forklift['id']}/renewals", {"mode": "from_expiry"})
    moving.quiesce(story.target)
    story.forklift = story.credential(story.forklift)
    story.expect(
        story.forklift["expires_on"] > old_end,
        f"it now ends on {story.forklift['expires_on']} ({renewed.get('rule', 'from_expiry')})",
    )
    story.expect(
        "credential.renewed" in story.names(story.forklift["id"], Topic.CREDENTIALS),
        "credential.renewed on Kafka",
    )
    reminded = len(story.mails(f"FL-{story.tag}"))
    published = len(story.events(story.forklift["id"], Topic.SCHEDULE))
    story.advance(40)
    story.expect(story.credential(story.forklift)["validity"] == "active", "it is active past its old end")
    story.expect(len(story.mails(f"FL-{story.tag}")) == reminded, "no reminder of the old term came")
    story.expect(
        len(story.events(story.forklift["id"], Topic.SCHEDULE)) == published,
        "nothing of the old term was announced",
    )
    verdict = story.verdict(f"forklift-{story.tag}", story.now())
    story.expect(verdict == ("eligible", {"valid"}), "the holder is still eligible")


def outage(story: Story) -> None:
    """Record a crane certificate with 40 days left, and leap over 36 of them as an outage would."""
    credentials = story.target.service("credentials")
    today = story.today()
    story.crane = credentials.post("/v1/credentials", {
        "holder_id": story.holder["id"], "type": f"crane-{story.tag}", "number": f"CR-{story.tag}",
        "valid_from": (today - timedelta(days=325)).isoformat(),
        "expires_on": (today + timedelta(days=40)).isoformat(), "time_zone": ZONE,
    })  # fmt: skip
    moving.quiesce(story.target)
    story.advance(1)  # the reminder that was due at entry leaves by the next morning
    story.advance(36, jump=True)
    data = [
        s.document()["data"]
        for s in story.events(story.crane["id"], Topic.SCHEDULE)
        if "step" in s.document()["data"]
    ]
    story.expect(
        [d["step"] for d in data] == [60, 7],
        "announced: 60 (the strictest at entry), then 7 (the strictest after the leap)",
    )
    story.expect(
        {p["step"] for p in data[1]["passed_over"]} == {30}, "the step of 30 days is recorded as passed over"
    )
    story.advance(1)  # whatever the hour of the leap, by now the mail has left
    story.expect(
        len([m for m in story.mails(f"CR-{story.tag}") if f"holder-{story.tag}" in m.to]) == 2,
        "and two mails to the holder in all",
    )


def lapse(story: Story) -> None:
    """Let the crane certificate lapse."""
    story.advance(5)
    names = story.names(story.crane["id"], Topic.SCHEDULE)
    story.expect(names.count("credential.expired") == 1, "one credential.expired on Kafka")
    story.expect(story.credential(story.crane)["validity"] == "expired", "it is expired")
    changes = [s.document()["data"] for s in story.events(story.crane["id"], Topic.CREDENTIALS)
               if s.attributes["type"] == "licet.credential.status_changed.v1"]  # fmt: skip
    story.expect(changes[-1]["to"] == "expired", "credential.status_changed to expired")
    expired = [
        m
        for m in story.mails(f"CR-{story.tag}")
        if "expired" in m.subject.lower() and f"holder-{story.tag}" in m.to
    ]
    story.expect(len(expired) == 1, "one mail says so to the holder")
    verdict = story.verdict(f"crane-{story.tag}", story.now())
    story.expect(verdict == ("ineligible", {"expired"}), "the holder is ineligible, because expired")


def explain(story: Story) -> None:
    """Ask why: every notification has its decision and its reason."""
    notes = list(story.target.service("notifier").items("/v1/notifications", credential_id=story.crane["id"]))
    story.expect(
        notes and all(note["reason"] for note in notes), f"{len(notes)} decisions, each with a reason"
    )
    history = list(
        story.target.service("credentials").items(f"/v1/credentials/{story.forklift['id']}/history")
    )
    story.expect(history, f"{len(history)} entries in the history of the forklift licence")


STEPS = (register, record, photograph, require, remind, repeat_nothing, renew, outage, lapse, explain)
