"""Imports as jobs: what a dry run says, cancelling, undoing, crashes, and what stays of it all."""

import asyncio
import csv
import io
import os
import random
import signal
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from licet_chassis.database import TRANSIENT
from licet_credentials import imports
from licet_credentials.credentials.commands.writing import write_credentials
from licet_credentials.holders.commands.writing import write_holders
from licet_credentials.imports import batches, store
from licet_credentials.imports.job import ImportJobs
from licet_credentials.imports.model import RowOutcome
from support.importing.alone import sent
from support.importing.licences import LicenceRow, Licences, made_up

CHICAGO = (
    Path(imports.__file__)
    .with_name("file")
    .joinpath("mappings")
    .joinpath("chicago.toml")
    .read_text(encoding="utf-8")
)
TERMS_ALONE = CHICAGO.replace('issued_on = { column = "DATE ISSUED" }', "")
"""The mapping by which a later row changes no fact about the credential."""
CORRECTING = TERMS_ALONE.replace("[flag]", 'on_change = "correct"\n[flag]')
"""The mapping by which other dates under one key are a correction."""

DIRTY = ("end before start", "no end", "unknown status", "no account", "overlap", "twice")


def with_dirt(licences: Licences, chance: random.Random) -> list[LicenceRow]:
    """Return the rows with the dirt of real publications among them."""
    rows = list(licences.rows)
    for kind in DIRTY:
        row = chance.choice(rows)
        what_else: dict[str, dict[str, Any]] = {
            "end before start": {"start": row.end + timedelta(days=9), "number": row.number + "x"},
            "no end": {"number": row.number + "y", "status": "AAI", "since": None},
            "unknown status": {"status": "???", "number": row.number + "z"},
            "no account": {"account": ""},
            "overlap": {"start": row.end - timedelta(days=40), "end": row.end + timedelta(days=200)},
            "twice": {},
        }
        rows.append(replace(row, **what_else[kind]))
    chance.shuffle(rows)
    return rows


async def taken_in(http: Any, file: Path, **fields: Any) -> str:
    content = await asyncio.to_thread(file.read_bytes)
    answer = await http.post(
        "/v1/imports", files={"file": (file.name, content)}, data={"mapping": "chicago"} | fields
    )
    assert answer.status_code == 201, answer.text
    return str(answer.headers["location"])


async def done(http: Any, service: Any, file: Path, **fields: Any) -> Any:
    """Import a file and return the job at its end."""
    path = await taken_in(http, file, **fields)
    await service.work_off_imports()
    return (await http.get(path)).json()


async def report(http: Any, job: Any, **query: Any) -> list[Any]:
    items: list[Any] = []
    cursor: str | None = None
    while True:
        params = {"limit": 500} | query | ({"cursor": cursor} if cursor else {})
        page = (await http.get(f"/v1/imports/{job['id']}/rows", params=params)).json()
        items += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return items


async def essence(service: Any) -> Any:
    """All that is recorded and published, without ids and instants of entry."""
    async with service.database.reading() as conn:
        terms = await conn.fetch(
            """
            select h.external_id, h.name, c.type, c.number, t.source_key, t.valid_from, t.expires_on,
                c.announced, (select count(*) from flags f where f.credential_id = c.id) as flags
            from credentials c join holders h on h.id = c.holder_id
            join terms t on t.credential_id = c.id and t.known_until is null
            where not c.voided order by 1, 3, 4, 5, 6, 7
            """
        )
        return [tuple(row) for row in terms]


@pytest.fixture
def licences() -> Licences:
    return made_up("J", holders=12)


