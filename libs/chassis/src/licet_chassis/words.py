"""What a search text asks for: each of its words, found anywhere or, where it is short, at a word's begin."""

import re
from typing import TypeAlias

from licet_events.sameness import normal, searchable

Patterns: TypeAlias = tuple[str, ...]
"""For `like any(…)`: a word is found where one of them matches."""

MOST = 3
"""Words that are looked for one by one; what follows the last is taken together with it."""

_THREE_IN_A_ROW = re.compile(r"[^\W_]{3}")


def search_words(text: str | None) -> list[Patterns]:
    """Return the patterns of each word for `searchable(…) like any(…)`: case and accents do not count."""
    return words(searchable(normal(text or "")))


def words(text: str | None) -> list[Patterns]:
    """Return the patterns of each word of a search text; all words must be found.

    The index knows groups of three letters or digits and how words begin. A word that has no such group
    is therefore looked for only at the beginning of words.
    """
    found = (text or "").split(maxsplit=MOST - 1)
    return [_patterns(" ".join(word.split())) for word in found]


def _patterns(word: str) -> Patterns:
    literal = re.sub(r"([\\%_])", r"\\\1", word)
    if _THREE_IN_A_ROW.search(word):
        return (f"%{literal}%",)
    return (f"{literal}%", f"% {literal}%")
