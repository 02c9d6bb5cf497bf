"""A CSV file becomes holders, credentials and terms; broken rows are told; again, nothing changes."""

import csv
import io
from typing import Any

import pytest

from licet_credentials.imports.file.mapping import find_mapping
from licet_credentials.imports.job import ImportJobs

HEADER = (
    "ID", "ACCOUNT NUMBER", "LEGAL NAME", "LICENSE CODE", "LICENSE DESCRIPTION", "LICENSE NUMBER",
    "LICENSE TERM START DATE", "LICENSE TERM EXPIRATION DATE", "DATE ISSUED", "LICENSE STATUS",
    "LICENSE STATUS CHANGE DATE", "WARD",
)  # fmt: skip


def row(
    key: str, account: str, name: str, kind: str, number: str, dates: str, status: str = "AAI"
) -> list[str]:
    """Return a row; `dates` are start, end and issue, `status` may be followed by its date."""
    start, end, issued = dates.split("|")
    code, what = kind.split(" ")
    flag, _, since = status.partition(" ")
    return [key, account, name, code, what, number, start, end, issued, flag, since, "7"]


ALPHA, SHOP = "ALPHA INC", "1010 Shop"
ROWS = [
    row("1-a", "10", ALPHA, SHOP, "100", "01/01/2010|12/31/2011|01/02/2010"),
    row("1-b", "10", ALPHA, SHOP, "100", "01/01/2012|12/31/2013|01/02/2012"),
    row("1-c", "10", ALPHA, SHOP, "100", "06/01/2014|12/31/2015|06/02/2014", "AAC 09/15/2014"),
    row("2-a", "10", ALPHA, "1006 Food", "200", "|12/31/2011|01/02/2010", "REV 02/03/2011"),
    row("3-a", "20", "BETA, LLC", SHOP, "300", "01/01/2010|12/31/2030|01/02/2010"),
]


def file_of(rows: Any) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows(rows)
    return text.getvalue().encode()


async def sent(http: Any, content: bytes, **fields: Any) -> Any:
    return await http.post(
        "/v1/imports", files={"file": ("l.csv", content)}, data={"mapping": "chicago"} | fields
    )


async def imported(http: Any, service: Any, rows: Any, **fields: Any) -> tuple[Any, Any]:
    answer = await sent(http, file_of(rows), **fields)
    assert answer.status_code == 201, answer.text
    await service.work_off_imports()
    job = (await http.get(answer.headers["location"])).json()
    assert job["state"] == "finished", job
    report = (await http.get(answer.headers["location"] + "/rows")).json()["items"]
    return job, report


async def test_a_file_becomes_holders_credentials_and_terms(http, service):
    job, report = await imported(http, service, ROWS)
    assert job["progress"] == 1.0
    assert job["types_created"] == ["chicago-1006", "chicago-1010"]
    counts = {name: count for name, count in job["counts"].items() if count}
    assert counts == {"created": 5, "holders_created": 2, "credentials_created": 3, "terms_created": 5}
    assert [(row["line"], row["outcome"]) for row in report] == [(line, "created") for line in range(2, 7)]
    events = await service.published()
    names = [event.data.event_type for event in events]
    assert names.count("licet.holder.registered.v1") == 2
    assert names.count("licet.credential.created.v1") == 3
    assert names.count("licet.credential_type.changed.v1") == 2
    assert len(names) == 7
    created = {e.data.credential.number: e.data for e in events if "created" in e.data.event_type}
    assert {data.origin for data in created.values()} == {"import"}
    shop = created["100"].credential
    assert [str(run.expires_on) for run in shop.runs] == ["2013-12-31", "2015-12-31"]
    assert not any(term.announce_reached for term in shop.terms)
    assert (shop.validity, shop.flags[0].kind, shop.flags[0].reason) == (
        "surrendered",
        "surrendered",
        "cancelled",
    )
    assert shop.flags[0].effective_from.isoformat() == "2014-09-15T05:00:00+00:00"
    assert created["200"].credential.validity == "revoked"
    assert created["300"].credential.validity == "active"


