"""Nobody reports to themselves in the end, whichever way a manager is set."""

import asyncio
from typing import Any

from .conftest import made

FEED = {"kind": "employee", "name": "Someone"}


async def put(http: Any, external_id: str, manager: str | None = None) -> Any:
    feed = FEED if manager is None else FEED | {"manager_external_id": manager}
    return await http.put(f"/v1/holders/by-external-id/{external_id}", json=feed)


async def patch(http: Any, holder: Any, **changes: Any) -> Any:
    current = (await http.get(f"/v1/holders/{holder['id']}")).json()
    return await http.patch(
        f"/v1/holders/{holder['id']}", json=changes, headers={"If-Match": f'"{current["version"]}"'}
    )


async def test_a_patch_that_closes_a_cycle_is_refused_and_names_the_chain(http, service):
    a = await made(http, "holders", **FEED, external_id="A")
    b = await made(http, "holders", **FEED, external_id="B", manager_id=a["id"])
    c = await made(http, "holders", **FEED, external_id="C", manager_id=b["id"])
    await service.published()
    answer = await patch(http, a, manager_id=c["id"])
    assert answer.status_code == 409
    assert answer.json()["type"] == "urn:licet:problem:manager-cycle"
    assert "A reports to C reports to B reports to A" in answer.json()["detail"]
    assert await service.told() == []
    assert (await http.get(f"/v1/holders/{a['id']}")).json()["manager_id"] is None


async def test_a_feed_that_closes_a_cycle_is_refused(http, service):
    await put(http, "A")
    await put(http, "B", "A")
    await service.published()
    answer = await put(http, "A", "B")
    assert answer.status_code == 409
    assert "A reports to B reports to A" in answer.json()["detail"]
    assert await service.told() == []


async def test_an_awaited_manager_who_reports_to_the_waiting_holder_is_refused(http, service):
    waiting = (await put(http, "A", "B")).json()
    await service.published()
    fed = await put(http, "B", "A")
    entered = await http.post("/v1/holders", json=FEED | {"external_id": "B", "manager_id": waiting["id"]})
    other = await made(http, "holders", **FEED, external_id="C", manager_id=waiting["id"])
    renamed = await patch(http, other, external_id="B")
    for answer in (fed, entered, renamed):
        assert answer.status_code == 409, answer.text
        assert "A reports to B reports to A" in answer.json()["detail"] or (
            "B reports to A reports to B" in answer.json()["detail"]
        )
    assert await service.told() == ["holder.registered"]  # of C


async def test_nobody_is_their_own_manager(http):
    a = (await put(http, "A")).json()
    assert (await patch(http, a, manager_id=a["id"])).status_code == 422
    assert (await put(http, "A", "A")).status_code == 422


async def test_concurrent_opposite_changes_never_form_a_cycle(http, service):
    holders = [(await put(http, name)).json() for name in "ABCD"]

    for _ in range(5):
        for holder in holders:
            await patch(http, holder, manager_id=None)
        pairs = [(holders[n], holders[(n + 1) % 4]) for n in range(4)]
        answers = await asyncio.gather(
            *(
                http.put(
                    f"/v1/holders/by-external-id/{report['external_id']}",
                    json=FEED | {"manager_external_id": manager["external_id"]},
                )
                for report, manager in pairs
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 409]


async def test_reports_and_managers_fed_concurrently_are_all_linked(http, service):
    """Whoever names a manager waits for whoever enters that manager, so no link is missed."""
    for number in range(5):
        manager, reports = f"M-{number}", [f"R-{number}-{each}" for each in range(4)]
        answers = await asyncio.gather(
            *(put(http, report, manager) for report in reports[:2]),
            put(http, manager),
            *(put(http, report, manager) for report in reports[2:]),
        )
        assert {answer.status_code for answer in answers} == {201}
        boss = answers[2].json()["id"]
        for report in (answers[0], answers[1], answers[3], answers[4]):
            shown = (await http.get(f"/v1/holders/{report.json()['id']}")).json()
            assert shown["manager_id"] == boss
