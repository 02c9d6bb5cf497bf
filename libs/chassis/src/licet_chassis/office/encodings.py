"""The encoding of a file: by a byte order mark, as declared, UTF-8 if it is, or a guess that is told."""

import codecs
from dataclasses import dataclass

import chardet

from licet_chassis.errors import Invalid
from licet_chassis.office.letters import implausibility, words_beyond_ascii

_ENCODINGS = (
    "utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be",
    *(f"windows-{number}" for number in range(1250, 1259)),
    *(f"iso-8859-{number}" for number in range(1, 17) if number != 12),
    "mac-roman", "mac-latin2", "mac-cyrillic", "mac-greek", "mac-turkish", "koi8-r", "koi8-u",
    "cp437", "cp850", "cp852", "cp858", "cp866",
)  # fmt: skip
_BY_CODEC = {codecs.lookup(name).name: name for name in _ENCODINGS}
GUESSED = ("windows-1252", "windows-1250", "windows-1251", "iso-8859-2", "iso-8859-15", "mac-roman")
"""What is guessed among; of equally good ones the first."""
_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE = 64 * 1024
_LETTERS_SHOWN = 12


@dataclass(frozen=True, slots=True)
class Encoding:
    """How to decode a file."""

    name: str
    """A name that Python has a codec for."""
    warning: str | None = None
    """What is uncertain about it, as a sentence for whoever sent the file."""


class Survey:
    """Looks through a file, piece by piece, for what its encoding can be told by."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._valid = True
        self._samples: list[bytes] = []
        self._sampled = 0

    def feed(self, piece: bytes) -> None:
        """Look through the next bytes."""
        if self._valid:
            try:
                self._decoder.decode(piece)
            except UnicodeDecodeError:
                self._valid = False
        if self._sampled < _SAMPLE and not piece.isascii():
            for line in piece.splitlines():
                if not line.isascii():
                    self._samples.append(line[:_SAMPLE])
                    self._sampled += len(line)
                    if self._sampled >= _SAMPLE:
                        break

    @property
    def utf8(self) -> bool:
        """Whether all bytes so far are valid UTF-8, and no character is incomplete."""
        if self._valid:
            try:
                self._decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                return False
        return self._valid

    @property
    def sample(self) -> bytes:
        """The first lines with bytes beyond ASCII, at least 64 KiB of them if there are as many."""
        return b"\n".join(self._samples)


def encoding_named(given: str) -> str:
    """Return the name of an encoding that a file may have, by any of its names; raises `ValueError`."""
    try:
        return _BY_CODEC[codecs.lookup(given).name]
    except LookupError:
        raise ValueError(f"must be one of {', '.join(_ENCODINGS)}") from None


def encoding_of(head: bytes, survey: Survey, declared: str | None) -> Encoding:
    """Return the encoding of a file, by its beginning, what was surveyed, and what somebody declared of it.

    A byte order mark comes before a declaration. Raises `Invalid` for what is no text.
    """
    for mark, name in _MARKS:
        if head.startswith(mark):
            return Encoding(name)
    if declared == "utf-16":
        return Encoding(_utf16_of(head) or "utf-16-le")
    if declared is not None:
        return Encoding(declared, _doubt(declared, survey))
    if b"\0" in head[:4096]:
        order = _utf16_of(head)
        if order is None:
            raise Invalid(
                "The file has NUL characters at its beginning; it is not a CSV file.", pointer="/file"
            )
        return Encoding(
            order, f"The encoding is not declared and there is no byte order mark; {order} was guessed."
        )
    return Encoding("utf-8") if survey.utf8 else guess(survey.sample)


def guess(sample: bytes) -> Encoding:
    """Return the single-byte encoding that makes the likeliest words, and say that it is a guess."""
    words = words_beyond_ascii(sample)
    costs = {name: implausibility(words, name) for name in GUESSED}
    proposed = _proposed(sample)
    best = min(GUESSED, key=lambda name: (costs[name], name != proposed, GUESSED.index(name)))
    text = b" ".join(words)
    seen = {text.decode(best, errors="replace")}
    others = []
    for name in sorted(GUESSED, key=lambda name: costs[name]):
        reading = text.decode(name, errors="replace")
        if reading not in seen:
            seen.add(reading)
            others.append(f"{name} would make them {_letters(reading)}")
    signs = "; ".join(
        [f"the signs beyond ASCII are {_letters(text.decode(best, errors='replace'))}", *others[:2]]
    )
    return Encoding(
        best,
        f"The encoding is not declared and the file is not UTF-8; {best} was guessed: {signs}. "
        "Declare the encoding if that is wrong.",
    )


def _proposed(sample: bytes) -> str | None:
    found = chardet.detect(sample)["encoding"]
    try:
        return None if found is None else encoding_named(found)
    except ValueError:
        return None


def _doubt(declared: str, survey: Survey) -> str | None:
    if declared.startswith("utf-") or not survey.utf8 or not survey.sample:
        return None
    return (
        f"The encoding is declared as {declared}, but all of the file is valid UTF-8, which text in another "
        "encoding hardly ever is. It was read as declared; look at letters beyond ASCII."
    )


def _letters(text: str) -> str:
    """Return the different signs beyond ASCII; whole words would be personal data."""
    found = dict.fromkeys(sign for sign in text if not sign.isascii())
    shown = " ".join(sign if sign.isprintable() else "\\ufffd" for sign in list(found)[:_LETTERS_SHOWN])
    return shown + (" …" if len(found) > _LETTERS_SHOWN else "")


def _utf16_of(head: bytes) -> str | None:
    """Return the byte order of UTF-16 that makes the beginning text of European scripts, if one does."""
    best = max(("utf-16-le", "utf-16-be"), key=lambda name: _share_of_text(head, name))
    return best if _share_of_text(head, best) > 0.9 else None


def _share_of_text(head: bytes, name: str) -> float:
    text = head[:4096].decode(name, errors="replace")
    return sum(_is_text(sign) for sign in text) / max(len(text), 1)


def _is_text(sign: str) -> bool:
    return sign in "\t\r\n" or (sign < "\u0600" and sign.isprintable()) or "\u2000" <= sign <= "\u20cf"
