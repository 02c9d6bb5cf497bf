#!/bin/sh
# fpdf2 2.8.9 with text shaping: text with a Devanagari reph extracts with control characters in it.
#
# With set_text_shaping(True), as the script needs to be drawn rightly, HarfBuzz makes one glyph of several characters
# and some glyphs that stand for no character of their own. The PDF maps those glyphs to U+0004, U+0006 and the like,
# so that searching the file, copying a name from it, or a screen reader meets control characters within the name.
# Words without such glyphs, and all text without shaping, extract as written.
#
# Seen (pypdfium2 5.15.2): "Jonas" and "क्षत्रिय" extract as written; "कीर्ति" gains control characters, only with shaping.
set -eu
dir=$(mktemp -d); trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/venv"
"$dir/venv/bin/pip" install --quiet --disable-pip-version-check \
  fpdf2==2.8.9 uharfbuzz==0.57.0 pypdfium2==5.15.2 fontpkg-noto-sans==2.15
"$dir/venv/bin/python" - <<'PY'
from importlib.resources import files

from fpdf import FPDF
from pypdfium2 import PdfDocument

FONT = str(files("fontpkg_noto_sans") / "files" / "NotoSans[wdth,wght].ttf")


def extracted(text: str, *, shaped: bool) -> str:
    pdf = FPDF()
    pdf.add_font("noto", fname=FONT)
    pdf.set_font("noto", size=20)
    pdf.set_text_shaping(shaped)
    pdf.add_page()
    pdf.cell(text=text)
    return PdfDocument(bytes(pdf.output()))[0].get_textpage().get_text_range()


seen = {}
for text in ("Jonas", "क्षत्रिय", "कीर्ति"):
    for shaped in (False, True):
        got = extracted(text, shaped=shaped)
        controls = sum(ord(character) < 32 for character in got)
        seen[text, shaped] = "as written" if got == text else f"{controls > 0} control characters"
        print(f"{text}, shaping {'on' if shaped else 'off'}: {got!r}")
different = {key for key, what in seen.items() if what != "as written"}
assert different == {("कीर्ति", True)}, "the behaviour has changed"
assert seen["कीर्ति", True] == "True control characters", "the behaviour has changed"
PY