async def test_importing_the_same_file_again_in_any_order_changes_and_publishes_nothing(http, service):
    await imported(http, service, ROWS)
    await service.published()
    service.clock.advance(days=3)
    job, report = await imported(http, service, ROWS[::-1])
    assert {name: count for name, count in job["counts"].items() if count} == {"unchanged": 5}
    assert {row["outcome"] for row in report} == {"unchanged"}
    assert await service.told() == []


async def test_a_dry_run_reports_the_same_and_changes_nothing(http, service):
    dry, _ = await imported(http, service, ROWS, dry_run="true")
    assert await service.told() == []
    assert [await service.count(t) for t in ("holders", "credentials", "credential_types")] == [0, 0, 0]
    real, _ = await imported(http, service, ROWS)
    assert (dry["counts"], dry["types_created"]) == (real["counts"], real["types_created"])


async def test_a_later_term_of_a_known_credential_renews_it(http, service):
    await imported(http, service, ROWS)
    await service.published()
    later = row("3-b", "20", "BETA, LLC", SHOP, "300", "01/01/2031|12/31/2032|01/02/2010")
    job, report = await imported(http, service, [*ROWS, later])
    assert (job["counts"]["renewed"], job["counts"]["unchanged"]) == (1, 5)
    assert await service.told() == ["credential.renewed"]
    assert (report[-1]["line"], report[-1]["outcome"]) == (7, "renewed")


async def test_a_changed_name_and_a_new_flag_update_what_is_there(http, service):
    await imported(http, service, ROWS)
    await service.published()
    changed = row("3-a", "20", "BETA GMBH", SHOP, "300", "01/01/2010|12/31/2030|01/02/2010", "REV 02/01/2026")
    job, report = await imported(http, service, [changed])
    assert (job["counts"]["updated"], job["counts"]["holders_updated"]) == (1, 1)
    assert await service.told() == ["holder.updated", "credential.status_changed"]
    assert report[0]["outcome"] == "updated"


@pytest.mark.parametrize(
    ("place", "value", "column", "words"),
    [
        (7, "02/30/2011", "LICENSE TERM EXPIRATION DATE", "must be a date that exists, written MM/DD/YYYY"),
        (7, "12/31/2009", "LICENSE TERM EXPIRATION DATE", "is before valid_from"),
        (9, "XXX", "LICENSE STATUS", "must be one of AAC, AAI, REV"),
        (9, "AAC", "LICENSE STATUS CHANGE DATE", "must be a date where LICENSE STATUS is AAC"),
        (1, "", "ACCOUNT NUMBER", "must not be empty"),
        (3, "10 10", "LICENSE CODE", "must be a code"),
    ],
)
async def test_a_broken_row_is_reported_with_line_column_and_value_and_the_rest_goes_on(
    http, service, place, value, column, words
):
    broken = list(ROWS[0])
    broken[place] = value
    job, report = await imported(http, service, [broken, *ROWS[1:]])
    assert (job["counts"]["rejected"], job["counts"]["created"]) == (1, 4)
    rejected = [row for row in report if row["outcome"] == "rejected"]
    [error] = rejected[0]["errors"]
    assert (rejected[0]["line"], error["column"]) == (2, column)
    assert words in error["detail"]
    if value and column != "LICENSE STATUS CHANGE DATE":
        assert value in error["value"]


async def test_malformed_rows_and_repeated_terms_are_reported(http, service):
    content = file_of([*ROWS, ROWS[4]]) + b"more,fields,than" + b",x" * 10 + b"\r\n"
    answer = await sent(http, content)
    await service.work_off_imports()
    path = answer.headers["location"] + "/rows"
    [long] = (await http.get(path, params={"outcome": "rejected"})).json()["items"]
    assert (long["line"], long["errors"][0]["detail"]) == (8, "has 13 fields, the header has 12")
    [twice] = (await http.get(path, params={"outcome": "unchanged"})).json()["items"]
    assert twice["line"] == 7


