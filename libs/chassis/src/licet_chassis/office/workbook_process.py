"""The process that reads a workbook: with limits, and nothing of the service in reach.

Run as `python -m licet_chassis.office.workbook_process SOURCE TARGET SHEET MEMORY_BYTES CPU_SECONDS`. It
answers `{"warnings": […]}` or `{"refused": "…"}` on standard output.
"""

import contextlib
import csv
import json
import sys
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from python_calamine import CalamineError, CalamineWorkbook, PasswordError, SheetTypeEnum, SheetVisibleEnum

from licet_chassis.office.shown import ShownCells, shown_cells
from licet_chassis.office.typed import TYPED

with contextlib.suppress(ImportError):  # there are no such limits on Windows
    import resource

_EXACT = 10**15
"""Whole numbers from here on have lost digits: spreadsheets keep fifteen."""


class Refused(Exception):
    """The workbook can't be read, for the reason given."""


def convert(source: Path, target: Path, sheet: str) -> list[str]:
    """Write a sheet as comma-separated values and return warnings; raises `Refused`."""
    try:
        with CalamineWorkbook.from_path(source) as book:
            name, others = _chosen(book, sheet)
            rows = book.get_sheet_by_name(name)
            first_column = (rows.start or (0, 0))[1]
            shown = shown_cells(source, name)
            with target.open("w", encoding="utf-8", newline="") as file:
                csv.writer(file).writerows(_rows(rows.iter_rows(), first_column, shown))
    except PasswordError:
        raise Refused("The workbook has a password; save it without one.") from None
    except CalamineError as error:
        print(error, file=sys.stderr)  # noqa: T201  # the log of a process
        raise Refused(
            "The file begins like a workbook, but is none that can be read (XLSX or XLS)."
        ) from None
    if not others:
        return []
    return [f"The workbook has other sheets; {name!r} was read, not {', '.join(map(repr, others[:5]))}."]


def _chosen(book: CalamineWorkbook, wanted: str) -> tuple[str, list[str]]:
    """Return the name of the sheet to read, and those of others that somebody may have meant."""
    visible = [
        each.name
        for each in book.sheets_metadata
        if each.typ == SheetTypeEnum.WorkSheet and each.visible == SheetVisibleEnum.Visible
    ]
    if wanted:
        if wanted not in book.sheet_names:
            raise Refused(
                f"The workbook has no sheet {wanted!r}; it has {', '.join(map(repr, visible[:20]))}."
            )
        return wanted, []
    filled = [name for name in visible if book.get_sheet_by_name(name).start is not None]
    if not filled:
        raise Refused("The workbook has no visible sheet with anything in it.")
    return filled[0], filled[1:]


def _rows(rows: Iterator[Sequence[Any]], first_column: int, shown: ShownCells) -> Iterator[list[str]]:
    for at, row in enumerate(rows):
        if shown:
            yield [shown.get((at, place)) or _cell(value) for place, value in enumerate(row, first_column)]
        else:
            yield [_cell(value) for value in row]


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return " ".join(value.replace(TYPED, "\ufffd").splitlines()) if value else ""
    if isinstance(value, bool):
        return f"{TYPED}b{value:d}"
    if isinstance(value, int | float):
        return f"{TYPED}n{number_as_text(value)}"
    if isinstance(value, datetime):
        return f"{TYPED}d{value.date().isoformat()}"
    if isinstance(value, date):
        return f"{TYPED}d{value.isoformat()}"
    return str(value)


def number_as_text(value: float) -> str:
    """Return a number without what a binary fraction adds to its fifteen digits; a long one as 1e+15."""
    if abs(value) >= _EXACT:
        return f"{value:.14e}"
    return str(int(value)) if value == int(value) else f"{value:.15g}"


def _limit(memory_bytes: int, cpu_seconds: int) -> None:
    if "resource" in globals():
        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_seconds, cpu_seconds + 1))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def main() -> None:
    """Be the process."""
    source, target, sheet, memory_bytes, cpu_seconds = sys.argv[1:6]
    _limit(int(memory_bytes), int(cpu_seconds))
    try:
        answer: dict[str, Any] = {"warnings": convert(Path(source), Path(target), sheet)}
    except Refused as refused:
        answer = {"refused": str(refused)}
    except MemoryError:
        answer = {"refused": "The workbook needs too much memory to read; save it as CSV."}
    print(json.dumps(answer))  # noqa: T201  # the answer


if __name__ == "__main__":
    main()
