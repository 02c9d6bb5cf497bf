"""Files as offices send them are imported as they are meant, or refused with what to do."""

from datetime import date
from typing import Any

from support.importing.workbooks import GENERAL, MONTH, ZEROS, Cell, serial, xlsx

MAPPING = """
delimiter = ";"
date_formats = ["%d.%m.%Y"]
[holder]
kind = "employee"
external_id = "Nr"
name = "Name"
[type]
code = { constant = "forklift" }
name = { constant = "Forklift licence" }
category = "license"
[credential]
number = "Schein"
[term]
expires_on = "Bis"
"""
HEADER = "Nr;Name;Schein;Bis"


async def imported(http: Any, service: Any, content: bytes, mapping: str = MAPPING) -> tuple[Any, Any]:
    """Return an import at its end, and its report."""
    answer = await http.post("/v1/imports", files={"file": ("l.csv", content)}, data={"mapping": mapping})
    assert answer.status_code == 201, answer.text
    await service.work_off_imports()
    job = (await http.get(answer.headers["location"])).json()
    return job, (await http.get(answer.headers["location"] + "/rows")).json()["items"]


async def test_a_file_of_an_old_program_is_imported_with_a_warning_of_what_was_guessed(http, service):
    text = (
        f"sep=;\r\nLicences as of 1 March\r\n\r\n{HEADER}\r\n"
        "1;Łukasz Żak;A 1;15.03.2027\r\n2;Paweł;B 2\r\n ; ;\u00a0;\r\n3;Jan;4,71E+12;15.03.2027\r\n\x1a"
    )
    job, report = await imported(http, service, text.encode("cp1250"))
    assert (job["encoding"], job["skipped_lines"], job["total_rows"]) == ("windows-1250", 3, 3)
    [warning] = job["warnings"]
    assert "windows-1250 was guessed" in warning
    assert [(row["line"], row["outcome"]) for row in report] == [
        (5, "created"),
        (6, "created"),
        (8, "rejected"),
    ]
    assert "scientific notation" in report[2]["errors"][0]["detail"]
    names = [each["name"] for each in (await http.get("/v1/holders")).json()["items"]]
    assert set(names) == {"Łukasz Żak", "Paweł"}
    declared, _ = await imported(http, service, text.encode("cp1250"), 'encoding = "cp1250"\n' + MAPPING)
    assert (declared["warnings"], declared["counts"]["unchanged"]) == ([], 2)


async def test_dates_and_typed_attributes_are_read_as_the_mapping_says(http, service):
    attributes = [
        {"name": "since", "kind": "date"},
        {"name": "limit", "kind": "decimal"},
        {"name": "persons", "kind": "integer"},
        {"name": "checked", "kind": "boolean"},
    ]
    policy = {"code": "policy", "name": "Policy", "category": "license", "attributes": attributes}
    assert (await http.post("/v1/credential-types", json=policy)).status_code == 201
    mapping = MAPPING.replace("forklift", "policy").replace(
        '["%d.%m.%Y"]', '["%d.%m.%Y", "%d.%m.%y", "%m/%Y"]'
    )
    mapping = mapping.replace("[holder]", 'decimal_separator = ","\n[holder]', 1)
    mapping += (
        'never = ["unbefristet", "9999-12-31"]\n'
        '[credential.attributes]\nsince = "Seit"\nlimit = "Summe"\npersons = "Personen"\nchecked = "ok"\n'
    )
    content = (
        f"{HEADER};Seit;Summe;Personen;ok\n"
        "1;Ana;A1;31.12.9999;15.03.2020;1.000.000,00;1.000;ja\n"
        "2;Ben;A2;05/2027;15.03.20;0,5;12;FALSCH\n"
        "3;Cem;A3;15.03.85;;;;\n"
        "4;Dan;A4;00.00.0000;99.99.9999;1,000,000;1,5;vielleicht\n"
        "5;Eva;A5;unbefristet;31.02.2020;;;\n"
    )
    job, report = await imported(http, service, content.encode(), mapping)
    assert job["counts"] == job["counts"] | {"created": 3, "rejected": 2}, report
    shown = (await http.get("/v1/credentials")).json()["items"]
    ana, ben, cem = ({each["number"]: each for each in shown}[number] for number in ("A1", "A2", "A3"))
    assert (ana["expiry"], ana["attributes"]) == (
        "never",
        {"since": "2020-03-15", "limit": "1000000", "persons": 1000, "checked": True},
    )
    assert (ben["expires_on"], ben["expires_on_month"]) == ("2027-05-31", "2027-05")
    assert ben["attributes"] == {"since": "2020-03-15", "limit": "0.5", "persons": 12, "checked": False}
    assert cem["expires_on"] == "2085-03-15"
    wrong = {error["column"]: error["detail"] for row in report[3:] for error in row["errors"]}
    assert set(wrong) == {"Bis", "Seit"}  # the dates of a term come first; attributes follow with its type
    assert "`never` of [term]" in wrong["Bis"]


