"""Which font draws which character: the first of a list that has it."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from importlib.resources import files
from pathlib import Path

from fontTools.ttLib import TTFont

from licet_chassis.errors import Conflict

_SHIPPED: tuple[tuple[str, str], ...] = (
    ("fontpkg_noto_sans", "files/NotoSans[wdth,wght].ttf"),
    ("fontpkg_noto_sans_arabic", "files/NotoSansArabic[wdth,wght].ttf"),
    ("fontpkg_noto_sans_thai", "files/NotoSansThai[wdth,wght].ttf"),
    ("fontpkg_heebo", "files/Heebo[wght].ttf"),
    ("noto_cjk_sans_jp_regular", "NotoSansCJKjp-Regular.otf"),
)
"""Latin, Greek, Cyrillic and Devanagari first; then Arabic, Thai, Hebrew; Chinese, Japanese and Korean last,
which is the largest by far. All are under the SIL Open Font License."""


class Unprintable(Conflict):
    """A text has a character that no font here has."""


def fonts(more: Path | None = None) -> tuple[Path, ...]:
    """Return the fonts in the order in which they are asked: those that are shipped, then those in `more`."""
    shipped = tuple(Path(str(files(package).joinpath(*name.split("/")))) for package, name in _SHIPPED)
    found = () if more is None else sorted(each for each in more.iterdir() if each.suffix in {".ttf", ".otf"})
    return (*shipped, *found)


def fonts_for(texts: Iterable[str], available: Sequence[Path]) -> tuple[Path, ...]:
    """Return the first font and those others that the texts need, in their order.

    A font is opened only once some character is in none of those before it: most documents need one.
    Raises `Unprintable` for a character that none has.
    """
    left = {ord(character) for text in texts for character in text if not _is_invisible(character)}
    needed = []
    for number, font in enumerate(available):
        if number and not left:
            break
        drawn = _characters(font)
        if not number or left & drawn:
            needed.append(font)
        left -= drawn
    if left:
        character = chr(min(left))
        raise Unprintable(
            f"No font here has the character {character} (U+{ord(character):04X}); put one that has it into "
            "the folder that LICET_DOCUMENT_FONTS names."
        )
    return tuple(needed)


@lru_cache(maxsize=32)
def _characters(font: Path) -> frozenset[int]:
    with TTFont(font, lazy=True) as opened:
        return frozenset(opened.getBestCmap())


def _is_invisible(character: str) -> bool:
    return not character.isprintable() or character.isspace() or character in "\u200c\u200d"
