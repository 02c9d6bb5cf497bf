"""Requirements and eligibility over HTTP."""

import csv
from dataclasses import replace
from datetime import date
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from licet_chassis.http.auth import routes_without_scope
from licet_events.catalogue import RequirementChanged

from .conftest import credential, holder, location, run

RULE = {
    "target": "role:forklift",
    "expression": {"all_of": ["licence"]},
    "effective_from": "2026-02-01",
    "time_zone": "America/Chicago",
}
HOLDER = UUID(int=1)
FIRST = run(date(2026, 1, 1), date(2026, 6, 30))


async def made(http: httpx.AsyncClient, **rule: Any) -> Any:
    answer = await http.post("/v1/requirements", json=RULE | rule)
    assert answer.status_code == 201, answer.text
    return answer.json()


def test_every_route_declares_a_scope(app):
    assert routes_without_scope(app) == []


async def test_a_requirement_is_made_shown_and_published(http, service):
    answer = await http.post("/v1/requirements", json=RULE | {"effective_until": "2026-12-31"})
    assert answer.status_code == 201
    body = answer.json()
    assert answer.headers["location"] == f"/v1/requirements/{body['id']}"
    assert answer.headers["etag"] == '"1"'
    assert body["expression"] == {"all_of": ["licence"]}
    assert (body["severity"], body["min_days_remaining"], body["locations"]) == ("mandatory", 0, [])
    assert (body["starts_at"], body["ends_at"]) == ("2026-02-01T06:00:00Z", "2027-01-01T06:00:00Z")
    again = await http.get(answer.headers["location"])
    assert (again.status_code, again.json(), again.headers["etag"]) == (200, body, '"1"')
    [event] = await service.published()
    assert isinstance(event.data, RequirementChanged)
    assert event.data.key == f"requirement/{body['id']}"


@pytest.mark.parametrize(
    "expression", [{"any_of": ["a", "b"]}, {"all_of": ["a"]}, {"k_of": {"k": 2, "types": ["a", "b", "c"]}}]
)
async def test_an_expression_is_shown_as_it_was_given(http, expression):
    assert (await made(http, expression=expression))["expression"] == expression


async def test_what_is_left_out_is_today_in_the_deployments_zone(http, service):
    body = await made(http, effective_from=None, time_zone=None)
    assert body["time_zone"] == "UTC"
    assert body["effective_from"] == service.runtime.clock.now().date().isoformat()


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"target": "forklift"}, "/target"),
        ({"target": "role:"}, "/target"),
        ({"target": "role:a/b"}, "/target"),
        ({"time_zone": "Mars/Olympus"}, "/time_zone"),
        ({"time_zone": "../etc/passwd"}, "/time_zone"),
        ({"effective_from": "2026-02-30"}, "/effective_from"),
        ({"effective_from": "0001-01-01"}, "/effective_from"),
        ({"effective_from": 20260201}, "/effective_from"),
        ({"effective_until": "2026-01-31"}, "/effective_until"),
        ({"expression": {"none_of": ["a"]}}, "/expression/none_of"),
        ({"expression": {}}, "/expression"),
        ({"expression": {"all_of": ["a"], "any_of": ["a"]}}, "/expression"),
        ({"expression": {"all_of": []}}, "/expression/all_of"),
        ({"expression": {"all_of": ["a", "a"]}}, "/expression/all_of"),
        ({"expression": {"k_of": {"k": 3, "types": ["a", "b"]}}}, "/expression/k_of/k"),
        ({"expression": {"k_of": {"k": 0, "types": ["a", "b"]}}}, "/expression/k_of/k"),
        ({"expression": "licence"}, "/expression"),
        ({"severity": "optional"}, "/severity"),
        ({"min_days_remaining": -1}, "/min_days_remaining"),
        ({"min_days_remaining": "30"}, "/min_days_remaining"),
        ({"locations": ["*"]}, "/locations/0"),
        ({"locations": ["chi", "chi"]}, "/locations"),
        ({"match_jurisdiction": "yes"}, "/match_jurisdiction"),
    ],
)
async def test_wrong_input_is_refused_with_a_pointer_and_nothing_is_kept(http, service, wrong, pointer):
    answer = await http.post("/v1/requirements", json=RULE | wrong)
    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}
    assert await service.published() == []
    assert (await http.get("/v1/requirements")).json() == {"items": [], "next_cursor": None}


