"""Whether what comes under a known external id is still about the same person."""

import re
from enum import StrEnum

from licet_credentials.holders.changes import HolderFacts
from licet_credentials.holders.model import Holder
from licet_events.sameness import searchable

_SHORTEST_WORD = 2
"""Letters of a word of a name that tells people apart; initials do not."""


class Identity(StrEnum):
    """What somebody decided about an external id that is in doubt."""

    SAME = "same"
    """It is the same person under another name and address."""
    NEW = "new"
    """It is somebody else, who gets a record of their own."""


def in_doubt(holder: Holder, facts: HolderFacts) -> bool:
    """Return whether facts that come under the holder's external id look like somebody else's.

    They do if no word of the name is one of the record, and the address is not the record's. Who is there may
    lose an address; a leaver who comes back must have the same. The same date of birth settles it. HR systems
    give numbers out again, and nobody may inherit licences by one.
    """
    if not _words(holder.name).isdisjoint(_words(facts.name)):
        return False
    if holder.birth_date is not None and holder.birth_date == facts.birth_date:
        return False
    recorded, given = _address(holder.email), _address(facts.email)
    if given is None:
        return holder.leaver
    return given != recorded


def _words(name: str) -> set[str]:
    return {word for word in re.split(r"[^\w']+|_", searchable(name)) if len(word) >= _SHORTEST_WORD}


def _address(email: str | None) -> str | None:
    return None if email is None else searchable(email)
