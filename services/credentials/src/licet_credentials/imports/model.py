"""An import as a job: its state, the outcome of each row, and the undo log of what it made."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum, StrEnum
from typing import Any, NamedTuple
from uuid import UUID

IMPORTED = "imported"
"""Reason code of changes that an import makes."""
UNDONE_REASON = "import_undone"
"""Reason code of changes that undoing an import makes."""


class ImportState(StrEnum):
    """State of an import."""

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
        """Whether no work is left to do."""
        return self in {ImportState.FINISHED, ImportState.FAILED, ImportState.CANCELLED, ImportState.UNDONE}


class RowOutcome(StrEnum):
    """What became of a row."""

    CREATED = "created"
    """Its term belongs to a credential that the import recorded."""
    RENEWED = "renewed"
    """Its term was appended to an existing credential."""
    ADDED = "added"
    """Its term was inserted before the last term of an existing credential."""
    CORRECTED = "corrected"
    """The recorded term with its key, or a recorded flag, was corrected."""
    UPDATED = "updated"
    """Other facts about the credential or the holder were changed."""
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


class RowError(NamedTuple):
    """An error in a row: the column, its value, and what would be allowed."""

    column: str
    value: str
    detail: str


@dataclass(frozen=True, slots=True)
class RowResult:
    """The outcome of one row, with its errors if it was rejected."""

    line: int
    outcome: RowOutcome
    errors: tuple[RowError, ...] = ()


@dataclass(slots=True)
class ReportEntry:
    """The result of a row as the report stores it."""

    result: RowResult
    credential_id: UUID | None = None
    holder_key: str | None = None
    """External id of the row's holder; stored only with errors, so that an erasure finds them."""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """The result of a row as the report shows it."""

    line: int
    outcome: RowOutcome
    credential_id: UUID | None
    errors: tuple[Mapping[str, Any], ...]
    undo: str | None
    undo_reason: str | None


@dataclass(frozen=True, slots=True)
class Dialect:
    """How to read a file; `encoding` is a Python codec."""

    encoding: str
    delimiter: str
    skipped: int = 0
    """Lines above the header."""
    typed: bool = False
    """Whether it was a workbook: cells have types (`licet_chassis.office.typed`), and each line is a row."""


@dataclass(frozen=True, slots=True)
class NewImport:
    """An import to be queued."""

    id: UUID
    mapping_name: str
    mapping: str
    """TOML."""
    dry_run: bool
    file_name: str
    file_size: int
    dialect: Dialect
    warnings: tuple[str, ...]
    """What is uncertain about how the file was read."""
    actor: str


@dataclass(frozen=True, slots=True)
class Import:
    """An import and its progress, for callers."""

    id: UUID
    state: ImportState
    mapping_name: str
    dry_run: bool
    file_name: str
    file_size: int
    encoding: str
    delimiter: str
    skipped_lines: int
    warnings: tuple[str, ...]
    total_rows: int | None
    done_rows: int
    counts: Mapping[str, int]
    types_created: tuple[str, ...]
    undo_counts: Mapping[str, int]
    problem: str | None
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None


class UndoStep(IntEnum):
    """The steps of an undo, in order: a holder can be deactivated only after its credentials are voided."""

    CREDENTIALS = 1
    HOLDERS = 2


@dataclass
class ImportWork:
    """An import that this transaction works on: its cursors and running counts."""

    id: UUID
    state: ImportState
    mapping: str
    """TOML."""
    dry_run: bool
    dialect: Dialect
    cursor_key: str | None
    """External id of the last holder whose rows are done."""
    total_rows: int | None
    done_rows: int
    counts: Counter[str]
    types_created: set[str]
    undo_step: UndoStep
    undo_after: UUID | None
    undo_counts: Counter[str]
    date_formats: tuple[str, ...] | None
    """In the order that was decided when the file was cut into rows."""


@dataclass(frozen=True, slots=True)
class UndoEntry:
    """An entry of an import's undo log: a holder or credential that it wrote, and the version it left."""

    step: UndoStep
    id: UUID
    version: int
    created: bool
    """Whether the import created it."""
    terms: tuple[UUID, ...] = ()
    """The terms that it added to an existing credential."""
    more: bool = False
    """Whether it changed more of an existing credential than adding these terms."""
    line: int | None = None
    """The row whose facts it took over for an existing holder."""


@dataclass(slots=True)
class UndoResult:
    """What undoing one entry did: `undone`, or `left` with the reason."""

    id: UUID
    undo: str
    reason: str | None = None
