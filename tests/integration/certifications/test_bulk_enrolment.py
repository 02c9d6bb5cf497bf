"""Enrolling many holders, and moving many enrolments to another version: dry run, report, resumption."""

import csv
from dataclasses import replace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from licet_certifications.app import forget_holder
from licet_certifications.bulk.job import bulk_jobs
from licet_chassis.cause import Cause

from .conftest import Certifications, holder
from .test_programmes import defined, drafted, published, type_told

KITCHEN = (1, 2, 3)


@pytest.fixture
async def scheme(http: httpx.AsyncClient, service: Certifications, token: Any) -> None:
    """A programme without approvals, and four people of whom three are in the kitchen."""
    token.principal = replace(token.principal, scopes=token.principal.scopes | {"certifications:approve"})
    await service.tell(
        type_told(),
        *(holder(number, team="kitchen", external_id=f"E{number}") for number in KITCHEN),
        holder(4, team="bar", roles=("barkeeper",)),
    )
    await defined(http)
    await drafted(http, approvals={})
    await published(http)


async def work_off(service: Certifications) -> None:
    jobs = bulk_jobs(service.database, service.runtime.clock)
    while await jobs.step():
        pass


async def asked(http: httpx.AsyncClient, **body: Any) -> Any:
    answer = await http.post("/v1/enrolments/bulk", json={"programme": "food-safety"} | body)
    assert answer.status_code == 201, answer.text
    return answer.json()


async def shown(http: httpx.AsyncClient, job: Any) -> Any:
    return (await http.get(f"/v1/enrolments/bulk/{job['id']}")).json()


async def rows(http: httpx.AsyncClient, job: Any, query: str = "") -> Any:
    return (await http.get(f"/v1/enrolments/bulk/{job['id']}/rows{query}")).json()["items"]


async def total(http: httpx.AsyncClient) -> int:
    count: int = (await http.get("/v1/enrolments/counts")).json()["total"]
    return count


async def test_a_dry_run_tells_what_would_come_of_each_and_does_nothing(http, service, scheme):
    await asked(http, holder_ids=[str(UUID(int=1))])
    await work_off(service)
    before = len(await service.published())
    assert before
    job = await asked(http, filter={"team": "kitchen"}, dry_run=True)
    await work_off(service)
    done = await shown(http, job)
    assert (done["state"], done["total"], done["progress"]) == ("finished", 3, 1.0)
    assert done["counts"] == {"done": 2, "complete": 0, "refused": 1, "failed": 0}
    first, second, _ = await rows(http, job)
    assert (first["outcome"], "already" in first["detail"]) == ("refused", True)
    assert (second["status"], second["missing"]) == (
        "in_progress", ["component:course", "component:exam"],
    )  # fmt: skip
    assert second["enrolment_id"] is None
    assert await total(http) == 1
    assert await service.published() == []


async def test_a_filter_enrols_those_whom_it_finds(http, service, scheme):
    job = await asked(http, filter={"team": "kitchen", "role": "forklift"})
    await work_off(service)
    assert (await shown(http, job))["counts"]["done"] == 3
    assert await total(http) == 3
    assert len(await rows(http, job, "?outcome=done")) == 3
    assert await rows(http, job, "?outcome=refused") == []
    table = (await http.get(f"/v1/enrolments/bulk/{job['id']}/rows", headers={"Accept": "text/csv"})).text
    assert [row["status"] for row in csv.DictReader(table.splitlines())] == ["in_progress"] * 3


async def test_a_job_goes_on_where_it_was(http, service, scheme, monkeypatch):
    job = await asked(http, filter={"team": "kitchen"})
    monkeypatch.setattr("licet_chassis.jobs._ROWS_A_STEP", 2)
    assert await bulk_jobs(service.database, service.runtime.clock).step()
    half = await shown(http, job)
    assert (half["state"], half["counts"]["done"]) == ("running", 2)
    await work_off(service)
    assert ((await shown(http, job))["state"], await total(http)) == ("finished", 3)
    ended = await http.post(f"/v1/enrolments/bulk/{job['id']}/cancel")
    assert ended.status_code == 409


async def test_a_cancelled_job_does_nothing_more(http, service, scheme):
    job = await asked(http, filter={"team": "kitchen"})
    answer = await http.post(f"/v1/enrolments/bulk/{job['id']}/cancel")
    assert answer.json()["state"] == "cancelled"
    await work_off(service)
    assert await total(http) == 0


