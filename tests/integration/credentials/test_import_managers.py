"""A file names managers: those who come later, those who never come, and those who can't be."""

import asyncio
import random
from typing import Any

import pytest

from licet_chassis.cause import Cause
from licet_credentials.imports.job import ImportJobs

from .conftest import made, waits_for_a_lock

MAPPING = """
[holder]
kind = "employee"
external_id = "who"
name = "who"
manager = "boss"
same_as = { OLD-1 = "M-1" }
[holder.attributes]
shift = "shift"
floor = { column = "floor", kind = "integer" }
[type]
code = { constant = "first-aid" }
name = { constant = "First aid" }
category = "training"
[credential]
[term]
expires_on = "until"
"""
HEADER = "who,boss,shift,floor,until"


async def imported(
    http: Any, service: Any, *rows: str, batch_rows: int = 1, mapping: str = MAPPING, dry_run: str = "false"
) -> Any:
    content = "\n".join([HEADER, *rows]).encode()
    said = {"mapping": mapping, "dry_run": dry_run}
    answer = await http.post("/v1/imports", files={"file": ("m.csv", content)}, data=said)
    assert answer.status_code == 201, answer.text
    jobs = ImportJobs(service.database, service.clock, "UTC", batch_rows=batch_rows)
    while await jobs.step():
        pass
    job = (await http.get(answer.headers["location"])).json()
    assert job["state"] == "finished", job
    return job


async def holders(http: Any) -> dict[str, Any]:
    items = (await http.get("/v1/holders")).json()["items"]
    called = {item["id"]: item["external_id"] for item in items}
    return {item["external_id"]: item | {"manager": called.get(item["manager_id"])} for item in items}


async def managers(http: Any) -> dict[str, str | None]:
    return {name: holder["manager"] for name, holder in (await holders(http)).items()}


async def rejected(http: Any, job: Any) -> Any:
    path = f"/v1/imports/{job['id']}/rows"
    return (await http.get(path, params={"outcome": "rejected"})).json()["items"]


ROWS = (
    "A-1,M-1,early,2,2027-01-01",
    "M-1,,late,,2027-01-01",
    "Z-1,OLD-1,,,2027-01-01",
    "B-1,X-9,,,2027-01-01",
)


async def test_managers_may_appear_before_or_after_their_reports_or_never_and_a_repeat_changes_nothing(
    http, service
):
    await imported(http, service, *ROWS)
    assert await managers(http) == {"A-1": "M-1", "M-1": None, "Z-1": "M-1", "B-1": None}
    await service.published()
    again = await imported(http, service, *ROWS[::-1], batch_rows=100)
    assert (again["counts"]["unchanged"], await service.told()) == (4, [])
    await imported(http, service, "X-9,,,,2027-01-01")  # B-1 was waiting
    assert (await managers(http))["B-1"] == "X-9"
    await service.published()
    await imported(http, service, *ROWS)
    assert await service.told() == []


async def test_another_manager_updates_the_link_and_an_empty_cell_keeps_it(http, service):
    await imported(http, service, *ROWS)
    await service.published()
    job = await imported(http, service, "A-1,Z-1,,,2027-01-01")
    assert (job["counts"]["updated"], job["counts"]["holders_updated"]) == (1, 1)
    assert ((await managers(http))["A-1"], await service.told()) == ("Z-1", ["holder.updated"])
    await imported(http, service, "A-1,,,,2027-01-01")
    assert ((await managers(http))["A-1"], await service.told()) == ("Z-1", [])
    kept = MAPPING.replace('manager = "boss"', 'manager = "boss"\non_change = "keep"')
    await imported(http, service, "A-1,M-1,,,2027-01-01", mapping=kept)
    assert (await managers(http))["A-1"] == "Z-1"


