"""Trying a change: what a what-if says is what happens when the change is made; asking changes nothing."""

import json
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from integration.certifications.conftest import Certifications, credential, holder, location, run
from licet_certifications.app import ACTOR, forget_holder
from licet_certifications.whatifs import commands
from licet_certifications.whatifs.job import WhatIfs
from licet_chassis.cause import Cause
from licet_chassis.http.auth import Principal
from licet_events.catalogue import Category, CredentialTypeChanged, CredentialTypeState, Expression

NURSE = "role:nurse"


@pytest.fixture
def today(service: Certifications) -> date:
    return service.runtime.clock.now().date()


@pytest.fixture
def job(service: Certifications) -> WhatIfs:
    return WhatIfs(service.database, service.runtime.clock, ACTOR)


async def a_ward(service: Certifications, today: date) -> Any:
    """Four nurses: three hold a licence, one of them for 20 days and 10 of grace; one has none."""
    long_ago = today - timedelta(days=300)
    requirement = await service.require(NURSE, "rn", effective_from=long_ago)
    nurse: dict[str, Any] = {"roles": ("nurse",)}
    await service.tell(
        location("BER"), location("HAM"),
        holder(1, team="north", location="BER", **nurse), holder(2, team="north", location="HAM", **nurse),
        holder(3, team="south", location="BER", **nurse), holder(4, team="south", location="BER", **nurse),
        credential(11, 1, run(long_ago, None), type="rn"),
        credential(12, 2, run(long_ago, today + timedelta(days=20)), type="rn", grace_days=10),
        credential(13, 3, run(long_ago, today + timedelta(days=400)), type="rn"),
        credential(14, 1, run(long_ago, None), type="acls"),
    )  # fmt: skip
    await service.work_off()
    return requirement


async def book(http: httpx.AsyncClient, number: int, start: datetime, **shift: Any) -> None:
    body = {
        "holder_id": str(UUID(int=number)), "target": NURSE, "location": "BER",
        "start": start.isoformat(), "end": (start + timedelta(hours=8)).isoformat(), **shift,
    }  # fmt: skip
    answer = await http.put(f"/v1/shifts/of-{number}", json=body)
    assert answer.status_code == 201, answer.text


async def ask(http: httpx.AsyncClient, job: WhatIfs, *changes: dict[str, Any]) -> dict[str, Any]:
    answer = await http.post("/v1/what-ifs", json={"changes": list(changes)})
    assert answer.status_code == 202, answer.text
    while await job.step():
        pass
    found: dict[str, Any] = (await http.get(answer.headers["Location"])).json()
    assert (found["state"], found["progress"]) == ("finished", 1.0), found
    return found


async def lines(
    http: httpx.AsyncClient, asked: dict[str, Any], what: str, **query: Any
) -> list[dict[str, Any]]:
    answer = await http.get(f"/v1/what-ifs/{asked['id']}/{what}", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["items"])


def numbers(found: list[dict[str, Any]]) -> list[int]:
    return [UUID(line["holder_id"]).int for line in found]


