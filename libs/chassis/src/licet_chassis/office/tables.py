"""A small file of rows, read as a whole: for the doors that take some thousand rows in one request."""

import codecs
import csv
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from licet_chassis.errors import Invalid
from licet_chassis.office.encodings import Survey, encoding_named, encoding_of
from licet_chassis.office.lines import find_header, is_blank, without_end_mark
from licet_chassis.office.workbooks import looks_like_workbook


@dataclass(frozen=True, slots=True)
class TextTable:
    """The rows below a header."""

    header: tuple[str, ...]
    rows: list[list[str]]
    """As many cells as the header has; of a row with more all of them. Rows of blanks are left out."""


def charset_of(content_type: str) -> str | None:
    """Return the encoding that a `Content-Type` declares (RFC 7111); raises `Invalid` for an unknown one."""
    for parameter in content_type.split(";")[1:]:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            try:
                return encoding_named(value.strip().strip('"'))
            except ValueError as error:
                raise Invalid(f"The charset of the Content-Type {error}.") from None
    return None


def read_table(content: bytes, missing: Callable[[Sequence[str]], int], charset: str | None) -> TextTable:
    """Return the rows of delimited text; `missing` tells the header, as for `find_header`.

    An encoding other than UTF-8 needs a byte order mark or a declaration: nothing is guessed, since there is
    nobody to look at a warning. Raises `Invalid`.
    """
    if looks_like_workbook(content):
        raise Invalid("The file is a workbook, which is not taken here; save it as CSV (UTF-8).")
    survey = Survey()
    survey.feed(content)
    encoding = encoding_of(content[:4096], survey, charset)
    if encoding.warning and charset is None:
        raise Invalid(
            "The file is not UTF-8. Send its encoding, as in Content-Type: text/csv; charset=windows-1250. "
            f"{encoding.warning}"
        )
    try:
        text = codecs.decode(content, encoding.name)
    except UnicodeDecodeError as error:
        raise Invalid(f"The file is not {encoding.name}: its byte {error.start} is none of it.") from None
    if "\0" in text:
        raise Invalid("The file has the character U+0000; it is no CSV file.")
    found = find_header(text, missing)
    lines = list(without_end_mark(io.StringIO(text, newline="")))[found.skipped :]
    reader = csv.reader(lines, delimiter=found.delimiter, strict=True)
    try:
        next(reader, None)
        rows = [row for row in reader if not is_blank(row)]
    except csv.Error as error:
        line = found.skipped + reader.line_num
        raise Invalid(f"The file is no CSV (RFC 4180) at line {line}: {error}.") from None
    width = len(found.names)
    return TextTable(found.names, [_fitted(row, width) for row in rows])


def _fitted(row: list[str], width: int) -> list[str]:
    if len(row) > width and is_blank(row[width:]):
        return row[:width]
    return row + [""] * (width - len(row))
