"""PDF as evidence: a check that the file is one. It is stored as it is and never rendered."""

import re
from pathlib import Path

CONTENT_TYPE = "application/pdf"
_HEADER = re.compile(rb"%PDF-[12]\.[0-9]")
_END = re.compile(rb"startxref\s+(?P<offset>[0-9]{1,12})\s+%%EOF")
_TAIL = 2048
"""Bytes at the end in which the trailer must be; PDF readers search as far."""


def looks_like_pdf(head: bytes) -> bool:
    """Whether a file with this beginning is a PDF (ISO 32000-2, 7.5.2)."""
    return _HEADER.match(head) is not None


def flaw_of(path: Path) -> str | None:
    """Return what is wrong with a PDF, by its header, its trailer and the offset of its table.

    Encrypted files are accepted: they are not opened.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        if not looks_like_pdf(file.read(16)):
            return "The file is not a PDF."
        file.seek(max(0, size - _TAIL))
        ends = list(_END.finditer(file.read()))
    if not ends:
        return "The PDF is incomplete: its end is missing."
    if not 0 < int(ends[-1]["offset"]) < size:
        return "The PDF is damaged: its table of contents is said to lie outside of it."
    return None
