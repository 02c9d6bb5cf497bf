"""Detecting how a file is to be read, and checking its header."""

import codecs
from collections.abc import Sequence
from difflib import get_close_matches

from licet_chassis.errors import Invalid
from licet_chassis.office.encodings import Encoding, Survey, encoding_of
from licet_chassis.office.lines import find_header
from licet_credentials.imports.file.mapping import Mapping
from licet_credentials.imports.model import Dialect

HEAD = 1 << 20
"""Bytes of a file in which its header is looked for."""


def detect(
    head: bytes, survey: Survey, mapping: Mapping, *, typed: bool = False
) -> tuple[Dialect, list[str]]:
    """Return the dialect of a file, and warnings; raises `Invalid` if the mapping can't read it.

    `head` is the beginning of the file, `survey` has looked through all of it. `typed` says that it was made
    of a workbook.
    """
    encoding = Encoding("utf-8") if typed else encoding_of(head, survey, mapping.encoding)
    text = codecs.getincrementaldecoder(encoding.name)(errors="replace").decode(head)
    header = find_header(
        text,
        lambda names: len(_missing(names, mapping)),
        delimiter="," if typed else mapping.delimiter,
        skipped=mapping.skip_lines,
    )
    if not any(header.names):
        raise Invalid("The file is empty: it has no header.", pointer="/file")
    require_columns(header.names, mapping)
    dialect = Dialect(encoding.name, header.delimiter, header.skipped, typed)
    return dialect, [encoding.warning] if encoding.warning else []


def _missing(header: Sequence[str], mapping: Mapping) -> list[str]:
    return [column for column in mapping.columns if column not in header]


def require_columns(header: Sequence[str], mapping: Mapping) -> None:
    """Raise `Invalid` if a column of the mapping is missing, or stands in the header twice."""
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