async def test_a_change_needs_the_version_it_was_made_for(http, service):
    body = await made(http)
    where = f"/v1/requirements/{body['id']}"
    assert (await http.patch(where, json={"severity": "advisory"})).status_code == 428
    stale = await http.patch(where, json={"severity": "advisory"}, headers={"If-Match": '"7"'})
    assert stale.status_code == 412
    assert "version 1 is current" in stale.json()["detail"]
    changed = await http.patch(
        where, json={"severity": "advisory", "effective_until": "2026-12-31"}, headers={"If-Match": '"1"'}
    )
    assert (changed.status_code, changed.headers["etag"]) == (200, '"2"')
    assert changed.json()["severity"] == "advisory"
    cleared = await http.patch(where, json={"effective_until": None}, headers={"If-Match": '"2"'})
    assert (cleared.json()["effective_until"], cleared.json()["version"]) == (None, 3)
    same = await http.patch(where, json={"severity": "advisory"}, headers={"If-Match": '"3"'})
    assert (same.status_code, same.json()["version"]) == (200, 3)
    assert [event.data.sequence for event in await service.published()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"target": "role:welder"}, "/target"),
        ({"severity": None}, "/severity"),
        ({"expression": {"none_of": []}}, "/expression/none_of"),
        ({"effective_until": "2020-01-01"}, "/effective_until"),
        ({"time_zone": "Nowhere"}, "/time_zone"),
    ],
)
async def test_a_wrong_change_is_refused(http, wrong, pointer):
    body = await made(http)
    answer = await http.patch(f"/v1/requirements/{body['id']}", json=wrong, headers={"If-Match": '"1"'})
    assert answer.status_code == 422, answer.text
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}


async def test_an_unknown_requirement_is_not_found(http):
    assert (await http.get(f"/v1/requirements/{uuid4()}")).status_code == 404
    answer = await http.patch(f"/v1/requirements/{uuid4()}", json={}, headers={"If-Match": '"1"'})
    assert answer.status_code == 404


async def test_the_same_request_twice_makes_one_requirement(http, service):
    first = await http.post("/v1/requirements", json=RULE, headers={"Idempotency-Key": "k"})
    again = await http.post("/v1/requirements", json=RULE, headers={"Idempotency-Key": "k"})
    assert (again.status_code, again.content) == (201, first.content)
    assert again.headers["idempotency-replayed"] == "true"
    assert len(await service.published()) == 1


async def test_the_list_pages_and_filters_by_target(http):
    ids = [(await made(http, target=target))["id"] for target in ("role:a", "role:b", "role:a")]
    first = (await http.get("/v1/requirements", params={"limit": 2})).json()
    second = (await http.get("/v1/requirements", params={"limit": 2, "cursor": first["next_cursor"]})).json()
    assert {one["id"] for one in first["items"] + second["items"]} == set(ids)
    assert (len(first["items"]), second["next_cursor"]) == (2, None)
    of_a = (await http.get("/v1/requirements", params={"target": "role:a"})).json()["items"]
    assert {one["id"] for one in of_a} == {ids[0], ids[2]}
    query = {"target": "role:a", "limit": 1}
    file = await http.get("/v1/requirements", params=query, headers={"Accept": "text/csv"})
    lines = list(csv.DictReader(file.text.splitlines()))
    assert [(line["id"], line["expression"]) for line in lines] == [
        (each, '{"all_of":["licence"]}') for each in (ids[0], ids[2])
    ]
    assert (await http.get("/v1/requirements", params={"target": "a"})).status_code == 422


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("certifications:write", "POST", "/v1/requirements"),
        ("certifications:write", "PATCH", f"/v1/requirements/{HOLDER}"),
        ("certifications:read", "GET", "/v1/requirements"),
        ("certifications:read", "GET", f"/v1/requirements/{HOLDER}"),
        ("eligibility:read", "GET", f"/v1/eligibility/{HOLDER}?target=role:a"),
        ("eligibility:read", "POST", "/v1/eligibility/checks"),
    ],
)
async def test_a_token_without_the_scope_is_told_which_one_it_lacks(http, token, scope, method, path):
    token.principal = replace(token.principal, scopes=token.principal.scopes - {scope})
    answer = await http.request(method, path, json={})
    assert answer.status_code == 403
    assert scope in answer.json()["detail"]