async def test_a_new_requirement_says_who_when_why_and_which_shifts(
    service: Certifications, http: httpx.AsyncClient, job: WhatIfs, today: date
):
    await a_ward(service, today)
    first = today + timedelta(days=5)
    noon = datetime.fromisoformat(f"{first + timedelta(days=1)}T12:00:00+00:00")
    await book(http, 1, noon)
    await book(http, 3, noon)
    await service.work_off()
    await service.published()
    new = {
        "kind": "requirement", "target": NURSE, "expression": {"all_of": ["acls"]},
        "effective_from": first.isoformat(), "time_zone": "UTC",
    }  # fmt: skip
    asked = await ask(http, job, new)
    assert asked["counts"]["ineligible"] == 2
    assert asked["counts"]["by_team"] == [
        {"value": "north", "ineligible": 1, "warning": 0}, {"value": "south", "ineligible": 1, "warning": 0},
    ]  # fmt: skip
    assert {one["value"] for one in asked["counts"]["by_location"]} == {"BER", "HAM"}
    assert [one["value"] for one in asked["counts"]["by_target"]] == [NURSE]
    found = await lines(http, asked, "holders")
    # Holder 1 has it; holder 4 is not eligible as it is.
    assert numbers(found) == [2, 3]
    assert found[0]["at"] == found[0]["ineligible_at"] == f"{first}T00:00:00Z"
    assert (found[0]["old_verdict"], found[0]["new_verdict"]) == ("eligible", "ineligible")
    assert [(one["code"], one["type"]) for one in found[0]["new_reasons"]] == [("missing", "acls")]
    # After its own licence has ended holder 2 is no worse off than without the change.
    assert datetime.fromisoformat(found[0]["until"]).date() == today + timedelta(days=31)
    assert found[1]["until"] is not None
    [shift] = await lines(http, asked, "shifts")
    assert (shift["external_id"], shift["new_verdict"], asked["counts"]["shifts"]) == (
        "of-3",
        "ineligible",
        1,
    )
    assert await service.published() == []
    assert (await http.get("/v1/requirements", params={"target": NURSE})).json()["items"][1:] == []


async def verdicts(service: Certifications) -> dict[tuple[int, str], tuple[Any, ...]]:
    """Return every timeline in force, at the holders' own places."""
    async with service.database.reading() as conn:
        rows = await conn.fetch(
            "select t.holder_id, t.target, t.edges, t.intervals from timelines t "
            "join holders h on h.id = t.holder_id and t.location = coalesce(h.location, '*') "
            "where t.ended_at is null"
        )
    return {(row["holder_id"].int, row["target"]): (row["edges"], row["intervals"]) for row in rows}


async def make_the_change(service: Certifications, requirement: Any, today: date, kind: str) -> None:
    """Make for real what was tried."""
    soon, long_ago = today + timedelta(days=3), today - timedelta(days=300)
    nurse: dict[str, Any] = {"roles": ("nurse",), "version": 2}
    match kind:
        case "changed":
            await service.change(
                requirement, expression=Expression(kind="all_of", types=("rn", "acls")), effective_from=soon
            )
        case "ended":
            await service.change(requirement, effective_until=soon)
        case "grace":
            end = today + timedelta(days=20)
            await service.tell(credential(12, 2, run(long_ago, end), type="rn", grace_days=2, version=2))
        case "expiry":
            await service.tell(credential(13, 3, run(long_ago, soon), type="rn", version=2))
        case "moved":
            await service.tell(holder(3, team="south", location="HAM", **nurse))
        case "loses":
            await service.tell(holder(1, team="north", location="BER", roles=("porter",), version=2))
        case "leaves":
            await service.tell(holder(1, team="north", location="BER", active=False, **nurse))