async def test_a_file_in_two_contradictory_date_formats_is_refused_with_both_rows(http, service):
    mapping = MAPPING.replace('["%d.%m.%Y"]', '["%d/%m/%Y", "%m/%d/%Y"]')
    rows = [f"{n};Ana;A{n};{end}\n" for n, end in enumerate(["13/04/2027", "04/13/2027", "05/06/2027"], 1)]
    job, report = await imported(http, service, f"{HEADER}\n{''.join(rows)}".encode(), mapping)
    assert (job["state"], report) == ("failed", [])
    assert "line 2 has '13/04/2027'" in job["problem"]
    assert "line 3 has '04/13/2027'" in job["problem"]
    assert await service.count("holders") == 0
    # All rows can be American: the format that fits is taken, though it stands second.
    job, _ = await imported(http, service, f"{HEADER}\n{''.join(rows[1:])}".encode(), mapping)
    assert job["counts"]["created"] == 2, job
    ends = [each["expires_on"] for each in (await http.get("/v1/credentials")).json()["items"]]
    assert set(ends) == {"2027-04-13", "2027-05-06"}
    in_order = "date_formats_in_order = true\n" + mapping
    job, report = await imported(http, service, f"{HEADER}\n{rows[0]}{rows[1]}".encode(), in_order)
    assert [row["outcome"] for row in report] == ["created", "unchanged"]


async def test_a_workbook_is_imported_with_its_types_and_what_is_doubtful_is_told(http, service):
    rows: list[list[Cell]] = [
        ["Licences of the north"],
        ["Nr", "Name", "Schein", "Bis"],
        ["00815", "Łukasz", (4711, ZEROS), date(2027, 3, 15)],
        [816, "Paweł", "A 2", (serial(date(2027, 5, 1)), MONTH)],
        ["0817", "Jan", "A 3", ("#N/A", GENERAL)],
        ["0818", "Ewa", date(2027, 2, 1), date(2027, 3, 15)],
        ["0819", "Ola", 4.71e15, "unbefristet"],
        ["0820", "Ola", "A 4", date(9999, 12, 31)],
    ]
    mapping = MAPPING + 'never = ["unbefristet", "9999-12-31"]\n'
    job, report = await imported(http, service, xlsx(rows, others=["Old"]), mapping)
    other_sheets, numbers = job["warnings"]
    assert "'List' was read, not 'Old'" in other_sheets
    assert "Column Nr has 1 numbers, the first in line 4." in numbers
    assert {row["line"]: row["outcome"] for row in report} == {
        3: "created", 4: "created", 5: "rejected", 6: "rejected", 7: "rejected", 8: "created",
    }  # fmt: skip
    wrong = {row["line"]: row["errors"][0]["detail"] for row in report if row["errors"]}
    assert "error of a formula" in wrong[5]
    assert "turns what looks like one" in wrong[6]
    assert "scientific notation" in wrong[7]
    shown = {each["number"]: each for each in (await http.get("/v1/credentials")).json()["items"]}
    assert (shown["04711"]["expires_on"], shown["A 2"]["expires_on_month"]) == ("2027-03-15", "2027-05")
    assert shown["A 4"]["expiry"] == "never"


async def test_a_workbook_that_cannot_be_read_is_refused(http, service):
    for content, words in (
        (b"PK\x03\x04 nothing of an archive", "none that can be read"),
        (xlsx([["Nr", "Name"]]), "lacks the columns Schein, Bis"),
    ):
        answer = await http.post(
            "/v1/imports", files={"file": ("l.xlsx", content)}, data={"mapping": MAPPING}
        )
        assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/file"), answer.text
        assert words in answer.json()["detail"]