async def test_a_file_enrols_its_rows_and_tells_what_is_wrong_with_one(http, service, scheme):
    text = "external_id,programme\r\nE1,food-safety\r\nE99,food-safety\r\nE2,unheard-of\r\n,food-safety\r\n"
    answer = await http.post(
        "/v1/enrolments/bulk/csv", content=text.encode(), headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 201, answer.text
    await work_off(service)
    found = await rows(http, answer.json())
    assert [row["outcome"] for row in found] == ["done", "refused", "refused", "refused"]
    assert "external_id" in found[1]["detail"]
    assert "unheard-of" in found[2]["detail"]
    assert await total(http) == 1


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (b"\xff", ""), (b"name\n", ""), (b"external_id\nE1\n", ""), (b"programme\nx\n", ""),
        (b"external_id,holder_id,programme\n", ""), (b'external_id,programme\n"E1,x\n', ""), (b"", ""),
        (b"external_id,external_id\n", "?programme=food-safety"),
        (b"external_id\n" + b"E1\n" * 10_001, "?programme=food-safety"),
    ],
)  # fmt: skip
async def test_a_file_that_cant_be_read_is_refused_as_a_whole(http, scheme, text, query):
    answer = await http.post(
        f"/v1/enrolments/bulk/csv{query}", content=text, headers={"Content-Type": "text/csv"}
    )
    assert answer.status_code == 422, answer.text
    assert (await http.get("/v1/enrolments/bulk")).json()["items"] == []


@pytest.mark.parametrize(
    "body",
    [
        {}, {"filter": {}}, {"filter": {"team": "a"}, "holder_ids": [str(uuid4())]},
        {"holder_ids": []}, {"filter": {"team": "a"}, "entry": "rule"},
    ],
)  # fmt: skip
async def test_what_names_nobody_is_refused(http, scheme, body):
    answer = await http.post("/v1/enrolments/bulk", json={"programme": "food-safety"} | body)
    assert answer.status_code == 422


async def test_a_narrowed_token_enrols_only_its_people(http, service, scheme, token):
    token.principal = replace(token.principal, teams=frozenset({"bar"}))
    job = await asked(http, holder_ids=[str(UUID(int=1)), str(UUID(int=4))])
    await work_off(service)
    refused, done = await rows(http, job)
    assert (refused["outcome"], refused["detail"]) == ("refused", f"There is no holder {UUID(int=1)}.")
    assert done["outcome"] == "done"
    assert (await asked(http, filter={"team": "kitchen"}))["total"] == 0
    token.principal = replace(token.principal, teams=frozenset({"kitchen"}))
    assert (await http.get(f"/v1/enrolments/bulk/{job['id']}")).status_code == 404
    assert (await http.get("/v1/enrolments/bulk")).json()["items"] == []


async def test_staff_needs_the_scope_to_approve_and_an_application_does_not(http, scheme, token):
    token.principal = replace(
        token.principal, scopes=frozenset({"certifications:read", "certifications:write"})
    )
    body = {"programme": "food-safety", "filter": {"team": "kitchen"}}
    assert (await http.post("/v1/enrolments/bulk", json=body)).status_code == 403
    answer = await http.post("/v1/enrolments/bulk", json=body | {"entry": "application"})
    assert answer.status_code == 201


async def test_open_enrolments_move_to_a_version_after_a_dry_run(http, service, scheme):
    await asked(http, filter={"team": "kitchen"})
    await work_off(service)
    await drafted(http, approvals={}, components=[{"code": "talk", "name": "Talk", "kind": "attendance"}])
    path = "/v1/programmes/food-safety/versions/2/migrate"
    assert (await http.post(path, json={})).status_code == 409
    await published(http, 2)
    await asked(http, holder_ids=[str(UUID(int=4))])
    await work_off(service)
    await service.published()
    tried = (await http.post(path, json={"dry_run": True})).json()
    await work_off(service)
    done = await shown(http, tried)
    assert (done["kind"], done["total"], done["counts"]["done"]) == ("migrate", 3, 3)
    assert {tuple(row["missing"]) for row in await rows(http, tried, "?complete=false")} == {
        ("component:talk",)
    }
    assert await service.published() == []
    moved = (await http.post(path, json={})).json()
    await work_off(service)
    assert (await shown(http, moved))["counts"]["done"] == 3
    listed = (await http.get("/v1/enrolments")).json()["items"]
    assert {item["programme_version"] for item in listed} == {2}
    again = (await http.post(path, json={})).json()
    assert (again["state"], again["total"]) == ("finished", 0)


async def test_jobs_forget_an_erased_holder(http, service, scheme):
    job = await asked(http, filter={"team": "kitchen"})
    await work_off(service)
    async with service.database.transaction(Cause.new("user:t")) as tx:
        await forget_holder(tx, UUID(int=1), service.runtime.clock.now())
    assert [UUID(row["holder_id"]).int for row in await rows(http, job)] == [2, 3]
