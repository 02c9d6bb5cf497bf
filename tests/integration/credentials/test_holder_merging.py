"""Two records of one person become one: what moves, what leads where, what is refused, what is published."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from licet_chassis.cause import Cause
from licet_credentials.credentials.commands.correcting import move_credential
from licet_credentials.holders import store
from licet_credentials.holders.changes import HolderFacts
from licet_credentials.holders.commands.registering import register_holder
from licet_credentials.merging import commands as merging
from licet_credentials.visibility.model import Sees
from licet_events.holders import HolderKind, HolderMerged

from .conftest import made, waits_for_a_lock

FEED = {"kind": "employee", "name": "Ana Example"}


@pytest.fixture
async def twin(http: Any, ana: Any) -> Any:
    return await made(http, "holders", kind="employee", name="A. Example", external_id="E-1b")


async def merge(http: Any, duplicate: Any, into: Any, **more: Any) -> Any:
    return await http.post(
        f"/v1/holders/{duplicate['id']}/merge", json={"into": into["id"], "reason": "duplicate", **more}
    )


async def put(http: Any, external_id: str, **feed: Any) -> Any:
    return await http.put(f"/v1/holders/by-external-id/{external_id}", json=FEED | feed)


async def test_credentials_reports_and_places_follow_the_merge_in_one_transaction(
    http, service, credential, ana, twin
):
    report = await made(http, "holders", kind="employee", name="Cy", manager_id=ana["id"])
    await http.put("/v1/teams/red", json={"name": "Red", "supervisor_ids": [ana["id"], twin["id"]]})
    await http.put("/v1/locations/plant", json={"name": "Plant", "supervisor_ids": [ana["id"]]})
    await service.published()

    answer = await merge(http, ana, twin, note="same birthday")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["holder"]["id"], body["credentials"]) == (twin["id"], [credential["id"]])
    assert (body["reports"], body["places"]) == ([report["id"]], ["location/plant", "team/red"])
    assert (body["duplicate"]["active"], body["duplicate"]["merged_into"]) == (False, twin["id"])

    assert (await http.get(f"/v1/credentials/{credential['id']}")).json()["holder_id"] == twin["id"]
    assert (await http.get(f"/v1/holders/{report['id']}")).json()["manager_id"] == twin["id"]
    assert (await http.get("/v1/teams/red")).json()["supervisor_ids"] == [twin["id"]]
    assert (await http.get("/v1/locations/plant")).json()["supervisor_ids"] == [twin["id"]]

    events = {event.data.event_type.split(".", 1)[1]: event.data for event in await service.published()}
    assert sorted(events) == [
        "credential.corrected.v1", "credential.moved.v1", "holder.merged.v1", "holder.updated.v1",
        "location.changed.v1", "team.changed.v1",
    ]  # fmt: skip
    told = events["holder.merged.v1"]
    assert isinstance(told, HolderMerged)
    assert (str(told.into), str(told.holder.merged_into), told.holder.active) == (twin["id"],) * 2 + (False,)
    assert (told.key, told.sequence) == (ana["id"], 2)


async def test_the_old_id_redirects_to_the_remaining_holder(http, ana, twin):
    await merge(http, ana, twin)
    for path in ("", "/profile"):
        answer = await http.get(f"/v1/holders/{ana['id']}{path}")
        assert (answer.status_code, answer.headers["location"]) == (308, f"/v1/holders/{twin['id']}{path}")
        assert answer.json()["merged_into"] == twin["id"]
    profile = (await http.get(f"/v1/holders/{twin['id']}/profile")).json()
    assert profile["merged"] == [ana["id"]]


async def test_a_merged_id_stands_for_the_remaining_holder_wherever_one_is_named(http, ana, twin, licence):
    await merge(http, ana, twin)
    report = await made(http, "holders", kind="employee", name="Cy", manager_id=ana["id"])
    assert report["manager_id"] == twin["id"]
    fed = await put(http, "E-9", manager_external_id="E-1")
    assert fed.json()["manager_id"] == twin["id"]
    place = await http.put("/v1/teams/red", json={"name": "Red", "supervisor_ids": [ana["id"], twin["id"]]})
    assert place.json()["supervisor_ids"] == [twin["id"]]
    recorded = await made(http, "credentials", holder_id=ana["id"], type="licence", number="Z-9")
    assert recorded["holder_id"] == twin["id"]


async def test_a_feed_that_still_names_the_old_id_creates_nobody_and_changes_nothing(
    http, service, ana, twin
):
    await merge(http, ana, twin)
    await service.published()
    answer = await put(http, "E-1", name="Someone Else", team="blue")
    assert (answer.status_code, answer.json()["id"]) == (200, twin["id"])
    assert (answer.json()["name"], answer.json()["external_id"]) == ("A. Example", "E-1b")
    assert await service.told() == []
    assert await service.count("holders") == 2
    again = await http.post("/v1/holders", json=FEED | {"external_id": "E-1"})
    assert again.status_code == 409
    assert twin["id"] in again.json()["detail"]


async def test_a_holder_without_external_id_takes_over_that_of_its_duplicate(http, service, ana):
    own = await made(http, "holders", kind="employee", name="Entered By Hand")
    await service.published()
    body = (await merge(http, ana, own)).json()
    assert (body["holder"]["external_id"], body["duplicate"]["external_id"]) == ("E-1", None)
    fed = await put(http, "E-1", team="blue")
    assert (fed.json()["id"], fed.json()["team"]) == (own["id"], "blue")
    told = await service.told()
    assert sorted(told) == ["holder.merged", "holder.updated", "holder.updated"]


async def test_a_holder_may_swap_external_ids_with_a_record_merged_into_it(http, ana, twin):
    twin = (await merge(http, ana, twin)).json()["holder"]
    path, tag = f"/v1/holders/{twin['id']}", {"If-Match": f'"{twin["version"]}"'}
    changed = await http.patch(path, json={"external_id": "E-1"}, headers=tag)
    assert (changed.status_code, changed.json()["external_id"]) == (200, "E-1")
    ruling = (await put(http, "E-1", team="blue")).json()
    assert (ruling["id"], ruling["team"]) == (twin["id"], "blue")
    leading = (await put(http, "E-1b", team="green")).json()
    assert (leading["id"], leading["team"]) == (twin["id"], "blue")


async def test_earlier_merges_point_directly_at_the_remaining_holder(http, service, ana, twin):
    third = await made(http, "holders", kind="employee", name="Third")
    await merge(http, ana, twin)
    await service.published()
    await merge(http, twin, third)
    answer = await http.get(f"/v1/holders/{ana['id']}")
    assert (answer.status_code, answer.json()["merged_into"]) == (308, third["id"])
    merged = [event.data for event in await service.published() if isinstance(event.data, HolderMerged)]
    assert {(str(data.holder.id), str(data.into)) for data in merged} == {
        (ana["id"], third["id"]), (twin["id"], third["id"]),
    }  # fmt: skip


async def test_a_report_of_the_duplicate_reports_to_its_manager(http, ana):
    boss = await made(http, "holders", kind="employee", name="Boss")
    duplicate = await made(http, "holders", kind="employee", name="Dup", manager_id=boss["id"])
    into = await made(http, "holders", kind="employee", name="Real", manager_id=duplicate["id"])
    body = (await merge(http, duplicate, into)).json()
    assert (body["holder"]["manager_id"], body["reports"]) == (boss["id"], [])


@pytest.mark.parametrize("which", ["itself", "nobody", "merged", "merged_twice", "inactive"])
async def test_an_impossible_merge_is_refused_and_changes_nothing(http, service, ana, twin, which):
    third = await made(http, "holders", kind="employee", name="Third")
    duplicate, into, status, says = ana, twin, 409, ""
    if which == "itself":
        into, status, says = ana, 422, "into itself"
    elif which == "nobody":
        into, status, says = {"id": str(UUID(int=7))}, 422, "There is no holder"
    elif which == "merged":
        await merge(http, twin, third)
        says = f"merged into {third['id']}"
    elif which == "merged_twice":
        await merge(http, ana, third)
        says = f"merged into {third['id']}"
    else:
        await made(http, f"holders/{twin['id']}/deactivate", reason="left")
        says = "inactive"
    await service.published()
    answer = await merge(http, duplicate, into)
    assert answer.status_code == status, answer.text
    assert says in answer.json()["detail"]
    assert await service.told() == []


async def test_a_merged_record_leaves_lists(http, ana, twin):
    await merge(http, ana, twin)
    assert [item["id"] for item in (await http.get("/v1/holders")).json()["items"]] == [twin["id"]]


async def test_a_merged_record_takes_no_more_changes(http, ana, twin):
    merged = (await merge(http, ana, twin)).json()["duplicate"]
    tag = {"If-Match": f'"{merged["version"]}"'}
    patched = await http.patch(f"/v1/holders/{ana['id']}", json={"name": "X"}, headers=tag)
    back = await http.post(f"/v1/holders/{ana['id']}/reactivate", json={"reason": "rehired"})
    for answer in (patched, back):
        assert answer.status_code == 409
        assert twin["id"] in answer.json()["detail"]


async def test_a_number_that_both_holders_have_is_named_and_nothing_changes(
    http, service, credential, ana, twin
):
    other = await made(http, "credentials", holder_id=twin["id"], type="licence", number="A-1")
    await service.published()
    answer = await merge(http, ana, twin)
    assert answer.status_code == 409
    assert other["id"] in answer.json()["detail"]
    assert credential["id"] in answer.json()["detail"]
    assert await service.told() == []
    assert (await http.get(f"/v1/holders/{ana['id']}")).json()["active"] is True


async def test_more_than_a_transaction_should_hold_is_refused_with_the_limit(
    http, service, credential, ana, twin, monkeypatch
):
    monkeypatch.setattr(merging, "MOST", 0)
    answer = await merge(http, ana, twin)
    assert answer.status_code == 409
    assert "more than 0 credentials" in answer.json()["detail"]


async def test_a_merge_that_would_close_a_cycle_of_managers_is_refused(http, service, ana):
    duplicate = await made(http, "holders", kind="employee", name="Dup", external_id="D")
    report = await made(
        http, "holders", kind="employee", name="R", external_id="R", manager_id=duplicate["id"]
    )
    into = await made(http, "holders", kind="employee", name="I", external_id="I", manager_id=report["id"])
    await service.published()
    answer = await merge(http, duplicate, into)
    assert answer.status_code == 409
    assert "R reports to I reports to R" in answer.json()["detail"] or (
        "I reports to R reports to I" in answer.json()["detail"]
    )
    assert await service.told() == []


async def test_a_stale_version_of_the_duplicate_is_refused(http, ana, twin):
    answer = await http.post(
        f"/v1/holders/{ana['id']}/merge",
        json={"into": twin["id"], "reason": "duplicate"},
        headers={"If-Match": '"7"'},
    )
    assert answer.status_code == 412


async def test_a_credential_recorded_during_a_merge_belongs_to_the_remaining_holder(
    http, service, ana, twin, licence
):
    """The merge holds the duplicate: a credential that is recorded meanwhile waits, and then follows."""
    async with service.database.transaction(Cause.new("test")) as tx:
        await store.lock_affected(tx.conn, [UUID(ana["id"]), UUID(twin["id"])], 10)
        await store.fence(tx.conn, UUID(ana["id"]))
        recording = asyncio.create_task(
            made(http, "credentials", holder_id=ana["id"], type="licence", number="M-1")
        )
        await waits_for_a_lock(service)
        await merging.merge_holder(
            tx, UUID(ana["id"]), UUID(twin["id"]), "duplicate", note=None, expected_version=None, sees=Sees(),
            now=service.clock.now(),
        )  # fmt: skip
    assert (await recording)["holder_id"] == twin["id"]


@pytest.mark.parametrize("first", ["merge", "report"])
async def test_a_new_report_of_the_duplicate_during_a_merge_reports_to_the_remaining_holder(
    http, service, ana, twin, first
):
    now = service.clock.now()
    facts = HolderFacts(kind=HolderKind.EMPLOYEE, name="Cy", manager_id=UUID(ana["id"]))

    async def merge_both(tx: Any) -> None:
        ids = (UUID(ana["id"]), UUID(twin["id"]))
        await merging.merge_holder(
            tx, *ids, "duplicate", note=None, expected_version=None, sees=Sees(), now=now
        )

    async def register(tx: Any) -> None:
        await register_holder(tx, facts, now=now)

    steps = (merge_both, register) if first == "merge" else (register, merge_both)
    async with service.database.transaction(Cause.new("test")) as tx:
        await steps[0](tx)
        meanwhile = asyncio.create_task(service.database.run(Cause.new("test"), steps[1]))
        await waits_for_a_lock(service)
    await meanwhile
    [report] = (await http.get("/v1/holders", params={"q": "Cy"})).json()["items"]
    assert report["manager_id"] == twin["id"]


async def test_a_credential_moved_elsewhere_during_a_merge_is_not_merged(
    http, service, credential, ana, twin
):
    other = await made(http, "holders", kind="employee", name="Whose it is")
    async with service.database.transaction(Cause.new("test")) as tx:
        await move_credential(
            tx, UUID(credential["id"]), UUID(other["id"]), "wrong_holder", now=service.clock.now()
        )
        merging_meanwhile = asyncio.create_task(merge(http, ana, twin))
        await waits_for_a_lock(service)
    answer = await merging_meanwhile
    assert (answer.status_code, answer.json()["credentials"]) == (200, [])
    assert (await http.get(f"/v1/credentials/{credential['id']}")).json()["holder_id"] == other["id"]


async def test_concurrent_merges_in_opposite_directions_leave_one_holder(http, service, ana, twin):
    answers = await asyncio.gather(*(merge(http, *pair) for pair in ((ana, twin), (twin, ana)) * 3))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409, 409]
    active = (await http.get("/v1/holders", params={"active": True})).json()["items"]
    assert len(active) == 1
