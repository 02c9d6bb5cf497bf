"""The content of a row, after reading, and which of several rows is the newest."""

from collections.abc import Mapping, Sequence
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from licet_events.credentials import FlagKind


class OnChange(StrEnum):
    """What to do with a row that differs from the record."""

    UPDATE = "update"
    """The record takes over what the row says."""
    KEEP = "keep"
    """The record stays, and the row is accepted."""
    REJECT = "reject"
    """The record stays, and the row is rejected."""


class OnTermChange(StrEnum):
    """What to do with a row whose key belongs to a recorded term with other dates."""

    REJECT = "reject"
    """The recorded dates stay, and the row is rejected."""
    KEEP = "keep"
    """The recorded dates stay, and the row is accepted."""
    CORRECT = "correct"
    """The recorded dates were wrong: the term is corrected."""
    RENEW = "renew"
    """Both are right: the row is a further term."""


class HolderInput(NamedTuple):
    """The content of a row about its holder. A fact that is not listed stays as recorded."""

    external_id: str
    facts: tuple[tuple[str, Any], ...]
    manager: str | None = None
    """The manager's external id."""
    attributes: tuple[tuple[str, Any], ...] = ()


class CredentialInput(NamedTuple):
    """The content of a row about its credential. A fact that is not listed stays as recorded."""

    type_code: str
    type_name: str
    number: str | None
    time_zone: str | None
    facts: tuple[tuple[str, Any], ...]
    attributes: tuple[tuple[str, str, str], ...]
    """Name, column and text of each; the credential type decides how to parse the text."""


class TermInput(NamedTuple):
    """The content of a row about its term."""

    key: str
    valid_from: date | None
    expires_on: date | None
    never: bool
    """Whether the cell says, by a text of the mapping, that the term never ends."""
    month_only: bool = False
    """Whether the cell gives only the month; `expires_on` is its last day."""


class FlagInput(NamedTuple):
    """The content of a row about a flag of its credential."""

    kind: FlagKind
    reason: str
    since: date
    until: date | None


Rank = tuple[date, date, str]
"""Orders rows and recorded terms by age, independently of the order of rows and files."""


def rank_of(valid_from: date | None, expires_on: date | None, key: str) -> Rank:
    """Return the rank of a term: by its end, then its start, then its key."""
    return expires_on or date.max, valid_from or date.min, key


class SourceRow(NamedTuple):
    """A row of a file, after reading."""

    line: int
    """Line on which its first field begins."""
    holder: HolderInput
    credential: CredentialInput
    term: TermInput
    flag: FlagInput | None

    @property
    def rank(self) -> Rank:
        """The rank of its term."""
        return rank_of(self.term.valid_from, self.term.expires_on, self.term.key)


def newest(rows: Sequence[SourceRow]) -> SourceRow:
    """Return the row with the highest rank; among equals the content decides, never the order of rows."""
    if len(rows) == 1:
        return rows[0]
    highest = max(row.rank for row in rows)
    equals = [row for row in rows if row.rank == highest]
    return equals[0] if len(equals) == 1 else max(equals, key=lambda row: (repr(row[1:]), -row.line))


def facts_that_differ(facts: Sequence[tuple[str, Any]], recorded: object) -> Mapping[str, Any]:
    """Return the facts that differ from the record."""
    return {name: value for name, value in facts if getattr(recorded, name) != value}


class Columns(NamedTuple):
    """The names of the columns that hold the keys, for error messages."""

    holder: str
    number: str
    type: str
    key: str
    manager: str = ""
    flag: str = ""
    expires_on: str = ""
    issued_on: str = ""
