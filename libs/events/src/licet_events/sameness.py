"""When two texts are the same: the normal form of what people type, and forms that are only compared.

Services normalise text once, where it comes in. Subscribers that compare codes or numbers use the same forms.
"""

# ruff: noqa: RUF001  # letters and signs that look like others are what this is about

import re
import unicodedata

_INVISIBLE = re.compile("[\u00ad\u180e\u200b\u200e\u200f\u2060\ufeff]")
"""Soft hyphens, zero-width spaces and marks of direction. Joiners stay: some scripts and emoji need them."""
_BLANKS = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
_AROUND_LINE_ENDS = re.compile(r" ?\n ?")

_UNSEARCHED = re.compile("[\u0300-\u036f\u00ad\u180e\u200b-\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]+")
"""Accents, and what is not seen."""
_FROM = (
    "ÆÐØÞĐĦŁŊŒŦƁƂƄƆƇƉƊƋƎƏƐƑƓƔƖƗƘƜƝƟƢƤƦƧƩƬƮƱƲƳƵƷƸƼǤǶǷȜȠȢȤȺȻȽȾɁɃɄɅɆ"
    "ɈɊɌɎͰͲͶͿΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩϏϘϚϜϞϠϢϤϦϨϪϬϮϷϺϽϾϿЂЄЅІЈЉЊЋЏА"
    "БВГДЕЖЗИКЛМНОПРСТУФХЦЧШЩЪЫЬЭЮЯҐøđðłħıŧς‘’‚‛′ʼʹ`‐‑‒–—―−"
)
_TO = (
    "ædoþdhlŋœtɓƃƅɔƈɖɗƌǝəɛƒɠɣɩɨƙɯɲɵƣƥʀƨʃƭʈʊʋƴƶʒƹƽǥƕƿȝƞȣȥⱥȼƚⱦɂƀʉʌɇ"
    "ɉɋɍɏͱͳͷϳαβγδεζηθικλμνξοπρστυφχψωϗϙϛϝϟϡϣϥϧϩϫϭϯϸϻͻͼͽђєѕіјљњћџа"
    "бвгдежзиклмнопрстуфхцчшщъыьэюяґoddlhitσ''''''''-------"
)
_ALIKE = str.maketrans(_FROM, _TO)
"""Capitals of Latin, Greek, Cyrillic, letters that are no letter with an accent, apostrophes and dashes: each
with what it is searched as."""
_SEVERAL = (("ß", "ss"), ("æ", "ae"), ("œ", "oe"), ("þ", "th"))
_SMALL = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
_SEPARATORS = re.compile(r"[\x01-\x2f\x3a-\x40\x5b-\x60\x7b-\x7f]+")


def normal(text: str) -> str:
    r"""Return the text in Unicode's form C, with single blanks, none at its ends, and nothing invisible.

    Line ends stay, as `\n`.
    """
    if text.isascii() and text.isprintable():  # nearly every text
        return text if "  " not in text and text[:1] != " " and text[-1:] != " " else " ".join(text.split())
    text = _INVISIBLE.sub("", unicodedata.normalize("NFC", text)).replace("\r\n", "\n")
    return _AROUND_LINE_ENDS.sub("\n", _BLANKS.sub(" ", text)).strip()


def folded_code(code: str) -> str:
    """Return the comparison form of a code, which is the same without regard to case."""
    return code.lower()


def target_of(kind: str, code: str) -> str:
    """Return the target of a role or a queue: `role:<code>`, in the comparison form of the code."""
    return f"{kind}:{folded_code(code)}"


def searchable(text: str) -> str:
    """Return the form in which words are searched: small letters without accents, one apostrophe, one dash.

    The SQL function `searchable` of the services is the same, and so are those below.
    """
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.replace("\u00b4", "'"))
        text = _UNSEARCHED.sub("", text).translate(_ALIKE)
        for letter, letters in _SEVERAL:
            text = text.replace(letter, letters)
    return text.translate(_SMALL)


def loose_number(number: str) -> str:
    r"""Return the comparison form of a number: what is left of it without regard to case and separators.

    `AB 123`, `ab-123` and `AB\u200b123` have the same one. A number of separators alone is its own.
    """
    return _SEPARATORS.sub("", searchable(number)) or number


def people_order(name: str) -> str:
    """Return the key by which people sort names, compared by code points.

    Letters count without case and accents, then with them; what is neither letter nor digit separates words.
    """
    words = _SEPARATORS.sub(" ", searchable(name).replace("'", "")).strip(" ")
    return f"{words}\x01{name}"
