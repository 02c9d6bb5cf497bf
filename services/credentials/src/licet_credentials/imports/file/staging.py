"""Cutting a file into rows, each staged under the external id of its holder."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import IO

from licet_chassis.office.lines import clean_names, is_blank, without_end_mark
from licet_chassis.office.typed import TYPED, plain
from licet_credentials.imports.file.mapping import Mapping
from licet_credentials.imports.file.reading import RowReader
from licet_credentials.imports.formats.judging import FormatJudge
from licet_credentials.imports.model import Dialect, RowError, RowOutcome, RowResult


def pack(cells: list[str]) -> bytes:
    """Pack cells into one value, separated by NUL."""
    return "\0".join(cell.replace("\0", "\ufffd") if "\0" in cell else cell for cell in cells).encode()


def unpack(cells: bytes) -> list[str]:
    """Return the cells that `pack` pack."""
    return cells.decode().split("\0")


@dataclass
class Slab:
    """A number of rows of a file."""

    staged: list[tuple[str, int, bytes]] = field(default_factory=list)
    rejected: list[RowResult] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.staged) + len(self.rejected)


class FileCutter:
    """Cuts a file into rows, slab by slab, in constant memory."""

    def __init__(self, file: IO[str], dialect: Dialect, mapping: Mapping) -> None:
        lines = without_end_mark(file if dialect.typed else _untyped(file))
        self._skipped = sum(1 for _ in islice(lines, dialect.skipped))
        self._reader = csv.reader(lines, delimiter=dialect.delimiter)
        self._row_reader = RowReader(mapping)
        header = clean_names(next(self._reader, []))
        self._width = len(header)
        self._places = [header.index(column) for column in mapping.columns]
        judge = FormatJudge(() if mapping.date_formats_in_order else mapping.date_formats)
        self._judge = judge if judge.needed else None
        self._dated = [header.index(column) for column in mapping.dated]
        self._mapping = mapping
        self._identifying = (
            [(column, header.index(column)) for column in mapping.identifying] if dialect.typed else []
        )
        self._numbers: dict[str, tuple[int, int]] = {}
        """By column: how many cells are numbers, and the line of the first; their text is personal."""

    def slabs(self, size: int) -> Iterator[Slab]:
        """Yield the rows, `size` at a time."""
        slab = Slab()
        for line, cells in self._records():
            if isinstance(cells, RowResult):
                slab.rejected.append(cells)
            else:
                self._cut(slab, line, cells)
            if len(slab) >= size:
                yield slab
                slab = Slab()
        if len(slab):
            yield slab

    def date_formats(self) -> tuple[str, ...]:
        """Return the date formats in the order that fits all rows; raises `ValueError` if none does."""
        return self._mapping.date_formats if self._judge is None else self._judge.decided()

    def warnings(self) -> list[str]:
        """Return what is uncertain about the rows so far."""
        return [
            f"Column {column} has {count:,} numbers, the first in line {line}. A workbook keeps no zeros "
            "before a number: if there were any, they are lost. Format the column as text to keep them."
            for column, (count, line) in self._numbers.items()
        ]

    def _records(self) -> Iterator[tuple[int, list[str] | RowResult]]:
        reader = self._reader
        while True:
            line = self._skipped + reader.line_num + 1
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield line, _reject_line(line, self._skipped + reader.line_num, error)
                continue
            if not is_blank(cells):
                yield line, cells

    def _cut(self, slab: Slab, line: int, cells: list[str]) -> None:
        if len(cells) < self._width:
            cells += [""] * (self._width - len(cells))
        elif len(cells) > self._width and not is_blank(cells[self._width :]):
            detail = f"has {len(cells)} fields, the header has {self._width}"
            slab.rejected.append(RowResult(line, RowOutcome.REJECTED, (RowError("", "", detail),)))
            return
        if self._judge is not None:
            for place in self._dated:
                self._judge.observe(line, cells[place].strip())
        if self._identifying:
            turned = self._turned_into_dates(line, cells)
            if turned:
                slab.rejected.append(RowResult(line, RowOutcome.REJECTED, turned))
                return
        chosen = [cells[place] for place in self._places]
        key = self._row_reader.holder_key(chosen)
        if key is None:
            errors = self._row_reader.read(line, chosen)
            slab.rejected.append(RowResult(line, RowOutcome.REJECTED, tuple(errors)))  # type: ignore[arg-type]
            return
        slab.staged.append((key, line, pack(chosen)))

    def _turned_into_dates(self, line: int, cells: list[str]) -> tuple[RowError, ...]:
        """Return the identifying cells that are dates, and take note of those that are numbers."""
        turned = []
        for column, place in self._identifying:
            cell = cells[place]
            if cell.startswith((f"{TYPED}d", f"{TYPED}m")):
                detail = (
                    "is a date, into which a spreadsheet turns what looks like one; format the column as text"
                )
                turned.append(RowError(column, plain(cell), detail))
            elif cell.startswith(f"{TYPED}n") and "e" not in cell:  # the others are errors of their rows
                count, first = self._numbers.get(column, (0, line))
                self._numbers[column] = count + 1, first
        return tuple(turned)


def _untyped(lines: IO[str]) -> Iterator[str]:
    """Yield the lines without what begins a cell with a type: only workbooks have such cells."""
    return (line.replace(TYPED, "\ufffd") if TYPED in line else line for line in lines)


def _reject_line(line: int, last: int, error: csv.Error) -> RowResult:
    lines = f"lines {line} to {last}" if last > line else "the line"
    detail = f"{lines} can't be read as CSV: {error}; look for a quotation mark that is not closed"
    return RowResult(line, RowOutcome.REJECTED, (RowError("", "", detail),))
