"""A complete feed by external ids: who is named, who has left, who comes back."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from licet_chassis.cause import Cause
from licet_credentials.holders import store
from licet_credentials.holders.commands import leaving

from .conftest import made, waits_for_a_lock

FEED = {"kind": "employee", "name": "Someone"}


async def put(http: Any, *external_ids: str, **feed: Any) -> None:
    for external_id in external_ids:
        answer = await http.put(f"/v1/holders/by-external-id/{external_id}", json=FEED | feed)
        assert answer.status_code in {200, 201}, answer.text


async def leavers(http: Any, since: Any, **more: Any) -> Any:
    return await http.post(
        "/v1/holders/leavers",
        json={"kind": "employee", "absent_since": since.isoformat(), "reason": "left_feed", **more},
    )


@pytest.fixture
async def second_run(http: Any, service: Any) -> Any:
    """A, B and C were in the first feed; the second names A and C. Returns when it began."""
    await put(http, "A", "B", "C")
    service.clock.advance(days=1)
    began = service.clock.now()
    service.clock.advance(minutes=1)
    await put(http, "A", "C")
    await service.published()
    return began


async def test_a_repeated_holder_gets_no_event_and_no_version(http, service):
    await put(http, "A")
    before = await service.published()
    service.clock.advance(days=1)
    await put(http, "A")
    assert len(before) == 1
    assert await service.told() == []
    async with service.database.reading() as conn:
        row = await conn.fetchrow("select version, named_at from holders")
    assert (row["version"], row["named_at"]) == (1, service.clock.now())


async def test_a_dry_run_reports_who_is_absent_and_changes_nothing(http, service, second_run):
    answer = await leavers(http, second_run)
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert (body["dry_run"], body["absent"], body["deactivated"], body["remaining"]) == (True, 1, 0, 1)
    assert [(item["external_id"], item["active"]) for item in body["items"]] == [("B", True)]
    assert await service.told() == []


async def test_leavers_are_deactivated_once_with_their_reason(http, service, second_run):
    body = (await leavers(http, second_run, dry_run=False, note="feed of 2 March")).json()
    assert (body["absent"], body["deactivated"], body["remaining"]) == (1, 1, 0)
    [left] = body["items"]
    assert left["active"] is False
    [event] = await service.published()
    assert (event.data.event_type, event.data.reason) == ("licet.holder.deactivated.v1", "left_feed")
    line = (await http.get(f"/v1/holders/{left['id']}/history")).json()["items"][-1]
    assert (line["reason"], line["note"], line["changed"]) == ("left_feed", "feed of 2 March", ["active"])
    again = (await leavers(http, second_run, dry_run=False)).json()
    assert (again["absent"], again["deactivated"]) == (0, 0)
    assert await service.told() == []


async def test_only_holders_in_the_scope_of_the_feed_can_be_absent(http, service, second_run):
    await made(http, "holders", **FEED)  # has no external id
    await put(http, "V", kind="vendor")
    await made(http, "holders", **FEED, external_id="N")  # entered since the feed began
    assert [item["external_id"] for item in (await leavers(http, second_run)).json()["items"]] == ["B"]


async def test_a_feed_that_broke_off_deactivates_nobody(http, service):
    await put(http, "A", "B", "C")
    service.clock.advance(days=1)
    began = service.clock.now()
    await put(http, "A")
    await service.published()
    answer = await leavers(http, began, dry_run=False, at_most=1)
    assert answer.status_code == 409
    assert "2 holders would be deactivated" in answer.json()["detail"]
    assert (await leavers(http, began, at_most=1)).json()["absent"] == 2
    assert await service.told() == []


async def test_a_feed_that_named_nobody_deactivates_nobody(http, service):
    await put(http, "A", "B")
    await service.published()
    service.clock.advance(days=1)
    answer = await leavers(http, service.clock.now(), dry_run=False)
    assert answer.status_code == 409
    assert "No feed has named any employee" in answer.json()["detail"]
    assert await service.told() == []


async def test_a_feed_of_the_future_is_refused(http, service, second_run):
    answer = await leavers(http, service.clock.now() + timedelta(days=1), dry_run=False)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/absent_since")


async def test_more_leavers_than_the_limit_are_left_to_the_next_call(http, service, second_run, monkeypatch):
    monkeypatch.setattr(leaving, "LEAVERS_AT_ONCE", 1)
    service.clock.advance(minutes=1)
    began = service.clock.now()
    await put(http, "A")
    first = (await leavers(http, began, dry_run=False)).json()
    second = (await leavers(http, began, dry_run=False)).json()
    assert [(each["absent"], each["deactivated"], each["remaining"]) for each in (first, second)] == [
        (2, 1, 1), (1, 1, 0),
    ]  # fmt: skip


async def test_a_holder_named_concurrently_is_not_a_leaver(http, service, second_run):
    async with service.database.transaction(Cause.new("test")) as tx:
        absent = (await store.lock_by_external_ids(tx.conn, ["B"]))["B"]
        await store.note_feed_date(tx.conn, absent.id, service.clock.now())
        asked = asyncio.create_task(leavers(http, second_run, dry_run=False))
        await waits_for_a_lock(service)
    assert (await asked).json()["deactivated"] == 0
    assert await service.told() == []


async def test_a_leaver_who_is_named_again_is_reactivated(http, service, second_run):
    left = (await leavers(http, second_run, dry_run=False)).json()["items"][0]
    await service.published()
    await put(http, "B", team="blue")
    back = (await http.get(f"/v1/holders/{left['id']}")).json()
    assert (back["active"], back["team"]) == (True, "blue")
    updated, reactivated = await service.published()
    assert (updated.data.event_type, updated.data.changed) == ("licet.holder.updated.v1", ("team",))
    assert reactivated.data.event_type == "licet.holder.reactivated.v1"
    assert (reactivated.data.reason, reactivated.data.holder.team) == ("rehired", "blue")


async def test_a_feed_does_not_reactivate_a_holder_whom_a_person_deactivated(http, service, ana):
    await made(http, f"holders/{ana['id']}/deactivate", reason="left", note="garden leave")
    await service.published()
    await put(http, "E-1", team="blue")
    shown = (await http.get(f"/v1/holders/{ana['id']}")).json()
    assert (shown["active"], shown["team"]) == (False, "blue")
    assert await service.told() == ["holder.updated"]


async def test_a_holder_named_by_the_id_of_a_merged_record_is_present(http, service, second_run):
    """HR still sends B, who turned out to be A, and sends A no more."""
    ids = {item["external_id"]: item["id"] for item in (await http.get("/v1/holders")).json()["items"]}
    await made(http, f"holders/{ids['B']}/merge", into=ids["A"], reason="duplicate")
    service.clock.advance(days=1)
    began = service.clock.now()
    await put(http, "B", "C")
    assert (await leavers(http, began)).json()["absent"] == 0


async def test_a_holder_who_takes_over_an_external_id_takes_over_when_it_was_last_named(
    http, service, second_run
):
    own = await made(http, "holders", **FEED)
    service.clock.advance(days=1)
    began = service.clock.now()
    await put(http, "A", "B", "C")
    ids = {item["external_id"]: item["id"] for item in (await http.get("/v1/holders")).json()["items"]}
    await made(http, f"holders/{ids['B']}/merge", into=own["id"], reason="duplicate")
    assert (await leavers(http, began)).json()["absent"] == 0
