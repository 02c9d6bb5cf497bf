"""Files as offices send them are imported as they are meant, or refused with what to do."""

from typing import Any

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
