"""Working state while one credential's rows are matched with what is recorded."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from licet_credentials.credentials.model import Flag
from licet_credentials.credentials.terms import Term
from licet_credentials.imports.formats.cells import CellFormats
from licet_credentials.imports.model import RowError, RowOutcome, RowResult
from licet_credentials.imports.rows import Columns, OnChange, OnTermChange, SourceRow


@dataclass(frozen=True, slots=True)
class MatchingRules:
    """The rules of a mapping for rows that differ from the record."""

    on_change: OnChange
    on_term_change: OnTermChange
    announce_reached: bool
    columns: Columns
    actor: str
    formats: CellFormats = CellFormats()
    """Of the typed attributes of rows."""
    on_flag_change: OnTermChange = OnTermChange.REJECT
    unusual: bool = False
    """Whether terms may end more than three validities ahead."""


@dataclass
class MatchingState:
    """The results of one credential's rows so far, and the terms and flags that they add or correct."""

    rules: MatchingRules
    results: dict[int, RowResult] = field(default_factory=dict)
    """By line."""
    added: list[tuple[SourceRow, Term]] = field(default_factory=list)
    """New terms, each with its row."""
    corrections: list[tuple[SourceRow, Term]] = field(default_factory=list)
    """Recorded terms with wrong dates, each with the row that has the right ones."""
    flags_added: list[tuple[SourceRow, Flag]] = field(default_factory=list)
    """New flags, each with its row."""
    flag_corrections: list[tuple[SourceRow, Flag, Mapping[str, Any]]] = field(default_factory=list)
    """Recorded flags that are wrong, each with its row and the right values by field."""

    def record(self, row: SourceRow, outcome: RowOutcome) -> None:
        """Record the outcome of a row, replacing an earlier one."""
        self.results[row.line] = RowResult(row.line, outcome)

    def reject(self, row: SourceRow, column: str, value: str, detail: str) -> None:
        """Reject a row with an error."""
        self.results[row.line] = RowResult(row.line, RowOutcome.REJECTED, (RowError(column, value, detail),))

    def is_accepted(self, row: SourceRow) -> bool:
        """Return whether the row has not been rejected so far."""
        result = self.results.get(row.line)
        return result is None or result.outcome is not RowOutcome.REJECTED

    def accepted(self, rows: Sequence[SourceRow]) -> tuple[SourceRow, ...]:
        """Return the rows that have not been rejected so far."""
        return tuple(row for row in rows if self.is_accepted(row))
