"""Credential types from end to end: starter catalogues, and a ladder that changes while timers run."""

from licet_events import Topic


def test_a_starter_catalogue_is_loaded_once_by_the_command(cli, world):
    listed = cli("types", "catalogues", "--json").good().json["items"]
    (food,) = [item for item in listed if item["name"] == "food-hygiene"]
    dry = cli("types", "load", "food-hygiene", "--dry-run").good().out
    assert f"It would be: {len(food['types'])} created." in dry
    done = cli("types", "load", "food-hygiene", "--json").good().json
    assert done["counts"]["created"] == len(food["types"])
    world.quiet()
    events = len(world.run.events(Topic.CATALOGUE))
    again = cli("types", "load", "food-hygiene", "--type", "us-ca-food-handler").good().out
    assert "us-ca-food-handler  unchanged" in again
    assert again.endswith("Done: 1 unchanged.\n")
    world.quiet()
    assert len(world.run.events(Topic.CATALOGUE)) == events
    unknown = cli("types", "load", "astronauts")
    assert unknown.code == 1
    assert "there are aviation, driving" in unknown.err


def test_a_changed_ladder_repeats_no_announcement(world, tag):
    service = world.target.service("credentials")
    code = f"ladder-{tag}"
    world.type(code, ladder=[60, 30, 0])
    licence = world.credential(world.holder("Leda Stufe"), code, expires_on=world.day(40))
    world.quiet()

    def steps() -> list[int]:
        told = world.told(licence, Topic.SCHEDULE)
        return [data["step"] for name, data in told if name == "credential.expiring"]

    assert steps() == [60]
    for ladder, expected in (
        ([60, 45, 30, 0], [60, 45]),  # 45 days before had come, and nobody was told of it
        ([90, 60, 45, 0], [60, 45]),  # 90 is milder than what was told
        ([30, 0], [60, 45]),
    ):
        entry = service.get(f"/v1/credential-types/{code}")
        service.patch(f"/v1/credential-types/{code}", {"ladder": ladder}, entry["version"])
        world.quiet()
        assert steps() == expected
        assert service.get(f"/v1/credential-types/{code}/replanning")["remaining"] == 0
    told = [name for name, _ in world.told(licence, Topic.CREDENTIALS)]
    # With the last ladder nothing has come yet, so it counts as active again.
    assert told == ["credential.created", *["credential.updated"] * 3, "credential.status_changed"]
