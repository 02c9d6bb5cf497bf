"""Holders and places over HTTP, and what is published of them."""

from typing import Any

from licet_events.holders import HolderRegistered, HolderUpdated

from .conftest import made


async def test_a_holder_is_registered_shown_and_published(http, service):
    answer = await http.post(
        "/v1/holders",
        json={"kind": "employee", "name": "Ana", "email": "ana@example.org", "roles": ["forklift"],
              "attributes": {"shoe": 40}},
    )  # fmt: skip
    assert answer.status_code == 201, answer.text
    body = answer.json()
    assert (answer.headers["etag"], body["active"]) == ('"1"', True)
    assert (await http.get(answer.headers["location"])).json() == body
    [event] = await service.published()
    assert isinstance(event.data, HolderRegistered)
    assert event.data.holder.roles == ("forklift",)


async def test_a_merge_patch_changes_what_it_names_and_clears_what_is_null(http, service):
    body = await made(
        http,
        "holders",
        kind="employee",
        name="Ana",
        team="red",
        phone="+49 30 1",
        attributes={"a": 1, "b": "x"},
    )
    await service.published()
    answer = await http.patch(
        f"/v1/holders/{body['id']}",
        json={"phone": None, "name": "Anna", "attributes": {"a": None, "c": True}},
        headers={"If-Match": '"1"'},
    )
    assert answer.status_code == 200, answer.text
    after = answer.json()
    assert (after["phone"], after["name"], after["team"]) == (None, "Anna", "red")
    assert after["attributes"] == {"b": "x", "c": True}
    [event] = await service.published()
    assert isinstance(event.data, HolderUpdated)
    assert event.data.changed == ("name", "phone", "attributes")


async def test_a_feed_creates_replaces_and_repeats_without_an_event(http, service):
    feed = {"kind": "employee", "name": "Ana", "team": "red"}
    first = await http.put("/v1/holders/by-external-id/E-1", json=feed)
    assert (first.status_code, first.json()["version"]) == (201, 1)
    again = await http.put("/v1/holders/by-external-id/E-1", json=feed)
    assert (again.status_code, again.json()) == (200, first.json())
    changed = await http.put("/v1/holders/by-external-id/E-1", json={"kind": "employee", "name": "Ana"})
    assert (changed.status_code, changed.json()["team"]) == (200, None)
    assert await service.told() == ["holder.registered", "holder.updated"]


async def test_a_manager_who_is_not_known_yet_is_linked_when_entered(http, service):
    feed = {"kind": "employee", "name": "Ana", "manager_external_id": "E-2"}
    ana = (await http.put("/v1/holders/by-external-id/E-1", json=feed)).json()
    assert ana["manager_id"] is None
    boss = (await http.put("/v1/holders/by-external-id/E-2", json={"kind": "employee", "name": "Bo"})).json()
    linked = (await http.get(f"/v1/holders/{ana['id']}")).json()
    assert (linked["manager_id"], linked["version"]) == (boss["id"], 2)
    await service.published()
    again = await http.put("/v1/holders/by-external-id/E-1", json=feed)
    assert again.json()["version"] == 2
    assert await service.told() == []


async def test_a_holder_leaves_and_comes_back_with_a_reason(http, service, ana):
    await service.published()
    gone = await made(http, f"holders/{ana['id']}/deactivate", reason="left")
    assert (gone["active"], gone["version"]) == (False, 2)
    again = await http.post(f"/v1/holders/{ana['id']}/deactivate", json={"reason": "left"})
    assert again.status_code == 409
    back = await made(http, f"holders/{ana['id']}/reactivate", reason="rehired")
    assert back["active"] is True
    assert await service.told() == ["holder.deactivated", "holder.reactivated"]


async def test_lists_of_holders_filter_and_page(http, service):
    for number in range(4):
        await made(
            http, "holders", kind="vendor" if number else "employee", name=f"Name {number}%",
            external_id=f"X-{number}", roles=["guard"] if number == 2 else [], location="north",
        )  # fmt: skip

    async def names(**params: Any) -> list[str]:
        return [item["name"] for item in (await http.get("/v1/holders", params=params)).json()["items"]]

    assert await names(kind="employee") == ["Name 0%"]
    assert await names(role="guard") == ["Name 2%"]
    assert await names(q="x-3") == ["Name 3%"]
    assert await names(q="3%") == ["Name 3%"]
    assert await names(location="south") == []
    assert len(await names(active=True, location="north")) == 4
    page = (await http.get("/v1/holders", params={"limit": 3})).json()
    assert len(page["items"]) == 3
    rest = (await http.get("/v1/holders", params={"limit": 3, "cursor": page["next_cursor"]})).json()
    assert [item["name"] for item in rest["items"]] == ["Name 3%"]


async def test_places_are_put_shown_listed_and_repeated_without_an_event(http, service):
    plant = {"name": "Plant", "time_zone": "Europe/Berlin", "country": "DE", "subdivision": "DE-BE"}
    assert (await http.put("/v1/locations/plant", json=plant)).status_code == 201
    assert (await http.put("/v1/locations/plant", json=plant)).status_code == 200
    team = {"name": "Red", "fallback_email": "red@example.org"}
    assert (await http.put("/v1/teams/red", json=team)).status_code == 201
    assert (await http.put("/v1/teams/red", json=team | {"name": "Reds"})).json()["version"] == 2
    assert await service.told() == ["location.changed", "team.changed", "team.changed"]
    assert (await http.get("/v1/locations/plant")).json()["time_zone"] == "Europe/Berlin"
    assert [item["code"] for item in (await http.get("/v1/teams")).json()["items"]] == ["red"]
    stale = await http.put("/v1/teams/red", json=team, headers={"If-Match": '"1"'})
    assert stale.status_code == 412
