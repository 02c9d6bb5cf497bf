"""PDF documents: what they say can be read back, in any script, and the same content gives the same bytes."""

import io
from datetime import UTC, datetime
from typing import Any

import pytest
from fontTools.ttLib import TTFont

from licet_certifications.documents.fonts import Unprintable, fonts, fonts_for
from licet_certifications.documents.pages import Document, Facts, Heading, Paragraph, Rows, Space, render

NOW = datetime(2026, 3, 1, tzinfo=UTC)
FONTS = fonts()


def document(*parts: Any, **more: Any) -> Document:
    return Document("A document", parts, NOW, fonts=FONTS, **more)


def test_the_same_content_at_the_same_instant_gives_the_same_bytes():
    said = document(Heading("Who could work"), Facts((("Asked by", "ada"),)), Space(3))
    assert render(said) == render(said)
    assert render(said).startswith(b"%PDF-")


def test_fonts_are_opened_only_where_a_character_needs_them():
    assert fonts_for(["Jonas Łukasz Ελένη Ольга Nguyễn"], FONTS) == FONTS[:1]
    assert [FONTS.index(font) for font in fonts_for(["Jonas 山田"], FONTS)] == [0, 4]
    names = ["محمد", "अदिति", "สมชาย", "דוד", "김철수"]
    assert fonts_for(names, FONTS) == FONTS


def test_a_character_that_no_font_has_is_refused_by_its_number():
    with pytest.raises(Unprintable, match=r"U\+1823"):
        render(document(Heading("\u1823")))


def test_a_folder_with_more_fonts_is_asked_last(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "more.ttf").write_bytes(FONTS[2].read_bytes())
    assert fonts(tmp_path) == (*FONTS, tmp_path / "more.ttf")


@pytest.mark.parametrize("name", ["Jonas Reuter", "محمد بن عبد الله", "अदिति शर्मा", "山田太郎", "דוד כהן"])
def test_a_name_in_any_script_is_drawn_with_a_glyph_for_each_letter(name):
    pdf = render(document(Heading(name, align="C"), landscape=True, framed=True))
    assert b"/Subtype /Type0" in pdf
    [*_, last] = fonts_for([name], FONTS)
    drawn = TTFont(io.BytesIO(last.read_bytes()), lazy=True).getBestCmap()
    assert all(ord(letter) in drawn for letter in name if letter.isalpha())


def test_a_table_goes_on_over_pages():
    rows = tuple((f"Holder {number}", "eligible") for number in range(120))
    pdf = render(document(Rows(("Holder", "Verdict"), rows, (2, 1)), footer="Made by Licet"))
    assert pdf.count(b"/Type /Page\n") >= 4


def test_a_link_can_be_followed():
    assert b"https://example.org/x" in render(document(Paragraph("See", link="https://example.org/x")))
