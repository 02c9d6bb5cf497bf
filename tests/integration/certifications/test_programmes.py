"""Programmes and their versions over HTTP."""

import csv
from dataclasses import replace
from typing import Any

import httpx
import pytest

from licet_certifications.programmes import store
from licet_certifications.programmes.commands import programme_snapshots
from licet_events.catalogue import Category, CredentialTypeChanged, CredentialTypeState, ProgrammeChanged

from .conftest import NOW, Certifications

VERSION = {
    "components": [
        {"code": "course", "name": "Course", "kind": "course", "credits": 8,
         "sources": [{"source": "lms", "id": "FS-101"}]},
        {"code": "exam", "name": "Exam", "kind": "exam", "prerequisites": ["course"],
         "sources": [{"source": "lms", "id": "FS-EX"}]},
    ],
    "approvals": {"enrolment": True, "completion": True},
}  # fmt: skip


def type_told(code: str = "food-safety", version: int = 1, **facts: Any) -> CredentialTypeChanged:
    return CredentialTypeChanged(
        credential_type=CredentialTypeState(
            code=code, version=version, name=code, category=Category.CERTIFICATION,
            created_at=NOW, updated_at=NOW, **facts,
        )
    )  # fmt: skip


async def defined(http: httpx.AsyncClient, code: str = "food-safety", **facts: Any) -> Any:
    body = {"code": code, "name": "Food safety manager", "credential_type": "food-safety", **facts}
    answer = await http.post("/v1/programmes", json=body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def drafted(http: httpx.AsyncClient, code: str = "food-safety", **facts: Any) -> Any:
    answer = await http.post(f"/v1/programmes/{code}/versions", json=VERSION | facts)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def published(http: httpx.AsyncClient, number: int = 1, code: str = "food-safety") -> httpx.Response:
    return await http.post(f"/v1/programmes/{code}/versions/{number}/publish", json={})


@pytest.fixture
async def scheme(http: httpx.AsyncClient, service: Certifications) -> Any:
    """A programme with a published version."""
    await service.tell(type_told())
    await defined(http)
    await drafted(http)
    answer = await published(http)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_a_programme_is_defined_drafted_published_and_told(http, service):
    await service.tell(type_told())
    programme = await defined(http)
    assert (programme["version"], programme["current"]) == (1, None)
    draft = await drafted(http)
    assert (draft["number"], draft["state"], draft["credential_type"]) == (1, "draft", "food-safety")
    assert draft["approvals"]["enrolment"]["scope"] == "certifications:approve"
    answer = await published(http)
    assert (answer.status_code, answer.json()["state"]) == (200, "published")
    shown = await http.get("/v1/programmes/food-safety")
    assert (shown.json()["current"], shown.headers["etag"]) == (1, '"2"')
    first, second = [event.data for event in await service.published()]
    assert isinstance(first, ProgrammeChanged)
    assert isinstance(second, ProgrammeChanged)
    assert (first.programme.number, second.programme.number, second.sequence) == (None, 1, 2)
    assert [one.sources[0].id for one in second.programme.components] == ["FS-101", "FS-EX"]


async def test_what_is_shown_of_a_draft_can_be_sent_back(http, service):
    await service.tell(type_told())
    await defined(http)
    draft = await drafted(http, recertification={"window_days": 60}, deadline={"days": 90})
    left_out = {
        "programme", "number", "version", "state", "created_at", "updated_at", "published_at", "retired_at",
    }  # fmt: skip
    body = {name: value for name, value in draft.items() if name not in left_out}
    path = "/v1/programmes/food-safety/versions/1"
    same = await http.put(path, json=body, headers={"If-Match": '"1"'})
    assert (same.status_code, same.json()) == (200, draft)
    changed = await http.put(path, json=body | {"cool_off_days": 5}, headers={"If-Match": '"1"'})
    assert (changed.json()["cool_off_days"], changed.headers["etag"]) == (5, '"2"')
    stale = await http.put(path, json=body, headers={"If-Match": '"1"'})
    assert stale.status_code == 412


async def test_a_published_version_never_changes(http, scheme):
    path = "/v1/programmes/food-safety/versions/1"
    answer = await http.put(path, json=VERSION, headers={"If-Match": '"2"'})
    assert (answer.status_code, "never changes" in answer.json()["detail"]) == (409, True)
    assert (await published(http)).status_code == 409
    assert (await http.get(path)).json() == scheme


async def test_new_enrolments_use_the_published_version_with_the_highest_number(http, service, scheme):
    await drafted(http)
    await drafted(http)
    await published(http, 3)
    refused = await published(http, 2)
    assert (refused.status_code, "Version 3" in refused.json()["detail"]) == (409, True)
    async with service.database.reading() as conn:
        used = await store.newest_published(conn, "food-safety")
    assert used is not None
    assert used.number == 3
    await http.post("/v1/programmes/food-safety/versions/3/retire", json={})
    assert (await http.get("/v1/programmes/food-safety")).json()["current"] == 1
    again = await http.post("/v1/programmes/food-safety/versions/3/retire")
    assert again.status_code == 409
    told = [event.data.programme.number for event in await service.published()][-2:]
    assert told == [3, 1]


async def test_courses_lead_to_components_once_their_version_is_published(http, service, scheme):
    await drafted(http, recertification={"window_days": 30})
    async with service.database.reading() as conn:
        before = await store.components_of(conn, [("lms", "FS-101"), ("lms", "none"), ("other", "FS-101")])
    assert [(one.number, one.component) for one in before[("lms", "FS-101")]] == [(1, "course")]
    assert len(before) == 1
    await published(http, 2)
    async with service.database.reading() as conn:
        after = await store.components_of(conn, [("lms", "FS-101")])
        several = await store.read_versions(conn, [("food-safety", 1), ("food-safety", 2), ("none", 1)])
    assert [(one.number, one.recertification) for one in after[("lms", "FS-101")]] == [
        (1, False), (2, False), (2, True),
    ]  # fmt: skip
    assert set(several) == {("food-safety", 1), ("food-safety", 2)}


async def test_a_type_that_is_unknown_or_retired_is_not_issued(http, service, monkeypatch):
    monkeypatch.setattr("licet_certifications.programmes.routes._TYPE_ARRIVES_WITHIN", 0.1)
    await defined(http)
    await drafted(http)
    answer = await published(http)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/credential_type")
    await service.tell(type_told())
    await service.tell(type_told(version=2, retired=True))
    answer = await published(http)
    assert (answer.status_code, "retired" in answer.json()["detail"]) == (422, True)
    body = {"code": "other", "name": "Other", "credential_type": "food-safety"}
    assert (await http.post("/v1/programmes", json=body)).status_code == 422
    answer = await http.post("/v1/programmes/food-safety/versions", json=VERSION)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/credential_type")


@pytest.mark.parametrize(
    ("wrong", "pointer"),
    [
        ({"colour": "red"}, "/colour"),
        ({"components": []}, "/components"),
        ({"components": [{"code": "a", "name": "A"}]}, "/components/0/kind"),
        ({"components": [{"code": "a", "name": "A", "kind": "nap"}]}, "/components/0/kind"),
        (
            {"components": [{"code": "a", "name": "A", "kind": "task", "credits": -1}]},
            "/components/0/credits",
        ),
        (
            {"components": [{"code": "a", "name": "A", "kind": "task", "credits": 1.005}]},
            "/components/0/credits",
        ),
        ({"approvals": {"enrolment": "yes"}}, "/approvals/enrolment"),
        ({"approvals": {"enrolment": {"who": "me"}}}, "/approvals/enrolment/who"),
        ({"deadline": {"days": 0}}, "/deadline/days"),
        ({"deadline": {"days": 9, "then": "cry"}}, "/deadline/then"),
        ({"entry": {"required_programmes": ["unheard-of"]}}, "/entry/required_programmes/0"),
        ({"completion": {"credits": [{"minimum": 100}]}}, "/completion/credits/0/minimum"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_where_it_lies(http, scheme, wrong, pointer):
    answer = await http.post("/v1/programmes/food-safety/versions", json=VERSION | wrong)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]]
    assert len((await http.get("/v1/programmes/food-safety/versions")).json()["items"]) == 1


async def test_programmes_that_require_each_other_are_not_published(http, scheme):
    await defined(http, "second", credential_type=None)
    await drafted(http, "second", entry={"required_programmes": ["food-safety"]})
    assert (await published(http, 1, "second")).status_code == 200
    await drafted(http, entry={"required_programmes": ["second"]})
    answer = await published(http, 2)
    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (
        422, "/entry/required_programmes",
    )  # fmt: skip


async def test_codes_are_unique_whatever_the_case(http):
    await defined(http)
    answer = await http.post("/v1/programmes", json={"code": "Food-Safety", "name": "Other"})
    assert answer.status_code == 409


async def test_a_programme_is_changed_and_listed(http, service):
    await defined(http)
    path = "/v1/programmes/food-safety"
    assert (await http.patch(path, json={"name": "New"})).status_code == 428
    answer = await http.patch(path, json={"name": "New"}, headers={"If-Match": '"1"'})
    assert (answer.json()["name"], answer.json()["version"]) == ("New", 2)
    same = await http.patch(path, json={"name": "New"}, headers={"If-Match": '"2"'})
    assert same.json() == answer.json()
    await defined(http, "another")
    page = (await http.get("/v1/programmes?limit=1")).json()
    assert [one["code"] for one in page["items"]] == ["another"]
    rest = (await http.get("/v1/programmes", params={"cursor": page["next_cursor"]})).json()
    assert ([one["code"] for one in rest["items"]], rest["next_cursor"]) == (["food-safety"], None)
    table = (await http.get("/v1/programmes", headers={"Accept": "text/csv"})).text
    assert [row["name"] for row in csv.DictReader(table.splitlines())] == ["Food safety manager", "New"]
    async with service.database.reading() as conn, conn.transaction():
        snapshots, cursor = await programme_snapshots(conn, None, 1)
        others, end = await programme_snapshots(conn, cursor, 5)
    assert [one.programme.code for one in (*snapshots, *others)] == ["another", "food-safety"]
    assert end is None


async def test_a_narrowed_token_reads_programmes_and_defines_none(http, scheme, token):
    token.principal = replace(token.principal, teams=frozenset({"north"}))
    assert (await http.get("/v1/programmes/food-safety/versions/1")).status_code == 200
    assert (await http.post("/v1/programmes", json={"code": "x", "name": "X"})).status_code == 403


async def test_what_is_not_there_is_not_found(http, scheme):
    for path in ("none", "food-safety/versions/9", "none/versions"):
        assert (await http.get(f"/v1/programmes/{path}")).status_code == 404
    assert (await published(http, 9)).status_code == 404
    assert (await http.post("/v1/programmes/none/versions", json=VERSION)).status_code == 404