@pytest.mark.parametrize("kind", ["changed", "ended", "grace", "expiry", "moved", "loses", "leaves"])
async def test_what_a_what_if_says_is_what_happens(
    service: Certifications, http: httpx.AsyncClient, job: WhatIfs, today: date, kind: str
):
    """Each change is tried, then made for real; what is worse then is what was told, at the same instants."""
    requirement = await a_ward(service, today)
    if kind == "moved":
        await service.require(NURSE, "acls", locations=("HAM",), effective_from=today - timedelta(days=300))
        await service.work_off()
    noon = datetime.fromisoformat(f"{today + timedelta(days=25)}T12:00:00+00:00")
    for number in (1, 2, 3, 4):
        await book(http, number, noon)
    await service.work_off()
    here = {"requirement_id": str(requirement.id)}
    soon = today + timedelta(days=3)
    changes: dict[str, dict[str, Any]] = {
        "changed": {
            "kind": "requirement", **here, "expression": {"all_of": ["rn", "acls"]},
            "effective_from": soon.isoformat(),
        },
        "ended": {"kind": "requirement", **here, "effective_until": soon.isoformat()},
        "grace": {"kind": "type", "type": "rn", "grace_days": 2},
        "expiry": {"kind": "credential", "credential_id": str(UUID(int=13)), "expires_on": soon.isoformat()},
        "moved": {"kind": "holder", "holder_id": str(UUID(int=3)), "location": "HAM"},
        "loses": {"kind": "holder", "holder_id": str(UUID(int=1)), "roles": ["porter"]},
        "leaves": {"kind": "holder", "holder_id": str(UUID(int=1)), "active": False},
    }  # fmt: skip
    if kind == "grace":
        now = service.runtime.clock.now()
        await service.tell(
            CredentialTypeChanged(
                credential_type=CredentialTypeState(
                    code="rn", version=1, name="RN", category=Category.LICENSE, created_at=now, updated_at=now
                )
            )
        )
        await service.work_off()
    before = await verdicts(service)
    asked = await ask(http, job, changes[kind])
    told = {
        (UUID(line["holder_id"]).int, line["target"]): line for line in await lines(http, asked, "holders")
    }
    at_risk = {line["external_id"] for line in await lines(http, asked, "shifts")}
    assert await verdicts(service) == before

    await make_the_change(service, requirement, today, kind)
    await service.work_off()
    after = await verdicts(service)

    assert told.keys() == worse_in(before, after, service.runtime.clock.now()), kind
    for key, line in told.items():
        found = said_at(after.get(key), datetime.fromisoformat(line["at"]))
        assert line["new_verdict"] == found["verdict"]
        assert [one["code"] for one in line["new_reasons"]] == [one["code"] for one in found["reasons"]]
    shifts = (await http.get("/v1/shifts", params={"at_risk": True})).json()["items"]
    assert at_risk == {shift["external_id"] for shift in shifts}
    expected = {"changed": {2, 3}, "ended": set(), "grace": {2}, "expiry": {3}, "moved": {3}}
    if kind in expected:
        assert {number for number, _ in told} == expected[kind]
    else:
        assert told.keys() == {(1, NURSE)}


GRAVITY = ["eligible", "warning", "ineligible"]


def said_at(timeline: Any, at: datetime) -> dict[str, Any]:
    if timeline is None:
        return {"verdict": "ineligible", "reasons": [{"code": "not_assigned"}]}
    edges, intervals = timeline
    said: dict[str, Any] = json.loads(intervals[sum(edge <= at for edge in edges)])
    return said


def worse_in(before: Any, after: Any, now: datetime) -> set[tuple[int, str]]:
    """Return the pairs whose verdict is worse at some instant, by looking at every edge of both."""
    return {
        key
        for key in before.keys() | after.keys()
        for at in [now, *(edge for world in (before, after) if key in world for edge in world[key][0])]
        if at >= now
        and GRAVITY.index(said_at(after.get(key), at)["verdict"])
        > (GRAVITY.index(said_at(before.get(key), at)["verdict"]) if key in before else 0)
    }


async def test_a_role_that_somebody_would_get_and_not_be_eligible_for_is_told(
    service: Certifications, http: httpx.AsyncClient, job: WhatIfs, today: date
):
    await a_ward(service, today)
    await service.require("role:lead", "acls", effective_from=today)
    change = {"kind": "holder", "holder_id": str(UUID(int=3)), "roles": ["nurse", "lead"]}
    [line] = await lines(http, await ask(http, job, change), "holders")
    assert (line["target"], line["old_verdict"], line["new_verdict"]) == ("role:lead", None, "ineligible")