@pytest.mark.parametrize("seed", range(4))
async def test_a_dry_run_counts_what_the_real_run_then_does_in_any_database(
    http, service, tmp_path, licences, seed
):
    chance = random.Random(seed)
    rows = with_dirt(licences, chance)
    before = chance.sample(rows, len(rows) // 3)
    await done(http, service, licences.write(tmp_path / "before.csv", before))
    await service.published()
    state = await essence(service)
    file = licences.write(tmp_path / "all.csv", rows)
    dry = await done(http, service, file, dry_run="true")
    assert (await essence(service), await service.told()) == (state, [])
    real = await done(http, service, file)
    assert (dry["counts"], dry["types_created"]) == (real["counts"], real["types_created"])
    assert sum(dry["counts"][outcome] for outcome in RowOutcome) == len(rows)
    assert dry["counts"]["rejected"] == real["counts"]["rejected"] > 0

    def told(line: Any) -> Any:
        return line["line"], line["outcome"], line["errors"]

    assert [told(line) for line in await report(http, dry)] == [
        told(line) for line in await report(http, real)
    ]


@pytest.mark.parametrize("seed", range(3))
async def test_a_file_in_any_order_and_split_gives_the_same_result_and_a_repeat_none(
    http, service, tmp_path, licences, seed
):
    chance = random.Random(seed)
    whole = with_dirt(licences, chance)
    await done(http, service, licences.write(tmp_path / "whole.csv", whole))
    wanted = await essence(service)
    async with service.database.reading() as conn:
        await conn.execute("truncate holders, credentials, outbox cascade")
    rows = chance.sample(whole, len(whole))
    cut = chance.randint(1, len(rows) - 1)
    parts = [
        licences.write(tmp_path / "b.csv", rows[cut:]),
        licences.write(tmp_path / "a.csv", rows[:cut]),
    ]
    for part in parts:
        await done(http, service, part)
    assert await essence(service) == wanted
    await service.published()
    for part in [*parts[::-1], tmp_path / "whole.csv"]:
        again = await done(http, service, part)
        assert {name for name, count in again["counts"].items() if count} <= {"unchanged", "rejected"}
    assert await service.told() == []


async def test_one_bad_row_in_many_is_reported_exactly_and_stops_nothing(http, service, tmp_path):
    licences = made_up("M", holders=700)
    bad = LicenceRow("M-bad", "Bad, Inc.", ("1010", "Limited Shop"), "MX", date(2020, 1, 1), date(2019, 1, 1))
    rows = [*licences.rows[:1000], bad, *licences.rows[1000:]]
    job = await done(http, service, licences.write(tmp_path / "m.csv", rows))
    assert (job["counts"]["rejected"], job["counts"]["created"]) == (1, len(licences.rows))
    assert (job["done_rows"], job["progress"]) == (len(rows), 1.0)
    [line] = await report(http, job, outcome="rejected")
    assert line["line"] == 1002
    assert line["errors"] == [
        {
            "column": "LICENSE TERM EXPIRATION DATE",
            "value": "01/01/2019",
            "detail": "is before valid_from 2020-01-01; must be that day or later",
        }
    ]
    assert await service.count("holders") == licences.holders


async def test_copy_and_save_write_the_same_rows(http, service, tmp_path, licences, monkeypatch):
    columns = """
        select table_name, column_name from information_schema.columns where table_schema = 'public'
            and table_name in ('credentials', 'terms', 'runs', 'register', 'flags', 'credential_history',
                'holders', 'holder_history')
            and data_type <> 'uuid'
            and column_name not like all (array['%_at', 'known_from', 'current_%', 'number_scope'])
        order by 1, 2
    """

    async def written() -> dict[str, Any]:
        async with service.database.reading() as conn:
            names: dict[str, list[str]] = {}
            for row in await conn.fetch(columns):
                names.setdefault(row[0], []).append(row[1])
            return {
                table: sorted(
                    repr(tuple(row)) for row in await conn.fetch(f"select {', '.join(cols)} from {table}")
                )
                for table, cols in names.items()
            }

    file = licences.write(tmp_path / "l.csv")
    await done(http, service, file)
    copied = await written()
    async with service.database.reading() as conn:
        await conn.execute("truncate holders, credentials, outbox cascade")

    monkeypatch.setattr(batches, "write_new_holders", write_holders)
    monkeypatch.setattr(batches, "write_new_credentials", write_credentials)
    await done(http, service, file)
    assert await written() == copied
    assert copied["runs"]
    assert copied["flags"]


async def test_a_queued_and_a_running_import_can_be_cancelled_and_undone(http, service, tmp_path, licences):
    file = licences.write(tmp_path / "l.csv")
    path = await taken_in(http, file)
    jobs = ImportJobs(service.database, service.clock, "UTC", batch_rows=5)
    for _ in range(3):
        await jobs.step()
    answer = await http.post(path + "/cancel")
    assert (answer.status_code, answer.json()["state"]) == (202, "cancelling")
    await service.work_off_imports()
    job = (await http.get(path)).json()
    assert job["state"] == "cancelled"
    assert 0 < job["done_rows"] < job["total_rows"]
    assert await service.count("import_staged") == 0
    assert (await http.post(path + "/undo")).status_code == 202
    await service.work_off_imports()
    job = (await http.get(path)).json()
    assert job["state"] == "undone"
    assert job["undone"]["credentials_voided"] == job["counts"]["credentials_created"]
    assert job["undone"]["holders_deactivated"] == job["counts"]["holders_created"]
    queued = await taken_in(http, file)
    await http.post(queued + "/cancel")
    await service.work_off_imports()
    assert (await http.get(queued)).json()["state"] == "cancelled"
    assert await service.count("import_chunks") == 0


async def test_undoing_keeps_later_changes_by_others_and_reports_both(http, service, tmp_path, licences):
    first = [row for row in licences.rows if row.account.endswith(("1", "2"))]
    await done(http, service, licences.write(tmp_path / "first.csv", first))
    job = await done(http, service, licences.write(tmp_path / "all.csv"))
    lines = [line for line in await report(http, job) if line["outcome"] == "created"]
    changed = lines[0]["credential_id"]
    shown = await http.get(f"/v1/credentials/{changed}")
    renamed = await http.patch(
        f"/v1/credentials/{changed}", json={"issuer": "Somebody"}, headers={"If-Match": shown.headers["etag"]}
    )
    assert renamed.status_code == 200, renamed.text
    await service.published()
    service.clock.advance(days=400)  # time alone is no change
    assert (await http.post(f"/v1/imports/{job['id']}/undo")).status_code == 202
    await service.work_off_imports()
    undone = (await http.get(f"/v1/imports/{job['id']}")).json()
    assert undone["undone"]["credentials_left"] == 1
    assert undone["undone"]["credentials_voided"] == job["counts"]["credentials_created"] - 1
    assert undone["undone"]["holders_left"] == 1
    by_credential = {line["credential_id"]: line for line in await report(http, job)}
    left = by_credential[changed]
    assert (left["undo"], left["undo_reason"]) == ("left", "changed_since")
    told = Counter(name for name in await service.told() if not name.endswith("status_changed"))
    assert told == {
        "credential.voided": undone["undone"]["credentials_voided"],
        "holder.deactivated": undone["undone"]["holders_deactivated"],
    }
    again = await http.post(f"/v1/imports/{job['id']}/undo")
    assert (again.status_code, again.json()["state"]) == (202, "undone")


async def undone(http, service, job):
    assert (await http.post(f"/v1/imports/{job['id']}/undo")).status_code == 202
    await service.work_off_imports()
    return (await http.get(f"/v1/imports/{job['id']}")).json()["undone"]


def terms_of_one_credential(licences, count):
    """Return the last rows of a licence that has no flag."""
    histories: dict[str, list[LicenceRow]] = {}
    for row in licences.rows:
        histories.setdefault(row.number, []).append(row)
    return next(
        sorted(rows, key=lambda row: row.end)[-count:]
        for rows in histories.values()
        if len(rows) >= count and all(row.status == "AAI" for row in rows)
    )


async def test_undoing_withdraws_terms_from_credentials_that_existed_before(
    http, service, tmp_path, licences
):
    *old, _, _ = mine = terms_of_one_credential(licences, 4)
    await done(http, service, licences.write(tmp_path / "old.csv", old), mapping=TERMS_ALONE)
    [before] = (await http.get("/v1/credentials")).json()["items"]
    job = await done(http, service, licences.write(tmp_path / "new.csv", mine), mapping=TERMS_ALONE)
    await service.published()
    assert await undone(http, service, job) == {
        "credentials_voided": 0, "terms_withdrawn": 2, "credentials_left": 0, "holders_deactivated": 0,
        "holders_left": 0,
    }  # fmt: skip
    assert [(line["outcome"], line["undo"]) for line in await report(http, job)] == [
        ("unchanged", None), ("unchanged", None), ("renewed", "undone"), ("renewed", "undone"),
    ]  # fmt: skip
    [after] = (await http.get("/v1/credentials")).json()["items"]
    assert after["term"] == before["term"]
    told = [name for name in await service.told() if not name.endswith("status_changed")]
    assert told == ["credential.corrected"] * 2
    again = await done(http, service, licences.write(tmp_path / "again.csv", mine), mapping=TERMS_ALONE)
    assert again["counts"]["renewed"] == 2


async def test_undoing_keeps_corrections_by_the_import_and_reports_them(http, service, tmp_path, licences):
    *old, new = mine = terms_of_one_credential(licences, 3)
    await done(http, service, licences.write(tmp_path / "old.csv", old), mapping=TERMS_ALONE)
    wrong = replace(old[-1], start=old[-1].start + timedelta(days=1))
    rows = licences.write(tmp_path / "new.csv", [mine[0], wrong, new])
    job = await done(http, service, rows, mapping=CORRECTING)
    assert (await undone(http, service, job))["terms_withdrawn"] == 1
    lines = {line["outcome"]: (line["undo"], line["undo_reason"]) for line in await report(http, job)}
    assert lines == {
        "unchanged": (None, None), "corrected": ("left", "was_there_before"),
        "renewed": ("undone", "other_changes_stay"),
    }  # fmt: skip
    assert (await http.get(f"/v1/imports/{job['id']}")).json()["undone"]["credentials_left"] == 1


async def test_a_row_that_is_only_partly_undone_says_so(http, service, tmp_path, licences):
    *old, new = mine = terms_of_one_credential(licences, 2)
    await done(http, service, licences.write(tmp_path / "old.csv", old))
    job = await done(http, service, licences.write(tmp_path / "new.csv", mine))  # another day of issue
    await undone(http, service, job)
    *_, line = await report(http, job)
    assert (line["outcome"], line["undo"], line["undo_reason"]) == (
        "renewed", "undone", "other_changes_stay",
    )  # fmt: skip
    renamed = replace(new, name="Another Name, Inc.")
    rows = licences.write(tmp_path / "renamed.csv", [*old, renamed])
    job = await done(http, service, rows, mapping=TERMS_ALONE)
    await undone(http, service, job)
    *_, line = await report(http, job)
    assert (line["outcome"], line["undo"], line["undo_reason"]) == (
        "renewed", "undone", "other_changes_stay",
    )  # fmt: skip


async def test_an_undone_import_can_be_repeated_completely_and_undone_again(
    http, service, tmp_path, licences
):
    file = licences.write(tmp_path / "l.csv")
    first = await done(http, service, file)
    left = (await http.get("/v1/holders", params={"limit": 1})).json()["items"][0]
    counts = await undone(http, service, first)
    again = await done(http, service, file)
    assert again["counts"]["credentials_created"] == first["counts"]["credentials_created"]
    assert (await http.get("/v1/holders", params={"active": "false"})).json()["items"] == []
    assert await undone(http, service, again) == counts
    # Whom a person has deactivated stays so.
    await http.post(f"/v1/holders/{left['id']}/reactivate", json={"reason": "back"})
    await http.post(f"/v1/holders/{left['id']}/deactivate", json={"reason": "left"})
    await done(http, service, file)
    inactive = (await http.get("/v1/holders", params={"active": "false"})).json()["items"]
    assert [holder["id"] for holder in inactive] == [left["id"]]


async def test_undoing_keeps_a_term_that_something_depends_on_by_now(http, service, tmp_path, licences):
    *old, _ = mine = terms_of_one_credential(licences, 2)
    await done(http, service, licences.write(tmp_path / "old.csv", old))
    job = await done(http, service, licences.write(tmp_path / "new.csv", mine))
    [held] = (await http.get("/v1/credentials")).json()["items"]
    said = {"source": "register", "result": "confirmed"}
    checked = await http.post(f"/v1/credentials/{held['id']}/verifications", json=said)
    assert checked.status_code == 201, checked.text
    assert (await undone(http, service, job))["credentials_left"] == 1
    line = (await report(http, job))[-1]
    assert (line["outcome"], line["undo"], line["undo_reason"]) == ("renewed", "left", "changed_since")


@pytest.mark.parametrize("action", ["cancel", "undo"])
async def test_an_import_in_the_wrong_state_is_neither_cancelled_nor_undone(
    http, service, tmp_path, licences, action
):
    file = licences.write(tmp_path / "l.csv")
    finished = await done(http, service, file)
    dry = await done(http, service, file, dry_run="true")
    queued = await taken_in(http, file)
    for path in {"cancel": [finished["id"], dry["id"]], "undo": [dry["id"], queued.rpartition("/")[2]]}[
        action
    ]:
        answer = await http.post(f"/v1/imports/{path}/{action}")
        assert answer.status_code == 409, answer.text
    unknown = await http.post(f"/v1/imports/{UUID(int=0)}/{action}")
    assert unknown.status_code in {404, 409}


async def test_imports_are_listed_the_latest_first(http, service, tmp_path, licences):
    file = licences.write(tmp_path / "l.csv")
    ids = [(await done(http, service, file))["id"] for _ in range(3)]
    page = (await http.get("/v1/imports", params={"limit": 2})).json()
    assert [item["id"] for item in page["items"]] == ids[:0:-1]
    rest = (await http.get("/v1/imports", params={"limit": 2, "cursor": page["next_cursor"]})).json()
    assert [item["id"] for item in rest["items"]] == ids[:1]


async def test_the_report_is_also_a_csv_file_with_a_line_for_each_error(http, service, tmp_path, licences):
    bad = LicenceRow("=cmd()", "Bad", ("10 10", "Shop"), "B1", date(2020, 1, 1), date(2019, 1, 1), status="?")
    job = await done(http, service, licences.write(tmp_path / "l.csv", [bad, licences.rows[0]]))
    answer = await http.get(f"/v1/imports/{job['id']}/rows", headers={"Accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [row["line"] for row in rows] == ["2", "2", "2", "3"]
    assert {row["column"] for row in rows[:3]} == {
        "LICENSE CODE", "LICENSE TERM EXPIRATION DATE", "LICENSE STATUS",
    }  # fmt: skip
    assert rows[3]["outcome"] == "created"


KILLED_AT = ("imports.file_staged", "imports.batch_written", "imports.batch_committed")


@pytest.mark.faults
@pytest.mark.parametrize("place", KILLED_AT)
async def test_a_killed_process_loses_at_most_the_current_batch_and_repeats_nothing(
    http, service, tmp_path, clean_url, place
):
    licences = made_up("K", holders=900)  # more than one batch
    file = licences.write(tmp_path / "k.csv")
    armed = tmp_path / "armed"
    armed.write_text(place)
    killed = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "support.importing.alone", clean_url, str(file), "chicago"],
        cwd=Path(__file__).parents[2],
        env={**os.environ, "LICET_FAILPOINTS": str(armed), "LICET_ENVIRONMENT": "embedded"},
        capture_output=True,
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    [job] = (await http.get("/v1/imports")).json()["items"]
    assert job["state"] in {"queued", "running"}
    await service.work_off_imports()
    job = (await http.get(f"/v1/imports/{job['id']}")).json()
    assert (job["state"], job["counts"]["created"]) == ("finished", len(licences.rows))
    assert await service.count("credentials") == licences.credentials
    names = Counter(await service.told())
    assert (names["holder.registered"], names["credential.created"]) == (
        licences.holders,
        licences.credentials,
    )
    assert len(await report(http, job)) == len(licences.rows)


@pytest.mark.faults
async def test_cut_connections_cost_time_and_nothing_else(http, service, tmp_path, clean_url):
    licences = made_up("C", holders=60)
    await sent(service.database, licences.write(tmp_path / "c.csv"), "chicago")
    jobs = ImportJobs(service.database, service.clock, "UTC", batch_rows=20)
    cutter = await asyncpg.connect(clean_url)
    cut = 0
    try:
        while True:
            step = asyncio.create_task(jobs.step())
            if cut < 5:
                while not step.done():  # in the middle of whatever it does
                    cut += await cutter.fetchval(
                        """
                        select count(pg_terminate_backend(pid)) from pg_stat_activity
                        where datname = current_database() and application_name = 'licet-credentials'
                            and state <> 'idle' and pid <> pg_backend_pid()
                        """
                    )
                    await asyncio.sleep(0)
            try:
                if not await step:
                    break
            except TRANSIENT:
                continue
    finally:
        await cutter.close()
    assert cut >= 5
    assert await service.count("credentials") == licences.credentials
    [job] = (await http.get("/v1/imports")).json()["items"]
    assert (job["state"], job["counts"]["created"]) == ("finished", len(licences.rows))
    names = Counter(await service.told())
    assert names["credential.created"] == licences.credentials


async def test_two_instances_share_an_import_without_repeating_a_row(http, service, tmp_path):
    licences = made_up("T", holders=60)
    for number in range(2):
        await sent(service.database, licences.write(tmp_path / f"{number}.csv"), "chicago")

    async def work() -> None:
        jobs = ImportJobs(service.database, service.clock, "UTC", batch_rows=25)
        while await store_open(service):
            await jobs.step()

    await asyncio.gather(work(), work())
    assert await service.count("credentials") == licences.credentials
    items = (await http.get("/v1/imports")).json()["items"]
    assert sum(item["counts"]["created"] for item in items) == len(licences.rows)
    assert sum(item["counts"]["unchanged"] for item in items) == len(licences.rows)


async def store_open(service: Any) -> int:
    async with service.database.reading() as conn:
        return await store.count_open(conn)


async def test_staged_rows_are_deleted_with_the_import_and_a_holder_can_be_removed_from_its_report(
    http, service, tmp_path, licences
):
    bad = LicenceRow(
        "J-secret", "Planted Name", ("10 10", "Shop"), "PLANTED-7", date(2020, 1, 1), date(2021, 1, 1)
    )
    noted = LicenceRow("", "Planted Name", ("10 10", "Shop"), "x" * 300, date(2020, 1, 1), date(2021, 1, 1))
    await done(http, service, licences.write(tmp_path / "l.csv", [bad, noted, *licences.rows]))
    assert [await service.count(t) for t in ("import_chunks", "import_staged", "import_numbers")] == [0, 0, 0]
    async with service.database.reading() as conn:
        said = "select count(*) from import_rows where errors is not null"
        assert await conn.fetchval(said) == 2
        assert await store.forget_holders(conn, ["J-secret"], ["X" * 100]) == []
        assert await conn.fetchval(said) == 0
        assert await conn.fetchval("select count(*) from import_rows where holder_key is not null") == 0
