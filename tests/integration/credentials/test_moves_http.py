"""A credential that was entered under the wrong holder: what is kept, refused and published."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from .conftest import made


@pytest.fixture
async def bo(http: Any, ana: Any) -> Any:
    return await made(http, "holders", kind="employee", name="Bo Right", external_id="E-2", team="blue")


async def test_a_moved_credential_appears_under_its_new_key_and_ends_the_old_one(
    http, service, credential, ana, bo
):
    await service.published()
    path = f"/v1/credentials/{credential['id']}"
    answer = await http.post(
        f"{path}/corrections",
        json={"holder_id": bo["id"], "reason": "wrong_holder", "note": "two people of one name"},
        headers={"If-Match": '"1"'},
    )
    assert answer.status_code == 200, answer.text
    assert (answer.json()["holder_id"], answer.headers["etag"]) == (bo["id"], '"2"')

    corrected, moved = await service.published()
    assert corrected.data.event_type == "licet.credential.corrected.v1"
    assert (corrected.data.key, corrected.data.sequence) == (f"{bo['id']}/{credential['id']}", 2)
    assert [(each.field, each.was, each.now) for each in corrected.data.corrected] == [
        ("holder_id", ana["id"], bo["id"])
    ]
    assert (corrected.data.reason, corrected.data.term_id) == ("wrong_holder", None)
    assert moved.data.event_type == "licet.credential.moved.v1"
    assert moved.data.key == f"{ana['id']}/{credential['id']}"
    assert moved.data.partition_key == ana["id"]

    line = (await http.get(f"{path}/history")).json()["items"][-1]
    assert (line["reason"], line["note"]) == ("wrong_holder", "two people of one name")


async def test_a_due_change_of_validity_is_published_under_the_old_key_before_the_move(
    http, service, credential, ana, bo
):
    await service.published()
    service.clock.advance(days=150)
    await made(http, f"credentials/{credential['id']}/corrections", holder_id=bo["id"], reason="wrong_holder")
    events = await service.published()
    assert [(event.data.event_type.split(".")[2], event.data.partition_key) for event in events] == [
        ("status_changed", ana["id"]), ("status_changed", ana["id"]), ("corrected", bo["id"]),
        ("moved", ana["id"]),
    ]  # fmt: skip
    assert [event.data.sequence for event in events] == [2, 3, 4, 4]


async def test_holder_and_dates_are_corrected_in_one_event(http, service, credential, bo):
    await service.published()
    body = await made(
        http, f"credentials/{credential['id']}/corrections",
        holder_id=bo["id"], expires_on="2026-07-31", reason="wrong_row",
    )  # fmt: skip
    assert (body["holder_id"], body["expires_on"]) == (bo["id"], "2026-07-31")
    corrected, _moved = await service.published()
    assert [each.field for each in corrected.data.corrected] == ["expires_on", "holder_id"]
    assert str(corrected.data.term_id) == credential["term"]["id"]


@pytest.mark.parametrize(
    ("holder", "status", "says"),
    [("nobody", 422, "There is no holder"), ("same", 422, "Nothing differs"), ("gone", 409, "inactive")],
)
async def test_a_move_to_an_unknown_the_same_or_an_inactive_holder_is_refused(
    http, service, credential, ana, bo, holder, status, says
):
    await made(http, f"holders/{bo['id']}/deactivate", reason="left")
    await service.published()
    target = {"nobody": str(UUID(int=5)), "same": ana["id"], "gone": bo["id"]}[holder]
    answer = await http.post(
        f"/v1/credentials/{credential['id']}/corrections",
        json={"holder_id": target, "reason": "wrong_holder"},
    )
    assert answer.status_code == status
    assert says in answer.json()["detail"]
    assert await service.told() == []


async def test_a_move_is_refused_if_the_new_holder_already_has_the_number(http, service, credential, bo):
    other = await made(http, "credentials", holder_id=bo["id"], type="licence", number="A-1")
    await service.published()
    answer = await http.post(
        f"/v1/credentials/{credential['id']}/corrections",
        json={"holder_id": bo["id"], "reason": "wrong_holder"},
    )
    assert answer.status_code == 409
    assert other["id"] in answer.json()["detail"]
    assert await service.told() == []


async def test_the_number_is_free_for_the_old_holder_after_the_move(http, credential, ana, bo):
    await made(http, f"credentials/{credential['id']}/corrections", holder_id=bo["id"], reason="wrong_holder")
    await made(http, "credentials", holder_id=ana["id"], type="licence", number="A-1")


async def test_a_voided_credential_stays_where_it_is(http, credential, bo):
    await made(http, f"credentials/{credential['id']}/void", reason="duplicate")
    answer = await http.post(
        f"/v1/credentials/{credential['id']}/corrections",
        json={"holder_id": bo["id"], "reason": "wrong_holder"},
    )
    assert answer.status_code == 409


async def test_concurrent_moves_there_and_back_do_not_deadlock(http, service, credential, ana, bo):
    await service.published()
    path = f"/v1/credentials/{credential['id']}/corrections"

    async def move(holder: Any) -> int:
        answer = await http.post(path, json={"holder_id": holder["id"], "reason": "wrong_holder"})
        return int(answer.status_code)

    statuses = await asyncio.gather(*(move(holder) for holder in (bo, ana) * 6))
    assert set(statuses) <= {200, 422}
    events = await service.published()
    states = [event.data for event in events if not event.data.tombstone]
    assert [state.sequence for state in states] == list(range(2, 2 + len(states)))
    assert len(events) == 2 * len(states)
    for key in {event.data.key for event in events}:
        versions = [event.data.sequence for event in events if event.data.key == key]
        assert versions == sorted(set(versions))
