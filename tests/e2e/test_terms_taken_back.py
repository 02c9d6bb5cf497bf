"""A term that should never have been recorded is gone for every service: each replaces what it knew."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any


def test_a_withdrawn_renewal_ends_eligibility_and_brings_back_the_reminders_of_the_term_before(world, tag):
    licence, role, mail = f"back-{tag}", f"role:back-{tag}", f"back-{tag}@example.org"
    world.type(licence, ladder=[30, 7])
    world.requirement(role, licence, effective_from=world.day(-400), time_zone="UTC")
    holder = world.holder("Tara Taken", email=mail, roles=[f"back-{tag}"])
    ends = date.fromisoformat(world.day(60))
    credential = world.credential(holder, licence, valid_from=world.day(-30), expires_on=ends.isoformat())
    world.quiet()
    first, due = world.timeline(holder, role), world.timer(credential)["due_at"]
    renewed = world.act(credential, "renewals", expires_on=(ends + timedelta(365)).isoformat())
    world.quiet()
    assert world.timer(credential)["due_at"] != due
    assert world.timeline(holder, role) != first

    wrong = {"term_id": renewed["term"]["id"], "withdraw_term": True, "reason": "wrong_person"}
    world.act(credential, "corrections", **wrong)
    world.quiet()
    assert world.timer(credential)["due_at"] == due
    assert _spans(world.timeline(holder, role)) == _spans(first)

    world.move(datetime.combine(ends - timedelta(days=30), time(12), UTC))
    assert len(world.mails(mail)) == 1


def _spans(timeline: list[Any]) -> list[Any]:
    """What holds from when until when; not by which version of the facts."""
    return [
        {name: value for name, value in interval.items() if name != "reasons"}
        | {"codes": [reason["code"] for reason in interval["reasons"]]}
        for interval in timeline
    ]
