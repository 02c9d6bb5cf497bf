"""A credential that is moved to the holder it belongs to, seen by every service."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from licet_events import Topic


def test_a_moved_credential_counts_for_its_new_holder_who_is_reminded_of_it(world, tag):
    licence, role = f"moved-{tag}", f"role:moved-{tag}"
    world.type(licence, ladder=[30, 7])
    world.requirement(role, licence, effective_from=world.day(-400), time_zone="UTC")
    wrong = world.holder("Wanda Wrong", email=f"wrong-{tag}@example.org", roles=[f"moved-{tag}"])
    right = world.holder("Rita Right", email=f"right-{tag}@example.org", roles=[f"moved-{tag}"])
    expires_on = world.day(60)
    credential = world.credential(wrong, licence, valid_from=world.day(-30), expires_on=expires_on)
    world.quiet()
    assert (_codes(world, wrong, role), _codes(world, right, role)) == (
        ["no_requirement", "not_yet_valid", "valid", "expired"],
        ["no_requirement", "missing"],
    )

    moved = world.act(credential, "corrections", holder_id=right["id"], reason="wrong_holder")
    world.quiet()
    assert (moved["holder_id"], moved["version"]) == (right["id"], 2)
    assert (_codes(world, wrong, role), _codes(world, right, role)) == (
        ["no_requirement", "missing"],
        ["no_requirement", "not_yet_valid", "valid", "expired"],
    )
    keys = [
        (seen.attributes["type"], seen.key, seen.event is not None and seen.event.data.tombstone)
        for seen in world.run.events(Topic.CREDENTIALS)
        if credential["id"] in (seen.key or "")
    ]
    assert sorted(keys) == sorted(
        [
            ("licet.credential.created.v1", f"{wrong['id']}/{credential['id']}", False),
            ("licet.credential.corrected.v1", f"{right['id']}/{credential['id']}", False),
            ("licet.credential.moved.v1", f"{wrong['id']}/{credential['id']}", True),
        ]
    )

    step = date.fromisoformat(expires_on) - timedelta(days=30)
    world.move(datetime.combine(step, time(12), UTC))
    assert len(world.mails(f"right-{tag}@example.org")) == 1
    assert world.mails(f"wrong-{tag}@example.org") == []


def _codes(world: Any, holder: Any, role: str) -> list[str]:
    return [one["reasons"][0]["code"] for one in world.timeline(holder, role)]
