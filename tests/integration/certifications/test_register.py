"""Finding, counting and exporting enrolments, and filters kept under a name."""

import csv
import json
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from licet_certifications.app import forget_holder
from licet_certifications.register import store
from licet_certifications.register.model import EnrolmentFilter
from licet_chassis.cause import Cause
from licet_events.enrolments import EnrolmentStatus

from .conftest import Certifications, holder

NORTH, SOUTH = 1, 2


async def enrol(
    service: Certifications,
    number: int,
    holder_number: int = NORTH,
    *,
    status: str = "in_progress",
    ahead: tuple[tuple[datetime, str], ...] = (),
    **facts: Any,
) -> UUID:
    """Put an enrolment into the register as its commands would."""
    now = service.runtime.clock.now()
    row = {
        "id": UUID(int=number), "version": 1, "holder_id": UUID(int=holder_number), "programme": "scheme",
        "programme_version": 1, "kind": "first", "stage": "in_progress", "status": status,
        "upcoming_at": [at for at, _ in ahead], "upcoming": [to for _, to in ahead], "settled_at": now,
        "open": False, "opened_at": now, "updated_at": now, "state": json.dumps({}),
        "internals": json.dumps({}),
    } | facts  # fmt: skip
    names, places = ", ".join(row), ", ".join(f"${place}" for place in range(1, len(row) + 1))
    statement = f"insert into enrolments ({names}) values ({places})"  # names are ours
    async with service.database.reading() as conn:
        await conn.execute(statement, *row.values())
    return UUID(int=number)


@pytest.fixture
async def people(service: Certifications) -> None:
    await service.tell(
        holder(NORTH, team="north", location="oslo", roles=("cook",), external_id="E-77"),
        holder(SOUTH, team="south", location="rome", name="Jonas Reuter"),
    )


async def found(http: Any, query: str = "") -> list[int]:
    answer = await http.get(f"/v1/enrolments{query}")
    assert answer.status_code == 200, answer.text
    return [UUID(item["id"]).int for item in answer.json()["items"]]


async def test_each_enrolment_is_found_under_its_present_status_and_no_other(service):
    chosen = random.Random(11)
    now = service.runtime.clock.now()
    names = list(EnrolmentStatus)
    made: dict[UUID, tuple[str, list[tuple[datetime, str]]]] = {}
    for number in range(1, 80):
        instants = sorted(now + timedelta(hours=chosen.randrange(1, 500)) for _ in range(chosen.randrange(4)))
        ahead = [(at, chosen.choice(names).value) for at in instants]
        first = chosen.choice(names).value
        made[await enrol(service, number, number, status=first, ahead=tuple(ahead))] = (first, ahead)
    for _ in range(10):
        at = now + timedelta(hours=chosen.randrange(520))
        expected = {
            one: [first, *(to for when, to in ahead if when <= at)][-1]
            for one, (first, ahead) in made.items()
        }
        async with service.database.reading() as conn:
            counts = await store.count_by_status(conn, EnrolmentFilter(), now=at, time_zone="UTC")
            filtered = EnrolmentFilter(programme=("scheme",))
            assert counts == await store.count_by_status(conn, filtered, now=at, time_zone="UTC")
            for status in names:
                rows = await store.find_enrolments(
                    conn, EnrolmentFilter(status=(status,)), now=at, time_zone="UTC", limit=500
                )
                wanted = {one for one, shown in expected.items() if shown == status}
                assert {row.id for row in rows} == wanted
                assert counts[status] == len(wanted)


async def test_every_filter_finds_its_own(http, service, people):
    now = service.runtime.clock.now()
    day = timedelta(days=1)
    await enrol(service, 1, lacking=["exam"], waits_since=now - 9 * day, waits_for="completion")
    await enrol(service, 2, SOUTH, status="active", expires_at=now + 20 * day, completed_at=now - 40 * day)
    await enrol(
        service, 3, SOUTH, status="active", programme="other", expires_at=now - day, kind="recertification"
    )
    then = (now - 5 * day).isoformat().replace("+00:00", "Z")
    for query, numbers in {
        "": [1, 2, 3],
        "?status=active": [2, 3],
        "?status=active&status=in_progress": [1, 2, 3],
        "?programme=scheme": [1, 2],
        "?programme=scheme&programme=other": [1, 2, 3],
        "?kind=recertification": [3],
        f"?holder_id={UUID(int=SOUTH)}": [2, 3],
        "?team=north": [1],
        "?location=rome": [2, 3],
        "?role=cook": [1],
        "?lacking=exam": [1],
        f"?waiting_since={then}": [1],
        "?expiring_within=30": [2],
        "?expiring_within=10": [],
        f"?completed_from={(now - 50 * day).date()}&completed_to={(now - 30 * day).date()}": [2],
        f"?completed_from={now.date()}": [],
        "?q=reuter": [2, 3],
        "?q=E-77": [1],
        "?q=jonas other": [],
        "?sort=-id": [3, 2, 1],
        "?sort=expires_at": [3, 2, 1],
        "?sort=-expires_at": [1, 2, 3],
        "?sort=completed_at": [2, 1, 3],
    }.items():
        assert await found(http, query) == numbers, query