async def test_a_waiver_that_ends_earlier_leaves_its_holder_without(
    service: Certifications, http: httpx.AsyncClient, job: WhatIfs, today: date, token: Any
):
    requirement = await a_ward(service, today)
    scopes = token.principal.scopes | {"waivers:approve", "certifications:write"}
    token.principal = Principal("ada", scopes)
    body = {
        "holder_id": str(UUID(int=4)), "requirement_id": str(requirement.id), "reason": "supervised",
        "ends_on": (today + timedelta(days=30)).isoformat(),
    }  # fmt: skip
    asked_for = await http.post("/v1/waivers", json=body)
    assert asked_for.status_code == 201, asked_for.text
    change = {
        "kind": "waiver", "waiver_id": asked_for.json()["id"],
        "ends_on": (today + timedelta(days=10)).isoformat(),
    }  # fmt: skip
    refused = await http.post("/v1/what-ifs", json={"changes": [change]})
    assert refused.json()["errors"][0]["pointer"] == "/changes/0/waiver_id"
    token.principal = Principal("bob", scopes)
    granted = await http.post(f"/v1/waivers/{asked_for.json()['id']}/approve", json={})
    assert granted.status_code == 200, granted.text
    await service.work_off()
    [line] = await lines(http, await ask(http, job, change), "holders")
    assert UUID(line["holder_id"]).int == 4
    assert datetime.fromisoformat(line["at"]).date() == today + timedelta(days=11)
    assert datetime.fromisoformat(line["until"]).date() == today + timedelta(days=31)


async def test_many_holders_are_answered_in_parts_and_pages(
    service: Certifications, http: httpx.AsyncClient, job: WhatIfs, today: date, monkeypatch: Any
):
    await a_ward(service, today)
    monkeypatch.setattr(commands, "HOLDERS_AT_ONCE", 1)
    new = {"kind": "requirement", "target": NURSE, "expression": {"all_of": ["pals"]}}
    posted = (await http.post("/v1/what-ifs", json={"changes": [new]})).json()
    assert (posted["total"], posted["progress"], posted["state"]) == (4, 0.0, "running")
    await job.step()
    part = (await http.get(f"/v1/what-ifs/{posted['id']}")).json()
    assert (part["progress"], part["counts"]["ineligible"]) == (0.25, 1)
    while await job.step():
        pass
    page = (await http.get(f"/v1/what-ifs/{posted['id']}/holders", params={"limit": 2})).json()
    rest = await lines(http, posted, "holders", limit=2, cursor=page["next_cursor"])
    assert numbers(page["items"] + rest) == [1, 2, 3]
    assert numbers(await lines(http, posted, "holders", team="south")) == [3]
    assert await lines(http, posted, "holders", turns="warning") == []
    csv = await http.get(f"/v1/what-ifs/{posted['id']}/holders", headers={"Accept": "text/csv"})
    assert csv.text.splitlines()[0].startswith("holder_id,team,location,target")
    assert len(csv.text.splitlines()) == 4


async def test_a_narrowed_token_asks_and_sees_only_its_people(
    service: Certifications, http: httpx.AsyncClient, job: WhatIfs, today: date, token: Any
):
    await a_ward(service, today)
    new = {"kind": "requirement", "target": NURSE, "expression": {"all_of": ["pals"]}}
    of_all = await ask(http, job, new)
    token.principal = Principal("mara", frozenset({"eligibility:read"}), teams=frozenset({"north"}))
    assert (await http.get(f"/v1/what-ifs/{of_all['id']}")).status_code == 404
    own = await ask(http, job, new)
    assert (own["total"], own["counts"]["ineligible"]) == (2, 2)
    assert numbers(await lines(http, own, "holders")) == [1, 2]
    assert [one["id"] for one in (await http.get("/v1/what-ifs")).json()["items"]] == [own["id"]]
    hidden = {"kind": "holder", "holder_id": str(UUID(int=3)), "active": False}
    refused = await http.post("/v1/what-ifs", json={"changes": [hidden]})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/changes/0/holder_id")


