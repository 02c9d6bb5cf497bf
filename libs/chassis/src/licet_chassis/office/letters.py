"""Which of several encodings gives words that somebody would write.

A detector of encodings looks at frequencies of letters, for which a list of names is too short. Yet few
encodings turn the same bytes into letters of one language: `£ukasz` is a word of none, `Łukasz` is Polish.
"""

import re
import unicodedata
from collections.abc import Sequence

_ALPHABETS = tuple(
    frozenset(letters)
    for letters in (
        "äöüß", "àâæçéèêëîïôœùûüÿ", "áéíñóúü", "àáâãçéêíóôõúü", "àèéìíîòóùú", "äéèëïóöü", "äåéöü",
        "æøåéäöü", "áðéíóúýþæö", "äõöšüž", "àçèéíïòóúü", "àâäéèêëïôöü",
        "ąćęłńóśźż", "áčďéěíňóřšťúůýž", "áäčďéíĺľňóôŕšťúýž", "áéíóöőúüű", "čćđšž", "ăâîșțşţ", "çë",
        "абвгдежзийклмнопрстуфхцчшщъыьэюяё", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя",
        "абвгдђежзијклљмнњопрстћуфхцчџш", "абвгдѓежзѕијклљмнњопрстќуфхцчџш",
        "абвгдеёжзійклмнопрстуўфхцчшыьэюя",
    )
)  # fmt: skip
"""The letters beyond ASCII of languages, lower case: of western, northern, central and eastern Europe."""

_MARKS = frozenset("«»‹›“”„‘’‚–—…•°§€\N{NO-BREAK SPACE}ºª´·")  # noqa: RUF001  # no others are meant
"""Signs that people put before and after words."""
_WITHIN_WORDS = "\N{RIGHT SINGLE QUOTATION MARK}\N{MIDDLE DOT}"
_WORD = re.compile(rb"[A-Za-z\x80-\xff]+")
_MOST_WORDS = 1_000


def words_beyond_ascii(sample: bytes) -> list[bytes]:
    """Return the different words of a sample, in any single-byte encoding, that have such letters."""
    words: dict[bytes, None] = {}
    for found in _WORD.finditer(sample):
        if not found[0].isascii():
            words[found[0]] = None
            if len(words) >= _MOST_WORDS:
                break
    return list(words)


def implausibility(words: Sequence[bytes], codec: str) -> float:
    """Return how unlike words of one or a few languages these are in an encoding; 0 is like them."""
    odd = 0.0
    letters: list[frozenset[str]] = []
    for word in words:
        text = word.decode(codec, errors="replace")
        odd += _oddness(text)
        letters.append(frozenset(sign.lower() for sign in text if not sign.isascii() and sign.isalpha()))
    foreign = [[len(each - alphabet) for alphabet in _ALPHABETS] for each in letters]
    word_by_word = sum(min(counts) for counts in foreign)
    in_one_language = min((sum(counts) for counts in zip(*foreign, strict=True)), default=0)
    return odd + word_by_word + in_one_language / 2


def _oddness(text: str) -> float:
    """Return what is odd about a word in any language: signs in its midst, mixed scripts, capitals within."""
    odd = 0.0
    for at, sign in enumerate(text):
        if sign.isascii():
            continue
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if sign.isalpha():
            odd += sign.isupper() and before.isalpha() and (before.islower() or after.islower())
            cyrillic = "\u0400" <= sign <= "\u04ff"
            odd += cyrillic and any(other.isascii() and other.isalpha() for other in (before, after))
        elif unicodedata.category(sign) in {"Cc", "Co", "Cn", "So"}:
            odd += 3
        elif sign not in _MARKS or (before.isalpha() and after.isalpha() and sign not in _WITHIN_WORDS):
            odd += 2
    return odd