@pytest.mark.parametrize("sort", ["id", "-id", "expires_at", "-expires_at", "completed_at"])
async def test_pages_go_through_all_and_none_twice(http, service, people, sort):
    now = service.runtime.clock.now()
    for number in range(1, 8):
        ends = None if number % 3 == 0 else now + timedelta(days=number % 2)
        await enrol(service, number, SOUTH, expires_at=ends)
    seen: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        asked = {"limit": "2", "sort": sort} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/v1/enrolments", params=asked)).json()
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert len(seen) == len(set(seen)) == 7
    table = (await http.get("/v1/enrolments", params={"sort": sort}, headers={"Accept": "text/csv"})).text
    rows = list(csv.DictReader(table.splitlines()))
    assert [row["id"] for row in rows] == seen
    assert rows[0]["holder_name"] == "Jonas Reuter"


async def test_counts_name_every_status_and_mind_the_other_filters(http, service, people):
    await enrol(service, 1)
    await enrol(service, 2, SOUTH, status="declined")
    await enrol(service, 3, SOUTH)
    every = (await http.get("/v1/enrolments/counts")).json()
    assert set(every["counts"]) == {status.value for status in EnrolmentStatus}
    assert (every["total"], every["counts"]["in_progress"], every["counts"]["declined"]) == (3, 2, 1)
    south = (await http.get("/v1/enrolments/counts?team=south&status=in_progress")).json()
    assert (south["total"], south["counts"]["in_progress"], south["counts"]["declined"]) == (1, 1, 0)


async def test_a_narrowed_token_lists_and_counts_only_its_people(http, service, people, token):
    await enrol(service, 1)
    await enrol(service, 2, SOUTH)
    await enrol(service, 3, 99)  # nothing is known of this holder
    token.principal = replace(token.principal, teams=frozenset({"south"}))
    assert await found(http) == [2]
    assert (await http.get("/v1/enrolments/counts")).json()["total"] == 1
    table = (await http.get("/v1/enrolments", headers={"Accept": "text/csv"})).text
    assert len(table.splitlines()) == 2
    token.principal = replace(token.principal, teams=None, locations=frozenset())
    assert await found(http) == []


async def test_a_filter_is_kept_under_a_name_and_used(http, service, people):
    await enrol(service, 1)
    await enrol(service, 2, SOUTH)
    path = "/v1/enrolments/filters/My team"
    body = {"filter": {"team": "south", "status": ["in_progress"]}}
    kept = await http.put(path, json=body)
    assert (kept.status_code, kept.json()["filter"]["team"], kept.json()["version"]) == (200, "south", 1)
    assert await found(http, "?filter=my team") == [2]
    assert await found(http, "?filter=my team&team=north") == [1]
    assert (await http.get("/v1/enrolments/counts?filter=My team")).json()["total"] == 1
    again = await http.put(path, json={"filter": {"team": "north"}})
    assert (again.json()["id"], again.json()["version"]) == (kept.json()["id"], 2)
    assert (await http.get(path)).json() == again.json()
    assert (await http.delete(path)).status_code == 204
    assert (await http.delete(path)).status_code == 404
    assert (await http.get("/v1/enrolments?filter=My team")).status_code == 404


async def test_others_see_only_filters_that_are_shared(http, token):
    await http.put("/v1/enrolments/filters/mine", json={"filter": {"team": "a"}})
    await http.put("/v1/enrolments/filters/ours", json={"filter": {"team": "b"}, "shared": True})
    token.principal = replace(token.principal, subject="bob", scopes=frozenset({"certifications:read"}))
    listed = (await http.get("/v1/enrolments/filters")).json()["items"]
    assert [(one["name"], one["owner"]) for one in listed] == [("ours", "user:ada")]
    assert (await http.get("/v1/enrolments/filters/mine")).status_code == 404
    assert (await http.delete("/v1/enrolments/filters/ours")).status_code == 404
    refused = await http.put("/v1/enrolments/filters/ours", json={"filter": {}, "shared": True})
    assert refused.status_code == 403
    own = await http.put("/v1/enrolments/filters/ours", json={"filter": {"team": "c"}})
    assert own.json()["owner"] == "user:bob"
    shown = (await http.get("/v1/enrolments/filters/ours")).json()
    assert shown["filter"]["team"] == "c"


async def test_filters_that_name_an_erased_holder_go_with_them(http, service, people):
    for name, kept in {
        "id": {"holder_id": str(UUID(int=SOUTH))}, "name": {"q": "reuter 2026"}, "other": {"q": "ada"},
    }.items():  # fmt: skip
        await http.put(f"/v1/enrolments/filters/{name}", json={"filter": kept})
    async with service.database.transaction(Cause.new("user:t")) as tx:
        await forget_holder(tx, UUID(int=SOUTH), service.runtime.clock.now())
    listed = (await http.get("/v1/enrolments/filters")).json()["items"]
    assert [one["name"] for one in listed] == ["other"]


@pytest.mark.parametrize(
    "query",
    ["?status=asleep", "?expiring_within=-1", "?completed_from=soon", "?waiting_since=2026-01-01T00:00:00",
     "?sort=mood", "?cursor=nonsense", "?filter=a/b", "?q=%00"],
)  # fmt: skip
async def test_what_cant_be_asked_is_refused(http, query):
    answer = await http.get(f"/v1/enrolments{query}")
    assert answer.status_code in {400, 422}, answer.text
