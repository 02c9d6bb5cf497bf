"""Workbooks are read with the types of their cells, in a process with limits."""

from datetime import date
from pathlib import Path

import pytest

from licet_chassis.errors import Invalid
from licet_chassis.office import workbooks
from licet_chassis.office.typed import TYPED
from licet_chassis.office.workbook_process import Refused, convert, number_as_text
from support.importing.workbooks import GENERAL, MONTH, XLS, ZEROS, Cell, serial, xlsx


def converted(tmp_path: Path, content: bytes, sheet: str = "") -> tuple[list[str], list[str]]:
    """Return the lines of a workbook, with `^` before a typed cell, and the warnings."""
    source, target = tmp_path / "workbook", tmp_path / "rows"
    source.write_bytes(content)
    warnings = convert(source, target, sheet)
    return target.read_text(encoding="utf-8").replace(TYPED, "^").splitlines(), warnings


def test_cells_keep_their_types_and_rows_their_lines(tmp_path):
    rows: list[list[Cell]] = [
        ["Licences"],
        [],
        ["Nr", "Name", "valid\nuntil", "ok"],
        ["00815", "Łukasz", date(2027, 3, 15), True],
        [815, "1.5", (serial(date(2027, 3, 15)) + 0.75, 1), False],
        [0.1 + 0.2, None, 12345678901234567890.0, "x"],
    ]
    lines, warnings = converted(tmp_path, xlsx(rows))
    assert lines == [
        "Licences,,,", ",,,", "Nr,Name,valid until,ok", "00815,Łukasz,^d2027-03-15,^b1",
        "^n815,1.5,^d2027-03-15,^b0", "^n0.3,,^n1.23456789012346e+19,x",
    ]  # fmt: skip
    assert warnings == []


def test_what_a_format_shows_is_told_zeros_months_and_errors(tmp_path):
    rows: list[list[Cell]] = [
        [(815, ZEROS), (serial(date(2027, 5, 1)), MONTH), ("#DIV/0!", GENERAL), (815, GENERAL)]
    ]
    assert converted(tmp_path, xlsx(rows))[0] == ["00815,^m2027-05,^e#DIV/0!,^n815"]


def test_a_workbook_of_excel_97_is_read(tmp_path):
    assert converted(tmp_path, XLS)[0] == ["Nr,Name,Bis", "^n815,Łukasz,^d2027-03-15"]


def test_the_first_visible_sheet_is_read_unless_another_is_named(tmp_path):
    content = xlsx([["first"]], others=["Second", "Third"])
    assert converted(tmp_path, content) == (
        ["first"],
        ["The workbook has other sheets; 'List' was read, not 'Second', 'Third'."],
    )
    assert converted(tmp_path, content, "Third") == (["x"], [])
    assert converted(tmp_path, xlsx([["first"]], hidden=True, others=["Second"])) == (["x"], [])
    with pytest.raises(Refused, match="no sheet 'Fourth'; it has 'List', 'Second', 'Third'"):
        converted(tmp_path, content, "Fourth")


@pytest.mark.parametrize("content", [b"PK\x03\x04 nothing of an archive", XLS[:600], xlsx([])])
def test_what_is_no_workbook_or_has_nothing_in_it_is_refused(tmp_path, content):
    with pytest.raises(Refused, match=r"none that can be read|no visible sheet"):
        converted(tmp_path, content)


def test_numbers_have_the_fifteen_digits_that_a_spreadsheet_keeps():
    assert [number_as_text(each) for each in (815.0, -1.5, 999_999_999_999_999.0, 1e15, 0.1)] == [
        "815", "-1.5", "999999999999999", "1.00000000000000e+15", "0.1",
    ]  # fmt: skip


async def test_the_process_answers_and_one_that_needs_too_much_memory_is_refused(tmp_path, monkeypatch):
    source, target = tmp_path / "workbook", tmp_path / "rows"
    source.write_bytes(xlsx([["Nr"], [815]], others=["More"]))
    [warning] = await workbooks.convert_workbook(source, target, sheet=None)
    assert "'More'" in warning
    assert target.read_text() == f"Nr\n{TYPED}n815\n"
    source.write_bytes(xlsx([["Nr"], ["a" * (80 << 20)]]))  # less than 100 KiB
    monkeypatch.setattr(workbooks, "_MEMORY_BYTES", 200 << 20)
    with pytest.raises(Invalid, match="too much memory"):
        await workbooks.convert_workbook(source, target, sheet=None)