async def test_an_answer_is_forgotten_with_its_holder_on_request_and_after_thirty_days(
    service: Certifications, http: httpx.AsyncClient, job: WhatIfs, today: date
):
    await a_ward(service, today)
    new = {"kind": "requirement", "target": NURSE, "expression": {"all_of": ["pals"]}}
    asked = await ask(http, job, new)
    naming = await ask(http, job, {"kind": "holder", "holder_id": str(UUID(int=2)), "active": False})
    async with service.database.transaction(Cause.new(ACTOR)) as tx:
        await forget_holder(tx, UUID(int=2), service.runtime.clock.now())
    assert numbers(await lines(http, asked, "holders")) == [1, 3]
    assert (await http.get(f"/v1/what-ifs/{naming['id']}")).status_code == 404
    assert (await http.delete(f"/v1/what-ifs/{asked['id']}")).status_code == 204
    assert (await http.get(f"/v1/what-ifs/{asked['id']}")).status_code == 404
    old = await ask(http, job, new)
    async with service.database.transaction(Cause.new(ACTOR)) as tx:
        await tx.conn.execute("update what_ifs set created_at = created_at - interval '31 days'")
    await job.step()
    assert (await http.get(f"/v1/what-ifs/{old['id']}")).status_code == 404
    async with service.database.reading() as conn:
        assert await conn.fetchval("select count(*) from what_if_holders") == 0


DEEP = {"all_of": [{"any_of": [{"all_of": [{"any_of": [{"all_of": ["rn"]}]}]}]}]}


@pytest.mark.parametrize(
    ("changes", "pointer", "words"),
    [
        ([], "/changes", "at least 1"),
        ([{"kind": "miracle"}], "/changes/0", "requirement, type, credential, holder, waiver"),
        ([{"kind": "requirement", "requirement_id": str(UUID(int=99)), "severity": "advisory"}],
         "/changes/0/requirement_id", "no requirement"),
        ([{"kind": "requirement", "requirement_id": str(UUID(int=99))}], "/changes/0", "changes nothing"),
        ([{"kind": "requirement", "target": NURSE}], "/changes/0", "target and expression"),
        ([{"kind": "requirement", "target": NURSE, "expression": DEEP}],
         "/changes/0/expression/all_of/0/any_of/0/all_of/0/any_of/0", "at most 4 levels"),
        ([{"kind": "type", "type": "unheard", "grace_days": 3}], "/changes/0/type", "no credential type"),
        ([{"kind": "type", "type": "rn", "ladder": [30]}], "/changes/0/ladder", "no field"),
        ([{"kind": "credential", "credential_id": str(UUID(int=99)), "expires_on": "2027-01-01"}],
         "/changes/0/credential_id", "no credential"),
        ([{"kind": "credential", "credential_id": str(UUID(int=11)), "expires_on": "1999-01-01"}],
         "/changes/0/expires_on", "after 1999-01-01"),
        ([{"kind": "holder", "holder_id": str(UUID(int=1))}], "/changes/0", "changes nothing"),
        ([{"kind": "holder", "holder_id": str(UUID(int=1)), "active": False},
          {"kind": "holder", "holder_id": str(UUID(int=99)), "active": False}],
         "/changes/1/holder_id", "no holder"),
        ([{"kind": "waiver", "waiver_id": str(UUID(int=99)), "ends_on": "2027-01-01"}],
         "/changes/0/waiver_id", "no waiver"),
    ],
)  # fmt: skip
async def test_a_change_that_makes_no_sense_is_refused_with_its_place(
    service: Certifications,
    http: httpx.AsyncClient,
    today: date,
    changes: list[dict[str, Any]],
    pointer: str,
    words: str,
):
    await a_ward(service, today)
    answer = await http.post("/v1/what-ifs", json={"changes": changes})
    assert answer.status_code == 422, answer.text
    problems = answer.json()["errors"]
    assert pointer in [problem["pointer"] for problem in problems], problems
    assert words in " ".join(problem["detail"] for problem in problems), problems
    assert (await http.get("/v1/what-ifs")).json()["items"] == []