async def test_the_timeline_of_a_holder_is_clipped_to_the_window(http, service):
    await service.require()
    await service.tell(holder(1), credential(2, 1, FIRST))
    await service.work_off()
    where = f"/v1/eligibility/{HOLDER}"
    body = (await http.get(where, params={"target": "role:forklift"})).json()
    assert [(one["start"], one["verdict"], one["reasons"][0]["code"]) for one in body["intervals"]] == [
        (None, "eligible", "no_requirement"),
        ("2026-02-01T00:00:00Z", "eligible", "valid"),
        ("2026-07-01T00:00:00Z", "ineligible", "expired"),
    ]
    assert (body["version"], body["location"]) == (1, "*")
    assert {fact["kind"] for fact in body["facts"]} == {"holder", "credential", "requirement"}
    window = {"target": "role:forklift", "from": "2026-06-30T23:00:00Z", "to": "2026-07-01T02:00:00+01:00"}
    body = (await http.get(where, params=window)).json()
    assert [(one["start"], one["end"], one["verdict"]) for one in body["intervals"]] == [
        ("2026-06-30T23:00:00Z", "2026-07-01T00:00:00Z", "eligible"),
        ("2026-07-01T00:00:00Z", "2026-07-01T01:00:00Z", "ineligible"),
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"target": "forklift"},
        {"target": "role:forklift", "from": "2026-07-1"},
        {"target": "role:forklift", "from": "2026-07-02", "to": "2026-07-01"},
        {"target": "role:forklift", "from": "2026-07-01T00:00:00"},
        {"target": "role:forklift", "from": "2026-07-01T00:00:00Z", "to": "2026-07-01T00:00:00Z"},
        {"target": "role:forklift", "location": "a/b"},
    ],
)
async def test_a_wrong_question_is_refused(http, wrong):
    answer = await http.get(f"/v1/eligibility/{HOLDER}", params=wrong)
    assert answer.status_code == 422, answer.text


async def test_an_unknown_holder_is_not_found(http):
    assert (await http.get(f"/v1/eligibility/{HOLDER}", params={"target": "role:a"})).status_code == 404


@pytest.mark.parametrize(
    ("target", "code"), [("role:wizard", "unknown_target"), ("role:welder", "not_assigned")]
)
async def test_a_target_that_is_unknown_or_not_the_holders_is_ineligible(http, service, target, code):
    await service.require("role:welder")
    await service.tell(holder(1))
    await service.work_off()
    [one] = (await http.get(f"/v1/eligibility/{HOLDER}", params={"target": target})).json()["intervals"]
    assert (one["start"], one["end"], one["verdict"]) == (None, None, "ineligible")
    assert [reason["code"] for reason in one["reasons"]] == [code]


async def test_a_location_without_a_timeline_of_its_own_is_answered_by_anywhere(http, service):
    await service.require(locations=("chi",))
    await service.tell(holder(1), location("chi"), location("ber"))
    await service.work_off()
    for code, verdict, answered_by in (("chi", "ineligible", "chi"), ("ber", "eligible", "*")):
        params = {"target": "role:forklift", "location": code}
        body = (await http.get(f"/v1/eligibility/{HOLDER}", params=params)).json()
        assert (body["intervals"][-1]["verdict"], body["location"]) == (verdict, answered_by)


async def test_a_role_that_is_a_moment_old_is_answered_before_its_timeline_is_stored(http, service):
    await service.require()
    await service.tell(holder(1))
    body = (await http.get(f"/v1/eligibility/{HOLDER}", params={"target": "role:forklift"})).json()
    assert [one["reasons"][0]["code"] for one in body["intervals"]] == ["no_requirement", "missing"]
    assert body["version"] is None


