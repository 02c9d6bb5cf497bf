"""People as a feed tells of them: who leaves is told nothing, who turns out to be another is told once."""

from datetime import timedelta
from typing import Any

import pytest

from licet_events import Topic


class Feed:
    """A feed about contacts, of whom no other test here has any with an external id."""

    def __init__(self, world: Any, tag: str) -> None:
        self.service = world.target.service("credentials")
        self.world, self.tag = world, tag

    def name(self, *names: str, **facts: Any) -> list[Any]:
        return [
            self.service.put(
                f"/v1/holders/by-external-id/{name}-{self.tag}",
                {
                    "kind": "contact",
                    "name": f"{name} {self.tag}",
                    "time_zone": "UTC",
                    "email": f"{name}-{self.tag}@example.org",
                    **facts,
                },
            )
            for name in names
        ]

    def shown(self, holder: Any) -> Any:
        return self.service.get(f"/v1/holders/{holder['id']}")


@pytest.fixture
def feed(world, tag):
    return Feed(world, tag)


def test_a_feed_drives_a_holder_from_entry_to_leaving_return_and_merge(cli, world, feed, tag):
    world.type(f"type-{tag}", ladder=[5])
    role = f"role-{tag}"
    world.requirement(f"role:{role}", f"type-{tag}")
    left, duplicate, real = feed.name("left", "twin", "real", roles=[role])
    for holder in (left, duplicate):
        world.credential(holder, f"type-{tag}", number=f"N-{holder['name']}", expires_on=world.day(10))
    world.quiet()

    began = world.now.isoformat()
    feed.name("twin", "real", roles=[role])
    listed = cli(
        "holders", "leavers", "--kind", "contact", "--since", began, "--reason", "left_feed", "--json"
    )
    assert [item["id"] for item in listed.good().json["items"]] == [left["id"]]
    assert feed.shown(left)["active"] is True
    done = cli(
        "holders", "leavers", "--kind", "contact", "--since", began, "--reason", "left_feed", "--deactivate"
    )
    assert "1 deactivated" in done.good().out
    assert feed.shown(left)["active"] is False

    feed.service.post(f"/v1/holders/{duplicate['id']}/merge", {"into": real["id"], "reason": "duplicate"})
    world.quiet()
    assert f"N-{duplicate['name']} of real" in cli("why", duplicate["id"]).good().out
    verdicts = {
        holder["id"]: {interval["verdict"] for interval in world.timeline(holder, f"role:{role}")}
        for holder in (left, duplicate, real)
    }
    assert verdicts[left["id"]] == verdicts[duplicate["id"]] == {"ineligible"}
    assert "eligible" in verdicts[real["id"]]

    world.move(world.now + timedelta(days=6))
    mails = {name: len(world.mails(f"{name}-{tag}@example.org")) for name in ("left", "twin", "real")}
    assert mails == {"left": 0, "twin": 0, "real": 1}

    feed.name("left", roles=[role])
    world.quiet()
    world.move(world.now + timedelta(days=1))
    assert feed.shown(left)["active"] is True
    assert len(world.mails(f"left-{tag}@example.org")) == 1
    assert [name for name, _ in world.told(left, Topic.HOLDERS)] == [
        "holder.registered", "holder.deactivated", "holder.reactivated",
    ]  # fmt: skip
