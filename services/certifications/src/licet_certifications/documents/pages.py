"""Pages of a PDF: headings, paragraphs, facts and tables, one below the other.

The same content at the same instant gives the same bytes.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Literal

from fpdf import FPDF
from fpdf.enums import XPos, YPos
from fpdf.fonts import FontFace

from licet_certifications.documents.fonts import fonts_for

Align = Literal["L", "C", "R"]

_SMALL, _NORMAL = 9, 11


@dataclass(frozen=True, slots=True)
class Heading:
    """A line in large letters."""

    text: str
    size: int = 18
    align: Align = "L"


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Text that is broken into lines, with a link under all of it where one is given."""

    text: str
    size: int = _NORMAL
    align: Align = "L"
    link: str = ""


@dataclass(frozen=True, slots=True)
class Facts:
    """Names and values, a line each."""

    lines: Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Rows:
    """A table; its head is repeated on every page."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    widths: Sequence[int] = ()
    """In relation to one another; empty: all the same."""


@dataclass(frozen=True, slots=True)
class Space:
    """Nothing, for some millimetres."""

    height: float


Part = Heading | Paragraph | Facts | Rows | Space


@dataclass(frozen=True, slots=True)
class Document:
    """What a PDF says."""

    title: str
    """In the file's properties."""
    parts: Sequence[Part]
    made_at: datetime
    landscape: bool = False
    framed: bool = False
    """Whether each page has a frame and no page number, as a certificate has."""
    language: str = "en"
    footer: str = ""
    """At the bottom of each page, before the page's number."""
    fonts: Sequence[Path] = field(default_factory=tuple)
    """See `fonts.fonts`."""


def render(document: Document) -> bytes:
    """Return the document as a PDF 1.x; takes CPU, so call it in a thread.

    Raises `Unprintable` for a character that no font has.
    """
    pdf = _Pages(document)
    names = []
    for number, font in enumerate(fonts_for(_texts(document), document.fonts)):
        names.append(f"font{number}")
        pdf.add_font(names[-1], fname=font)
    pdf.set_font(names[0], size=_NORMAL)
    pdf.set_fallback_fonts(names[1:], exact_match=False)
    pdf.set_text_shaping(True)
    pdf.add_page()
    for part in document.parts:
        _draw(pdf, part)
    return bytes(pdf.output())


class _Pages(FPDF):
    def __init__(self, document: Document) -> None:
        super().__init__(orientation="landscape" if document.landscape else "portrait", format="A4")
        self._document = document
        self.set_title(document.title)
        self.set_lang(document.language)
        self.set_creation_date(document.made_at)
        self.set_margin(25 if document.framed else 18)
        self.set_auto_page_break(True, margin=20)

    def header(self) -> None:
        if self._document.framed:
            self.set_line_width(0.8)
            self.rect(10, 10, self.w - 20, self.h - 20)
            self.set_line_width(0.2)
            self.rect(12, 12, self.w - 24, self.h - 24)

    def footer(self) -> None:
        if self._document.framed:
            return
        self.set_y(-14)
        self.set_font_size(_SMALL)
        self.cell(0, 6, self._document.footer)
        self.set_x(self.l_margin)
        self.cell(0, 6, str(self.page_no()), align="R")


def _draw(pdf: FPDF, part: Part) -> None:
    match part:
        case Heading(text, size, align):
            _lines(pdf, text, size, align)
        case Paragraph(text, size, align, link):
            _lines(pdf, text, size, align, link)
        case Facts(lines):
            for name, value in lines:
                pdf.set_font_size(_SMALL)
                pdf.cell(45, 7, name)
                pdf.set_font_size(_NORMAL)
                pdf.multi_cell(0, 7, value, new_x=XPos.LMARGIN, new_y=YPos.NEXT)
        case Rows(columns, rows, widths):
            pdf.set_font_size(_SMALL)
            # Fonts have one weight here, so a head differs by its ground.
            head = FontFace(emphasis="", fill_color=(225, 230, 235))
            with pdf.table(col_widths=tuple(widths) or None, headings_style=head) as table:
                for row in (columns, *rows):
                    table.row(list(row))
        case Space(height):
            pdf.ln(height)


def _lines(pdf: FPDF, text: str, size: int, align: Align, link: str = "") -> None:
    pdf.set_font_size(size)
    pdf.multi_cell(
        0, size * 0.5, text, align=align, link=link, new_x=XPos.LMARGIN, new_y=YPos.NEXT
    )  # fmt: skip


def _texts(document: Document) -> Iterable[str]:
    yield document.footer + "0123456789"
    for part in document.parts:
        match part:
            case Heading(text) | Paragraph(text):
                yield text
            case Facts(lines):
                yield from (text for line in lines for text in line)
            case Rows(columns, rows):
                yield from columns
                yield from (text for row in rows for text in row)