async def test_attributes_of_holders_are_converted_by_kind_and_merged(http, service):
    await imported(http, service, *ROWS)
    assert (await holders(http))["A-1"]["attributes"] == {"shift": "early", "floor": 2}
    await imported(http, service, "A-1,M-1,night,,2027-01-01")
    assert (await holders(http))["A-1"]["attributes"] == {"shift": "night", "floor": 2}
    [line] = await rejected(http, await imported(http, service, "A-1,M-1,,ground,2027-01-01"))
    assert line["errors"][0] | {"detail": ""} == {"column": "floor", "value": "ground", "detail": ""}
    assert "integer" in line["errors"][0]["detail"]


async def test_a_row_that_would_close_a_cycle_is_rejected_with_line_and_column_and_the_rest_goes_on(
    http, service
):
    for batch_rows in (1, 100):
        async with service.database.reading() as conn:
            await conn.execute("truncate holders, credentials cascade")
        job = await imported(
            http, service,
            "A-1,C-1,,,2027-01-01", "B-1,A-1,,,2027-01-01", "C-1,B-1,,,2027-01-01", "D-1,D-1,,,2027-01-01",
            "E-1,A-1,,,2027-01-01", batch_rows=batch_rows,
        )  # fmt: skip
        told = {
            (line["line"], line["errors"][0]["column"]): line["errors"][0]
            for line in await rejected(http, job)
        }
        assert set(told) == {(4, "boss"), (5, "boss")}
        assert told[4, "boss"]["value"] == "B-1"
        assert "C-1 reports to B-1 reports to A-1 reports to C-1" in told[4, "boss"]["detail"]
        assert await managers(http) == {"A-1": None, "B-1": "A-1", "E-1": "A-1"}
    # Of known holders too.
    await imported(http, service, "C-1,B-1,,,2027-01-01", "A-1,,,,2027-01-01")
    before = await managers(http)
    [line] = await rejected(http, await imported(http, service, "A-1,E-1,,,2027-01-01"))
    assert (line["line"], line["errors"][0]["column"]) == (2, "boss")
    assert await managers(http) == before


@pytest.mark.parametrize("seed", range(4))
async def test_a_dry_run_reports_the_same_cycles_whatever_the_batches(http, service, seed):
    chance = random.Random(seed)
    people = [f"P-{number}" for number in range(9)]
    await imported(http, service, *(f"{one},{chance.choice(people)},,,2027-01-01" for one in people[:4]))
    rows = [f"{one},{chance.choice(people)},,,2027-06-30" for one in people]
    tried = await imported(http, service, *rows, dry_run="true")
    assert await service.count("import_managers") == 0
    done = await imported(http, service, *rows)
    assert tried["counts"] == done["counts"]
    assert await rejected(http, tried) == await rejected(http, done)
    assert done["counts"]["rejected"], "not tested: nobody would report to themselves"


async def test_undoing_removes_links_of_the_import_and_treats_links_by_others_as_changes(http, service):
    job = await imported(http, service, *ROWS)
    await made(http, "holders", kind="employee", name="X", external_id="X-9")  # B-1 gets its manager
    assert (await managers(http))["B-1"] == "X-9"
    await http.post(f"/v1/imports/{job['id']}/undo")
    await service.work_off_imports()
    active = {name: holder["active"] for name, holder in (await holders(http)).items()}
    assert active == {"A-1": False, "M-1": False, "Z-1": False, "B-1": True, "X-9": True}


async def test_reports_that_await_a_manager_are_locked_before_any_credential(http, service):
    """Credentials after holders is how everybody locks: otherwise two would wait for one another."""
    await imported(http, service, "A-1,X-9,,,2027-01-01", "K-1,,,,2027-01-01")
    async with service.database.transaction(Cause.new("user:other")) as tx:
        await tx.conn.fetch("select from holders where external_id = 'A-1' for update")
        importing = asyncio.create_task(
            imported(http, service, "K-1,,,,2027-06-30", "X-9,,,,2027-01-01", batch_rows=100)
        )
        await waits_for_a_lock(service)
        assert await tx.conn.fetch("select from credentials for update nowait")
    await importing
    assert (await managers(http))["A-1"] == "X-9"
