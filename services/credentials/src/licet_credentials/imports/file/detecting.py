"""Detecting the encoding and delimiter of a CSV file, and checking its header."""

import codecs
import csv
import io
from difflib import get_close_matches

from licet_chassis.errors import Invalid
from licet_credentials.imports.file.mapping import Mapping
from licet_credentials.imports.model import Dialect

HEAD = 1 << 20
"""Bytes of a file in which its header is looked for."""

_DELIMITERS = (",", ";", "\t", "|")
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Utf8Check:
    """Checks piece by piece whether a file is valid UTF-8."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._good = True

    def feed(self, piece: bytes) -> None:
        """Check the next bytes."""
        if self._good:
            try:
                self._decoder.decode(piece)
            except UnicodeDecodeError:
                self._good = False

    @property
    def good(self) -> bool:
        """Whether all bytes so far are valid, and no character is incomplete."""
        if self._good:
            try:
                self._decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                return False
        return self._good


def detect(head: bytes, mapping: Mapping, *, utf8: bool) -> Dialect:
    """Return the dialect of a file, from its beginning; raises `Invalid` if the mapping can't read it.

    `utf8` says whether the whole file is valid UTF-8.
    """
    encoding = _encoding(head, mapping, utf8=utf8)
    text = codecs.getincrementaldecoder(encoding)(errors="replace").decode(head)
    if not text.strip("\ufeff\r\n\t ,;|"):
        raise Invalid("The file is empty: it has no header.", pointer="/file")
    delimiters = _DELIMITERS if mapping.delimiter is None else (mapping.delimiter,)
    headers = {delimiter: _header(text, delimiter) for delimiter in delimiters}
    delimiter = min(
        delimiters,
        key=lambda each: (len(_missing(headers[each], mapping)), -len(headers[each]), delimiters.index(each)),
    )
    _require_columns(headers[delimiter], mapping)
    return Dialect(encoding, delimiter)


def clean_header(cells: list[str]) -> list[str]:
    """Return the names of columns without surrounding space or byte order mark."""
    return [cell.strip().removeprefix("\ufeff").strip() for cell in cells]


def _encoding(head: bytes, mapping: Mapping, *, utf8: bool) -> str:
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding  # a byte order mark overrides the mapping
    if mapping.encoding is not None:
        return _without_mark(head) if mapping.encoding == "utf-16" else mapping.encoding
    sample = head[:4096]
    if b"\0" in sample:
        # Latin text in UTF-16 has a zero in nearly every second byte, in UTF-8 in none.
        if max(sample[0::2].count(0), sample[1::2].count(0)) * 4 > len(sample):
            return _without_mark(head)
        raise Invalid("The file has NUL characters at its beginning; it is not a CSV file.", pointer="/file")
    return "utf-8" if utf8 else "windows-1252"


def _without_mark(head: bytes) -> str:
    sample = head[:4096]
    return "utf-16-le" if sample[1::2].count(0) >= sample[0::2].count(0) else "utf-16-be"


def _header(text: str, delimiter: str) -> list[str]:
    try:
        return clean_header(next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter), []))
    except csv.Error:
        return []


def _missing(header: list[str], mapping: Mapping) -> list[str]:
    return [column for column in mapping.columns if column not in header]


def _require_columns(header: list[str], mapping: Mapping) -> None:
    twice = [column for column in mapping.columns if header.count(column) > 1]
    if twice:
        places = ", ".join(
            f"{column} (columns {' and '.join(str(n) for n, name in enumerate(header, 1) if name == column)})"
            for column in twice
        )
        raise Invalid(f"The header has columns twice that the mapping reads: {places}.", pointer="/file")
    missing = _missing(header, mapping)
    if missing:
        names = {name.lower(): name for name in header}
        near = {column: get_close_matches(column.lower(), names, 1) for column in missing}
        lacking = ", ".join(
            f"{column} (did you mean {names[near[column][0]]}?)" if near[column] else column
            for column in missing
        )
        shown = ", ".join(header[:40])
        raise Invalid(
            f"The file lacks the columns {lacking} of the mapping; it has {shown}.", pointer="/file"
        )
