"""Bulk actions: one action on many credentials, and its results."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, TypeAlias
from uuid import UUID

from licet_credentials.credentials.renewal import RenewalRequest
from licet_credentials.visibility.model import Sees

MOST = 10_000
"""How many credentials one job takes."""


@dataclass(frozen=True, slots=True)
class Renew:
    """Renew each, by a date or a rule."""

    request: RenewalRequest
    notes: str | None = None


@dataclass(frozen=True, slots=True)
class Suspend:
    """Suspend each; a date means the whole of that day in the credential's zone."""

    reason: str
    note: str | None = None
    effective_from: date | datetime | None = None
    until: date | datetime | None = None


@dataclass(frozen=True, slots=True)
class Reassign:
    """Move each to the holder that it belongs to."""

    holder_id: UUID
    reason: str
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Void:
    """Mark each as entered in error."""

    reason: str
    note: str | None = None


Action: TypeAlias = Renew | Suspend | Reassign | Void


class BulkState(StrEnum):
    """State of a bulk action."""

    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class BulkOutcome(StrEnum):
    """What became of one credential; in a dry run, what would."""

    DONE = "done"
    REFUSED = "refused"
    """Its state or the action's values do not allow it; nothing of it was done."""
    FAILED = "failed"
    """An unexpected error; nothing of it was done."""


@dataclass(frozen=True, slots=True)
class BulkJob:
    """An action on many credentials, and how far it has come."""

    id: UUID
    state: BulkState
    action: Mapping[str, Any]
    """As it was asked for."""
    dry_run: bool
    actor: str
    sees: Sees
    """What the token saw that asked for it; it holds for every credential."""
    total: int
    counts: Mapping[str, int]
    """By outcome; those that wait are not among them."""
    created_at: datetime
    finished_at: datetime | None

    @property
    def done(self) -> int:
        """How many credentials have been worked off."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class BulkResult:
    """What came of one credential."""

    outcome: BulkOutcome
    detail: str | None = None
    """Why not, for the caller to act on."""
    changes: Mapping[str, Any] | None = None
    """What it is afterwards; in a dry run, what it would be."""
    takes: UUID | None = None
    """In a dry run: the number that no other of the job can take then, as a hash."""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One credential of a job; without a result where it waits."""

    ordinal: int
    credential_id: UUID
    result: BulkResult | None
