"""How the mapping wants it, and the rows of one credential while it is decided what they come to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from licet_credentials.credentials.model import Flag
from licet_credentials.credentials.terms import Term
from licet_credentials.imports.model import (
    Columns,
    OnChange,
    OnTermChange,
    Outcome,
    RowError,
    RowResult,
    SourceRow,
)

IMPORTED = "imported"
"""The reason code of what an import changes."""


@dataclass(frozen=True, slots=True)
class Ruling:
    """How the mapping wants it."""

    on_change: OnChange
    on_term_change: OnTermChange
    announce_reached: bool
    columns: Columns
    actor: str
    on_flag_change: OnTermChange = OnTermChange.REJECT


@dataclass
class Sorting:
    """The rows of one credential while it is decided what they come to."""

    ruling: Ruling
    results: dict[int, RowResult] = field(default_factory=dict)
    """What became of each, by its line."""
    added: list[tuple[SourceRow, Term]] = field(default_factory=list)
    """New terms, with the rows that say them."""
    corrections: list[tuple[SourceRow, Term]] = field(default_factory=list)
    """Terms that are recorded wrong, with the rows that say what is right."""
    flags_added: list[tuple[SourceRow, Flag]] = field(default_factory=list)
    """New flags, with the rows that say them."""
    flag_corrections: list[tuple[SourceRow, Flag, Mapping[str, Any]]] = field(default_factory=list)
    """Flags that are recorded wrong, with the rows that say what is right."""

    def told(self, row: SourceRow, outcome: Outcome) -> None:
        """Note what became of a row."""
        self.results[row.line] = RowResult(row.line, outcome)

    def reject(self, row: SourceRow, column: str, value: str, detail: str) -> None:
        """Note why a row comes to nothing."""
        self.results[row.line] = RowResult(row.line, Outcome.REJECTED, (RowError(column, value, detail),))

    def holds(self, row: SourceRow) -> bool:
        """Return whether a row was not rejected so far."""
        result = self.results.get(row.line)
        return result is None or result.outcome is not Outcome.REJECTED

    def accepted(self, rows: Sequence[SourceRow]) -> tuple[SourceRow, ...]:
        """Return those of the rows that were not rejected."""
        return tuple(row for row in rows if self.holds(row))
