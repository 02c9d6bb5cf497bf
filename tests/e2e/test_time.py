"""Time passes: a hundred days over a set of credentials to each of which something else happens.

One move of the clock serves all promises. The terms are in a zone that is half a day ahead of UTC,
the holders live elsewhere, so that no hour is right by accident.
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from licet_events import Topic
from licet_events.civil import starts_at

TERMS, HOLDERS, MANAGERS = "Pacific/Auckland", "America/Los_Angeles", "Europe/Berlin"
LADDER = [90, 60, 30, 7, 0, -7]
DAYS = 92
PLOTS = (
    "whole", "renewed", "left", "corrected", "suspended", "reinstated", "revoked", "surrendered", "voided",
)  # fmt: skip
"""What becomes of each credential."""


@dataclass
class Story:
    """What was made, when, and what became of it."""

    tag: str
    began: date
    """Today in the zone of the terms when it began."""
    ends: date
    holder: Any = None
    manager: Any = None
    leaver: Any = None
    credentials: dict[str, Any] = field(default_factory=dict)
    middle: datetime = datetime.min.replace(tzinfo=UTC)
    """When things happened to the credentials, after the step of 60 days."""

    def at(self, step: int) -> datetime:
        """The instant at which a step is due."""
        return starts_at(self.ends - timedelta(days=step), TERMS)

    def role(self, plot: str) -> str:
        """The role that asks for a credential."""
        return f"role:{plot}-{self.tag}"

    def credential(self, plot: str) -> Any:
        """The credential as it was recorded."""
        return self.credentials[plot]


@pytest.fixture(scope="module")
def story(world) -> Story:
    """Ninety-nine days: recorded, two steps, then what happens to each, then the rest of the ladder."""
    tag = f"time{world.now:%y%m%d%H%M}"
    story = Story(tag, world.today(TERMS), world.today(TERMS) + timedelta(days=DAYS))
    story.manager = world.holder("Mona Lindt", email=f"manager-{tag}@example.org", time_zone=MANAGERS)
    someone = {"time_zone": HOLDERS, "manager_id": story.manager["id"]}
    story.holder = world.holder(
        "Hedda Quist", email=f"holder-{tag}@example.org", roles=[f"{p}-{tag}" for p in PLOTS], **someone
    )
    story.leaver = world.holder("Lena Voss", email=f"leaver-{tag}@example.org", **someone)
    # In force before everything else, whatever the time of day: the deployment's zone is not the terms'.
    day_before = (story.began - timedelta(days=1)).isoformat()
    for plot in PLOTS:
        world.type(f"{plot}-{tag}", validity={"months": 12}, renewal_basis="from_expiry")
        world.requirement(story.role(plot), f"{plot}-{tag}", effective_from=day_before)
        story.credentials[plot] = world.credential(
            story.leaver if plot == "left" else story.holder,
            f"{plot}-{tag}",
            number=f"{plot}-{tag}",
            valid_from=(story.began - timedelta(days=30)).isoformat(),
            expires_on=story.ends.isoformat(),
            time_zone=TERMS,
        )
    until = (story.ends - timedelta(days=31)).isoformat()
    for plot in ("suspended", "reinstated"):
        world.act(story.credential(plot), "suspend", reason="audit", until=until)

    world.move(story.at(60) + timedelta(hours=30))
    story.middle = world.now
    world.act(story.credential("renewed"), "renewals", mode="from_expiry")
    world.target.service("credentials").post(
        f"/v1/holders/{story.leaver['id']}/deactivate", {"reason": "left"}
    )
    later = (story.ends + timedelta(days=30)).isoformat()
    world.act(story.credential("corrected"), "corrections", expires_on=later, reason="misread")
    world.act(story.credential("reinstated"), "reinstate", reason="cleared")
    world.act(story.credential("revoked"), "revoke", reason="fraud")
    world.act(story.credential("surrendered"), "surrender", reason="closed")
    world.act(story.credential("voided"), "void", reason="typing_error")

    world.move(story.at(-7) + timedelta(hours=30))
    return story


def notices(world, credential) -> list[tuple[str, Any]]:
    """What time announced for a credential."""
    return [
        (name, data["step"])
        for name, data in world.told(credential, Topic.SCHEDULE)
        if data.get("step") is not None
    ]


def changes(world, credential) -> list[tuple[str, str, str]]:
    """Its status changes: from, to, cause."""
    return [
        (data["from"], data["to"], data["cause"])
        for name, data in world.told(credential, Topic.CREDENTIALS)
        if name == "credential.status_changed"
    ]


def outcomes(world, credential, role: str = "holder") -> list[tuple[str, str]]:
    """What became of each notice to somebody, in order."""
    notes = sorted(world.notes(credential), key=lambda note: note["created_at"])
    return [(note["outcome"], note["reason"]) for note in notes if note["told"] == role]


def subjects(world, story, plot: str) -> list[str]:
    """The mails about a credential, to anybody."""
    mails = [mail for name in ("holder", "leaver") for mail in world.mails(f"{name}-{story.tag}@")]
    return [mail.subject for mail in mails if f"{plot}-{story.tag}" in mail.body("plain")]


def codes(world, story, plot: str) -> list[str]:
    """The first reason of each interval of the timeline that asks for a credential."""
    return [one["reasons"][0]["code"] for one in world.timeline(story.holder, story.role(plot))]


def test_each_step_of_the_ladder_is_one_event_at_the_start_of_its_day_in_the_terms_zone(world, story):
    events = world.told(story.credential("whole"), Topic.SCHEDULE)
    steps = {data["step"]: (name, data) for name, data in events if data.get("step") is not None}
    assert [data["step"] for _, data in events if data.get("step") is not None] == LADDER
    for step in LADDER:
        name, data = steps[step]
        assert name == ("credential.overdue" if step < 0 else "credential.expiring")
        assert datetime.fromisoformat(data["at"]) == story.at(step)
        assert data["expires_on"] == story.ends.isoformat()
        assert data["days_since" if step < 0 else "days_left"] == abs(step)
        assert data["notify"] is True
        assert data["passed_over"] == []


def test_expiry_is_one_event_at_the_end_of_the_last_day_and_the_status_follows(world, story):
    licence = story.credential("whole")
    (expired,) = [d for name, d in world.told(licence, Topic.SCHEDULE) if name == "credential.expired"]
    end = starts_at(story.ends + timedelta(days=1), TERMS)
    assert datetime.fromisoformat(expired["at"]) == end
    assert changes(world, licence) == [
        ("active", "expiring", "automatic"),
        ("expiring", "expired", "automatic"),
    ]
    last = [d for name, d in world.told(licence, Topic.CREDENTIALS) if name == "credential.status_changed"][
        -1
    ]
    assert datetime.fromisoformat(last["effective_at"]) == end
    assert world.shown(licence)["validity"] == "expired"
    assert codes(world, story, "whole") == ["no_requirement", "valid", "expired"]


@pytest.mark.parametrize(("who", "zone"), [("holder", HOLDERS), ("manager", MANAGERS)])
def test_each_step_and_the_expiry_are_one_mail_each_at_eight_where_the_reader_lives(world, story, who, zone):
    word = f"whole-{story.tag}"
    mails = [mail for mail in world.mails(f"{who}-{story.tag}@") if word in mail.body("plain")]
    expected = []
    for instant in [*(story.at(step) for step in (90, 60, 30, 7, 0)), story.at(-1), story.at(-7)]:
        local = instant.astimezone(ZoneInfo(zone))
        eight = local.replace(hour=8, minute=0, second=0)
        expected.append(local if 8 <= local.hour < 18 else eight + timedelta(days=local.hour >= 18))
    left = [mail.date.astimezone(ZoneInfo(zone)).replace(second=0, tzinfo=None) for mail in mails]
    assert left == [instant.replace(tzinfo=None) for instant in expected]
    assert all(word in mail.body("html") for mail in mails)
    assert len({mail.message["Message-ID"] for mail in mails}) == len(LADDER) + 1


def test_a_renewal_ends_the_old_ladder_and_eligibility_goes_on(world, story):
    renewed = story.credential("renewed")
    assert notices(world, renewed) == [("credential.expiring", 90), ("credential.expiring", 60)]
    assert not [name for name, _ in world.told(renewed, Topic.SCHEDULE) if name == "credential.expired"]
    assert len(subjects(world, story, "renewed")) == 2
    assert changes(world, renewed) == [("active", "expiring", "automatic"), ("expiring", "active", "manual")]
    shown = world.shown(renewed)
    assert shown["validity"] == "active"
    (*_, valid, expired) = world.timeline(story.holder, story.role("renewed"))
    assert valid["verdict"] == "eligible"
    end = starts_at(date.fromisoformat(shown["expires_on"]) + timedelta(days=1), TERMS)
    assert datetime.fromisoformat(valid["end"]) == end
    assert expired["verdict"] == "ineligible"


def test_a_deactivated_holder_gets_no_mail_and_facts_are_still_announced(world, story):
    left = story.credential("left")
    assert notices(world, left) == [("credential.expiring", 90), ("credential.expiring", 60)]
    assert [name for name, _ in world.told(left, Topic.SCHEDULE)][-1] == "credential.expired"
    assert world.shown(left)["validity"] == "expired"
    passed = {d["step"]: d["reason"] for d in world.timer(left)["decisions"] if d["outcome"] == "passed_over"}
    del passed[None]  # the beginning of the term, long before its entry
    assert passed == dict.fromkeys([30, 7, 0, -7], "holder_inactive")
    assert len(world.mails(f"leaver-{story.tag}@")) == 2
    assert outcomes(world, left)[2:] == [("skipped", "holder_inactive")]  # the expiry


def test_a_corrected_date_opens_future_steps_and_passes_over_reached_ones(world, story):
    corrected = story.credential("corrected")
    assert notices(world, corrected) == [("credential.expiring", step) for step in (90, 60, 60, 30)]
    second = [d for d in world.timer(corrected)["decisions"] if d["term_revision"] == 2]
    assert {d["step"]: (d["outcome"], d["reason"]) for d in second if d["kind"] == "expiring"} == {
        90: ("passed_over", "corrected"),
        60: ("announced", None),
        30: ("announced", None),
    }
    assert world.shown(corrected)["validity"] == "expiring"
    assert world.shown(corrected)["expires_on"] == (story.ends + timedelta(days=30)).isoformat()


def test_reminders_pause_during_a_suspension_and_its_end_is_announced(world, story):
    suspended = story.credential("suspended")
    # When it ended the next step had come, which says more than those that were held back.
    assert outcomes(world, suspended) == [("skipped", "superseded")] * 2 + [("sent", "due")] * 5
    assert changes(world, suspended) == [
        ("active", "suspended", "manual"),
        ("suspended", "expiring", "automatic"),
        ("expiring", "expired", "automatic"),
    ]
    assert codes(world, story, "suspended") == [
        "no_requirement", "valid", "suspended", "valid", "expired",
    ]  # fmt: skip


def test_a_reinstated_credential_counts_and_is_reminded_of_again(world, story):
    reinstated = story.credential("reinstated")
    assert changes(world, reinstated) == [
        ("active", "suspended", "manual"),
        ("suspended", "expiring", "manual"),
        ("expiring", "expired", "automatic"),
    ]
    # Of the steps that were held back the strictest is told.
    assert outcomes(world, reinstated) == [("skipped", "superseded")] + [("sent", "due")] * 6
    timeline = world.timeline(story.holder, story.role("reinstated"))
    assert codes(world, story, "reinstated")[1:] == ["valid", "suspended", "valid", "expired"]
    assert abs(datetime.fromisoformat(timeline[3]["start"]) - story.middle) < timedelta(minutes=5)


@pytest.mark.parametrize("plot", ["revoked", "surrendered"])
def test_a_final_flag_ends_the_ladder_and_eligibility(world, story, plot):
    flagged = story.credential(plot)
    assert notices(world, flagged) == [("credential.expiring", 90), ("credential.expiring", 60)]
    assert changes(world, flagged) == [("active", "expiring", "automatic"), ("expiring", plot, "manual")]
    assert world.shown(flagged)["validity"] == plot
    assert codes(world, story, plot) == ["no_requirement", "valid", plot]
    assert len(subjects(world, story, plot)) == 2


def test_a_voided_credential_ends_its_ladder_and_counts_for_nothing(world, story):
    voided = story.credential("voided")
    assert notices(world, voided) == [("credential.expiring", 90), ("credential.expiring", 60)]
    assert [name for name, _ in world.told(voided, Topic.CREDENTIALS)][-1] == "credential.voided"
    assert codes(world, story, "voided") == ["no_requirement", "missing"]
    assert len(subjects(world, story, "voided")) == 2
    listed = world.target.service("credentials").items("/v1/credentials", holder_id=story.holder["id"])
    assert voided["id"] not in [item["id"] for item in listed]


def test_every_decision_to_notify_or_not_has_a_reason(world, story):
    for plot in PLOTS:
        notes = world.notes(story.credential(plot))
        assert notes
        assert {note["outcome"] for note in notes} <= {"sent", "skipped"}
        assert all(note["reason"] for note in notes)
        decided = [name for name, data in world.told(story.holder, Topic.NOTIFICATIONS)]
        assert set(decided) <= {"notification.sent", "notification.skipped"}


def test_moving_the_clock_to_the_same_instant_does_nothing_and_moving_it_back_is_refused(world, story, cli):
    before = len(world.run.events()), len(world.target.mail_box.mails())
    instant = world.target.service("scheduler").get("/v1/clock")["set_to"]
    again = cli("clock", "set", instant)
    assert again.code == 0, again
    assert "nothing to do" in again.err
    assert (len(world.run.events()), len(world.target.mail_box.mails())) == before
    earlier = cli("clock", "set", (datetime.fromisoformat(instant) - timedelta(days=1)).isoformat())
    assert earlier.code == 2
    assert "only goes forward" in earlier.err
    assert (len(world.run.events()), len(world.target.mail_box.mails())) == before


def test_after_a_jump_only_the_strictest_step_is_announced_and_the_others_are_passed_over(world, tag, cli):
    holder = world.holder("Juna Pell", email=f"jump-{tag}@example.org")
    world.type(f"jump-{tag}")
    jumped = world.credential(holder, f"jump-{tag}", expires_on=world.day(95))
    world.quiet()
    landed = world.now + timedelta(days=89)
    done = cli("clock", "set", landed.isoformat(), "--jump")
    assert done.code == 0, done
    assert notices(world, jumped) == [("credential.expiring", 7)]
    decided = {d["step"]: (d["outcome"], d["reason"]) for d in world.timer(jumped)["decisions"]
               if d["step"] is not None}  # fmt: skip
    assert decided == {7: ("announced", None)} | dict.fromkeys([90, 60, 30], ("passed_over", "stricter_step"))
    assert world.shown(jumped)["validity"] == "expiring"
    assert changes(world, jumped) == [("active", "expiring", "automatic")]
    world.move(landed + timedelta(days=1))  # by then the hour to send mails has come
    assert len(world.mails(f"jump-{tag}@")) == 1