async def test_another_day_of_a_flag_corrects_it_if_the_mapping_says_so(http, service):
    _, text = find_mapping("chicago")
    await imported(http, service, ROWS)
    await service.published()
    other = list(ROWS[2])
    other[10] = "09/20/2014"
    _, [row] = await imported(http, service, [other])
    assert (row["outcome"], row["errors"][0]["column"]) == ("rejected", "LICENSE STATUS CHANGE DATE")
    assert await service.told() == []
    correcting = text.replace("[flag]", '[flag]\non_change = "correct"')
    _, [row] = await imported(http, service, [other], mapping=correcting)
    assert row["outcome"] == "corrected"
    [event] = await service.published()
    assert [flag.effective_from.isoformat() for flag in event.data.credential.flags] == [
        "2014-09-20T05:00:00+00:00"
    ]
    assert [await service.count("flags where known_until is null"), await service.count("flags")] == [2, 3]
    job, _ = await imported(http, service, [other, *ROWS[:2]], mapping=correcting)
    assert (job["counts"]["unchanged"], await service.told()) == (3, [])


async def test_a_term_with_other_dates_under_the_same_key_is_rejected(http, service):
    await imported(http, service, ROWS)
    other = list(ROWS[4])
    other[7] = "12/31/2029"
    _, [row] = await imported(http, service, [other])
    assert (row["outcome"], row["errors"][0]["value"]) == ("rejected", "3-a")
    assert "recorded from 2010-01-01 to 2030-12-31" in row["errors"][0]["detail"]


@pytest.mark.parametrize(
    ("content", "fields", "words", "pointer"),
    [
        (b"a,b\n1,2\n", {}, "lacks the columns", "/file"),
        (b"", {}, "empty", "/file"),
        (b"\xff\xfe\x00", {}, "empty", "/file"),
        (b"a\0\0\0,b\n", {}, "NUL characters", "/file"),
        (file_of(ROWS), {"mapping": "boston"}, "no mapping 'boston'; known ones: chicago", "/mapping"),
        (file_of(ROWS), {"mapping": "a = = 1"}, "not TOML", "/mapping"),
        (file_of(ROWS), {"mapping": "delimiter = ';'"}, "wrong at holder", "/mapping"),
    ],
)
async def test_a_file_or_mapping_that_cannot_be_read_is_refused(
    http, service, content, fields, words, pointer
):
    answer = await sent(http, content, **fields)
    assert answer.status_code == 422, answer.text
    assert words in answer.json()["detail"]
    assert answer.json()["errors"][0]["pointer"] == pointer
    assert await service.count("imports") == 0


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("C:\\Users\\ana\\licences.csv", "licences.csv"),
        ("../../etc/passwd", "passwd"),
        ("May\0 \r\n\x1b[31m\u202e2026.csv", "May [31m 2026.csv"),
        ("licences/", "unnamed"),
        ("x" * 300 + ".csv", "x" * 200),
        ("Führerscheine März.csv", "Führerscheine März.csv"),
    ],
)
async def test_only_the_base_name_of_a_file_is_stored_and_shown(http, given, shown):
    body = (
        b'--b\r\nContent-Disposition: form-data; name="mapping"\r\n\r\nchicago\r\n'
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="%s"\r\n\r\n%s\r\n--b--\r\n'
    ) % (given.replace("\\", "\\\\").replace("\r\n", "\x0b").encode(), file_of(ROWS))
    answer = await http.post(
        "/v1/imports", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"}
    )
    assert answer.status_code == 201, answer.text
    assert answer.json()["file_name"] == shown


async def test_an_import_goes_on_after_the_batch_that_a_crash_interrupted(http, service):
    answer = await sent(http, file_of(ROWS))
    first = ImportJobs(service.database, service.clock, "UTC", batch_rows=1)
    assert await first.step()  # the file is cut into rows
    assert await first.step()  # one holder is worked off
    half = (await http.get(answer.headers["location"])).json()
    assert (half["state"], half["progress"], half["total_rows"]) == ("running", 0.8, 5)
    await service.work_off_imports()
    done = (await http.get(answer.headers["location"])).json()
    assert (done["state"], done["counts"]["created"], done["total_rows"]) == ("finished", 5, 5)
    assert await service.count("import_rows") == 5
    assert [await service.count(table) for table in ("import_chunks", "import_staged")] == [0, 0]
