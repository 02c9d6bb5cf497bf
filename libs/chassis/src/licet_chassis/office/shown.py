"""What a sheet of an XLSX shows otherwise than its values say: zeros before numbers, months, errors.

A library of values has no number formats, yet `00000` shows 815 as `00815` and `mm/yyyy` shows the first of
May as a month; and the error of a formula is an empty cell there. Office Open XML is ECMA-376; see part 1,
18.3 and 18.8.
"""

import re
import zipfile
from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import TypeAlias
from xml.etree.ElementTree import Element, iterparse  # in a process with limits

from licet_chassis.office.typed import TYPED

ShownCells: TypeAlias = Mapping[tuple[int, int], str]
"""Cells by row and column, from 0."""

_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ZEROS = re.compile(r"0{2,15}")
_QUOTED = re.compile(r'"[^"]*"|\\.|\[[^\]]*\]|_.|\*.')
_MONTH_FORMATS = frozenset({17})
"""Built-in formats of months: mmm-yy."""
_EPOCH = date(1899, 12, 30)


def shown_cells(source: Path, sheet: str) -> ShownCells:
    """Return the cells of a sheet that show something else than their values; none for what is no XLSX."""
    try:
        with zipfile.ZipFile(source) as archive:
            place, epoch = _place_of(archive, sheet)
            if place is None:
                return {}
            styles = list(_styles(archive))
            if not any(styles) and not _has_errors(archive, place):
                return {}
            with archive.open(place) as file:
                return dict(_shown(iterparse(file), styles, epoch))  # noqa: S314  # in a process with limits
    except (zipfile.BadZipFile, KeyError):
        return {}


def _place_of(archive: zipfile.ZipFile, sheet: str) -> tuple[str | None, date]:
    """Return the name of a sheet's part, and the day that the workbook counts from."""
    relation, epoch = None, _EPOCH
    with archive.open("xl/workbook.xml") as file:
        for _, element in iterparse(file):  # noqa: S314  # in a process with limits
            if _named(element, "sheet") and element.get("name") == sheet:
                relation = element.get(_RELATION)
            if _named(element, "workbookPr") and element.get("date1904") in {"1", "true"}:
                epoch = date(1904, 1, 1)
    with archive.open("xl/_rels/workbook.xml.rels") as file:
        for _, element in iterparse(file):  # noqa: S314  # in a process with limits
            if element.get("Id") == relation is not None:
                target = element.get("Target", "")
                return target.lstrip("/") if target.startswith("/") else f"xl/{target}", epoch
    return None, epoch


def _has_errors(archive: zipfile.ZipFile, place: str) -> bool:
    """Return whether any cell may be an error; a scan is much cheaper than parsing."""
    tail = b""
    with archive.open(place) as file:
        while piece := file.read(1 << 20):
            if b't="e"' in tail + piece:
                return True
            tail = piece[-8:]
    return False


def _styles(archive: zipfile.ZipFile) -> Iterator[str]:
    """Yield for each style of cells what it does: the width of its zeros, `m` for a month, or nothing."""
    formats: dict[str, str] = {}
    in_cells = False
    with archive.open("xl/styles.xml") as file:
        for event, element in iterparse(file, events=("start", "end")):  # noqa: S314  # in a process with limits
            if _named(element, "cellXfs"):
                in_cells = event == "start"
            elif event == "start" and _named(element, "numFmt"):
                formats[element.get("numFmtId", "")] = element.get("formatCode", "")
            elif event == "start" and in_cells and _named(element, "xf"):
                number = element.get("numFmtId", "0")
                if number.isdigit() and int(number) in _MONTH_FORMATS:
                    yield "m"
                else:
                    yield _effect(formats.get(number, ""))


def _effect(code: str) -> str:
    shown = _QUOTED.sub("", code.split(";", maxsplit=1)[0]).lower()
    if _ZEROS.fullmatch(shown):
        return str(len(shown))
    letters = set(re.sub(r"[^a-z]", "", shown))
    return "m" if letters == {"m", "y"} else ""


def _shown(
    cells: Iterator[tuple[str, Element]], styles: list[str], epoch: date
) -> Iterator[tuple[tuple[int, int], str]]:
    for _, element in cells:
        if _named(element, "row"):
            element.clear()
        elif _named(element, "c"):
            value = next((each.text or "" for each in element if _named(each, "v")), "")
            told = _told(element, value, styles, epoch)
            if told is not None and (place := _place(element.get("r", ""))) is not None:
                yield place, told


def _told(element: Element, value: str, styles: list[str], epoch: date) -> str | None:
    kind, style = element.get("t", "n"), int(element.get("s", "0"))
    if kind == "e":
        return f"{TYPED}e{value}"
    effect = styles[style] if kind == "n" and style < len(styles) else ""
    if not effect or not value:
        return None
    number = float(value)
    if effect == "m":
        return f"{TYPED}m{epoch + timedelta(days=int(number)):%Y-%m}" if 0 < number < 3_000_000 else None
    return f"{int(number):0{effect}d}" if number == int(number) and number >= 0 else None


def _place(reference: str) -> tuple[int, int] | None:
    found = re.fullmatch(r"([A-Z]{1,3})(\d{1,7})", reference)
    if found is None:
        return None
    column = 0
    for letter in found[1]:
        column = column * 26 + ord(letter) - 64
    return int(found[2]) - 1, column - 1


def _named(element: Element, name: str) -> bool:
    return element.tag.rpartition("}")[2] == name
