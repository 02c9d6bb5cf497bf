"""The lines of a delimited file, and where its header is."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from licet_chassis.office.typed import plain

DELIMITERS = (",", ";", "\t", "|")
_TITLE_LINES = 50
"""Lines among which a header is looked for."""
_HEADER_LINES = 20
"""Lines over which one header may run, within quotation marks."""
_DOS_END = "\x1a"
_SCIENTIFIC = re.compile(r"[+-]?\d(?:[.,]\d+)?E[+]\d{1,3}|[+-]?\d[.,]\d+E-?\d{1,3}", re.ASCII | re.IGNORECASE)
DIGITS_LOST = (
    "is in scientific notation, in which a spreadsheet loses digits; "
    "format the column as text and enter it anew"
)
_UNSEEN = "\ufeff\u200b\u200c\u200d\u2060"


@dataclass(frozen=True, slots=True)
class Header:
    """The header of a file."""

    skipped: int
    """Lines above it."""
    delimiter: str
    names: tuple[str, ...]
    """Of the columns, without surrounding blanks."""


def is_blank(cells: Iterable[str]) -> bool:
    """Return whether no cell has anything that can be seen."""
    return not any(cell and cell.strip().strip(_UNSEEN) for cell in cells)


def is_scientific(text: str) -> bool:
    """Return whether a spreadsheet shows a number so whose digits it has lost.

    `12E45`, which no spreadsheet writes, may well be a number of a licence.
    """
    return _SCIENTIFIC.fullmatch(text) is not None


def clean_names(cells: Iterable[str]) -> tuple[str, ...]:
    """Return the names of columns without surrounding blanks and byte order mark."""
    return tuple(plain(cell).strip().strip(_UNSEEN).strip() for cell in cells)


def without_end_mark(lines: Iterable[str]) -> Iterator[str]:
    """Yield the lines without the mark at the very end (Ctrl-Z) that programs of DOS put there."""
    last: str | None = None
    for line in lines:
        if last is not None:
            yield last
        last = line
    if last is not None and _DOS_END in last:
        last = last.rstrip("\0\r\n" + _DOS_END)
    if last:
        yield last


def find_header(
    text: str,
    missing: Callable[[Sequence[str]], int],
    *,
    delimiter: str | None = None,
    skipped: int | None = None,
) -> Header:
    """Return the header of a file, from its beginning: the first line with which no column is missing.

    `missing` says how many columns a line lacks to be the header. Where every line lacks some, it is the one
    that lacks the fewest. A line `sep=;` at the top, as Excel writes it, tells the delimiter; `delimiter` and
    `skipped` are what somebody declared: of the lines above the header that line is not counted.
    """
    lines = list(without_end_mark(io.StringIO(text, newline="")))
    first = 0
    told = _told_delimiter(lines[0]) if lines else None
    if told is not None:
        first, delimiter = 1, told
    if skipped is not None:
        starts: Sequence[int] = (first + skipped,)
    else:
        starts = range(first, min(len(lines), first + _TITLE_LINES))
    candidates = [
        Header(start, each, names)
        for start in starts
        for each in ((delimiter,) if delimiter else DELIMITERS)
        if not is_blank(names := _record(lines[start : start + _HEADER_LINES], each))
    ]
    if not candidates:
        return Header(starts[0] if starts else 0, delimiter or DELIMITERS[0], ())
    # Of equally good ones the first line, and the delimiter that makes the most columns of it.
    return min(candidates, key=lambda each: (missing(each.names), each.skipped, -len(each.names)))


def _told_delimiter(line: str) -> str | None:
    """Return what a first line `sep=;` tells."""
    told = line.strip('\r\n\ufeff"').strip(" ")
    if told[:4].lower() != "sep=":
        return None
    return told[4:5] or None


def _record(lines: Sequence[str], delimiter: str) -> tuple[str, ...]:
    try:
        return clean_names(next(csv.reader(lines, delimiter=delimiter), []))
    except csv.Error:
        return ()