async def test_checks_give_the_worst_verdict_of_each_shift_in_the_same_order(http, service):
    await service.require()
    await service.tell(holder(1), credential(2, 1, FIRST), holder(3))
    await service.work_off()

    def check(start: str, end: str, number: int = 1, target: str = "role:forklift") -> dict[str, str]:
        return {"holder_id": str(UUID(int=number)), "target": target, "start": start, "end": end}

    checks = [
        check("2026-06-30T16:00:00Z", "2026-07-01T00:00:00Z"),
        check("2026-06-30T16:00:00Z", "2026-07-01T00:00:00.000001Z"),
        check("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", number=3),
        check("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", target="role:wizard"),
        check("2026-03-01T00:00:00Z", "2026-03-02T00:00:00Z", number=99),
        check("2026-01-31T20:00:00Z", "2026-02-01T04:00:00Z") | {"location": "ber"},
    ]
    body = (await http.post("/v1/eligibility/checks", json={"checks": checks})).json()["checks"]
    assert [(one["verdict"], [reason["code"] for reason in one["reasons"]]) for one in body] == [
        ("eligible", ["valid"]),
        ("ineligible", ["expired"]),
        ("ineligible", ["missing"]),
        ("ineligible", ["unknown_target"]),
        ("ineligible", ["not_assigned"]),
        ("eligible", ["no_requirement", "valid"]),
    ]
    assert [(one["holder_id"], one["start"]) for one in body] == [
        (one["holder_id"], one["start"]) for one in checks
    ]


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"end": "2026-03-01T00:00:00Z"}, "/checks/0/end"),
        ({"start": "yesterday"}, "/checks/0/start"),
        ({"holder_id": "ada"}, "/checks/0/holder_id"),
        ({"target": "forklift"}, "/checks/0/target"),
        ({"shift": 1}, "/checks/0/shift"),
    ],
)
async def test_a_wrong_check_is_refused_with_its_place(http, wrong, pointer):
    check = {
        "holder_id": str(HOLDER), "target": "role:a",
        "start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z",
    }  # fmt: skip
    answer = await http.post("/v1/eligibility/checks", json={"checks": [check | wrong]})
    assert answer.status_code == 422, answer.text
    assert pointer in {error["pointer"] for error in answer.json()["errors"]}


async def test_more_than_a_thousand_checks_are_refused(http):
    check = {
        "holder_id": str(HOLDER), "target": "role:a",
        "start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z",
    }  # fmt: skip
    assert (await http.post("/v1/eligibility/checks", json={"checks": [check] * 1000})).status_code == 200
    assert (await http.post("/v1/eligibility/checks", json={"checks": [check] * 1001})).status_code == 422


async def test_a_narrowed_token_learns_nothing_of_other_teams_people(http, service, token):
    await service.require()
    await service.tell(holder(1, team="north"), credential(2, 1, FIRST))
    await service.work_off()
    check = {
        "holder_id": str(HOLDER), "target": "role:forklift",
        "start": "2026-03-01T00:00:00Z", "end": "2026-03-02T00:00:00Z",
    }  # fmt: skip
    for team, status, code in (("north", 200, "valid"), ("south", 404, "not_assigned")):
        token.principal = replace(token.principal, teams=frozenset({team}))
        answer = await http.get(f"/v1/eligibility/{HOLDER}", params={"target": "role:forklift"})
        assert answer.status_code == status
        [one] = (await http.post("/v1/eligibility/checks", json={"checks": [check]})).json()["checks"]
        assert one["reasons"][0]["code"] == code


async def test_a_narrowed_token_sets_no_requirements_for_all(http, service, token):
    await service.require()
    [one] = (await http.get("/v1/requirements")).json()["items"]
    path = f"/v1/requirements/{one['id']}"
    token.principal = replace(token.principal, teams=frozenset({"north"}))
    assert (await http.get(path)).status_code == 200
    for changing in (
        http.post("/v1/requirements", json={}),
        http.patch(path, json={"severity": "advisory"}, headers={"If-Match": '"1"'}),
    ):
        answer = await changing
        assert answer.status_code == 403, answer.text
        assert "sees everyone" in answer.json()["detail"]
    assert (await http.get(path)).json() == one
