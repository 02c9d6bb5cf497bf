"""What a row of a file says, what may become of it, and what an import has come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any, NamedTuple

from licet_events.credentials import FlagKind


class Outcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    """Its term is one of a credential that the import recorded."""
    RENEWED = "renewed"
    """Its term was appended to a credential that was there."""
    ADDED = "added"
    """Its term was put among those of a credential that was there, not after the last of them."""
    CORRECTED = "corrected"
    """The term that it names, or its flag, was corrected."""
    UPDATED = "updated"
    """Other facts about credential or holder were changed."""
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


UNDONE_REASON = "import_undone"
"""The reason code of what undoing an import changes."""


class State(StrEnum):
    """How far an import has come."""

    QUEUED = "queued"
    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    UNDOING = "undoing"
    UNDONE = "undone"

    @property
    def done(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in {State.FINISHED, State.FAILED, State.CANCELLED, State.UNDONE}


class OnChange(StrEnum):
    """What becomes of a row that says otherwise than what is recorded."""

    UPDATE = "update"
    """What it says is taken over."""
    KEEP = "keep"
    """What is recorded stays, and the row is fine."""
    REJECT = "reject"
    """What is recorded stays, and the row is told as rejected."""


class OnTermChange(StrEnum):
    """What becomes of a row whose term is recorded under its key with other dates."""

    REJECT = "reject"
    """The recorded dates stay, and the row is told as rejected."""
    KEEP = "keep"
    """The recorded dates stay, and the row is fine."""
    CORRECT = "correct"
    """The recorded dates were wrong: the term is corrected."""
    RENEW = "renew"
    """Both were right: the row is a further term."""


class RowError(NamedTuple):
    """What is wrong with a row: where, what it says, and what is allowed."""

    column: str
    value: str
    detail: str


class HolderSaid(NamedTuple):
    """What a row says about its holder; a fact that is not named is not said."""

    external_id: str
    facts: tuple[tuple[str, Any], ...]
    manager: str | None = None
    """The manager's external id."""
    attributes: tuple[tuple[str, Any], ...] = ()


class CredentialSaid(NamedTuple):
    """What a row says about its credential; a fact that is not named is not said."""

    type_code: str
    type_name: str
    number: str | None
    time_zone: str | None
    facts: tuple[tuple[str, Any], ...]
    attributes: tuple[tuple[str, str, str], ...]
    """Name, column and text of each; what the text means follows from the type."""


class TermSaid(NamedTuple):
    """What a row says about its term."""

    key: str
    valid_from: date | None
    expires_on: date | None
    never: bool
    """Whether it says in words that the term does not end."""


class FlagSaid(NamedTuple):
    """What a row says has happened to its credential."""

    kind: FlagKind
    reason: str
    since: date
    until: date | None


Rank = tuple[date, date, str]
"""By what rows and terms are told older from newer, whatever the order of rows and files."""


def rank_of(valid_from: date | None, expires_on: date | None, key: str) -> Rank:
    """Return the rank of a term: by its end, then its start, then its key."""
    return expires_on or date.max, valid_from or date.min, key


class SourceRow(NamedTuple):
    """One row of a file, read."""

    line: int
    """On which its first field begins."""
    holder: HolderSaid
    credential: CredentialSaid
    term: TermSaid
    flag: FlagSaid | None

    @property
    def rank(self) -> Rank:
        """How new it is."""
        return rank_of(self.term.valid_from, self.term.expires_on, self.term.key)


def newest(rows: Sequence[SourceRow]) -> SourceRow:
    """Return the row whose facts hold: the newest; between equals what they say decides, not their order."""
    if len(rows) == 1:
        return rows[0]
    highest = max(row.rank for row in rows)
    equals = [row for row in rows if row.rank == highest]
    return equals[0] if len(equals) == 1 else max(equals, key=lambda row: (repr(row[1:]), -row.line))


@dataclass(frozen=True, slots=True)
class RowResult:
    """What became of one row."""

    line: int
    outcome: Outcome
    errors: tuple[RowError, ...] = ()


class Columns(NamedTuple):
    """Which columns say what, for errors; as a person reads them."""

    holder: str
    number: str
    type: str
    key: str
    manager: str = ""
    flag: str = ""


def facts_that_differ(said: Sequence[tuple[str, Any]], recorded: object) -> Mapping[str, Any]:
    """Return those facts that are said and not so recorded."""
    return {name: value for name, value in said if getattr(recorded, name) != value}
