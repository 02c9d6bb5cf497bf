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
"""Most credentials in one job."""


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
    """Move each to the holder to whom it belongs."""

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
    """Outcome for one credential; in a dry run, the outcome it would have."""

    DONE = "done"
    REFUSED = "refused"
    """Its state or the values of the action do not allow it; nothing changed."""
    FAILED = "failed"
    """An unexpected error; nothing changed."""


@dataclass(frozen=True, slots=True)
class BulkJob:
    """A bulk action and its progress."""

    id: UUID
    state: BulkState
    action: Mapping[str, Any]
    """As submitted."""
    dry_run: bool
    actor: str
    sees: Sees
    """What the submitting token may see; checked again for every credential."""
    total: int
    counts: Mapping[str, int]
    """By outcome, without pending credentials."""
    created_at: datetime
    finished_at: datetime | None

    @property
    def done(self) -> int:
        """Credentials that have an outcome."""
        return sum(self.counts.values())


@dataclass(frozen=True, slots=True)
class BulkResult:
    """Outcome for one credential, with its details."""

    outcome: BulkOutcome
    detail: str | None = None
    """Why it was refused or failed, for the caller to act on."""
    changes: Mapping[str, Any] | None = None
    """The credential after the action; in a dry run, as it would be."""
    takes: UUID | None = None
    """In a dry run: hash of the number that it would take, so that no other credential of the job can."""


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One credential of a job; without a result while it is pending."""

    ordinal: int
    credential_id: UUID
    result: BulkResult | None
