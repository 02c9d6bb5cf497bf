"""What is done to many at once, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from licet_certifications.enrolments.model import Entry

MOST = 10_000
"""How many holders one job enrols."""


class Kind(StrEnum):
    """What a job does."""

    ENROL = "enrol"
    MIGRATE = "migrate"


class BulkState(StrEnum):
    """Where a job is."""

    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"


class Outcome(StrEnum):
    """What came of one holder; in a dry run, what would."""

    DONE = "done"
    REFUSED = "refused"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class HolderFilter:
    """Which holders are wanted, all conditions together; `None` asks for nothing."""

    team: str | None = None
    location: str | None = None
    role: str | None = None
    queue: str | None = None
    credential_type: str | None = None
    """Holders of a credential of this type, valid or not."""


@dataclass(frozen=True, slots=True)
class Enrol:
    """Enrol each holder in the programme of its row."""

    entry: Entry = Entry.STAFF
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Migrate:
    """Move each open enrolment to a version of its programme."""

    programme: str
    number: int


@dataclass(frozen=True, slots=True)
class Asker:
    """Whoever asked for a job: it may do what their token could, and touches nobody whom that did not see."""

    actor: str
    scopes: frozenset[str]
    teams: frozenset[str] | None
    locations: frozenset[str] | None

    def may_see(self, *, team: str | None, location: str | None) -> bool:
        """Whether someone of that team at that location was seen."""
        return (self.teams is None or team in self.teams) and (
            self.locations is None or location in self.locations
        )


@dataclass(frozen=True, slots=True)
class Wanted:
    """One row to work off, as it is taken in."""

    holder_id: UUID | None
    programme: str | None
    refused: str | None = None
    """Why it is no use to try."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one row."""

    outcome: Outcome
    detail: str | None = None
    enrolment_id: UUID | None = None
    status: str | None = None
    """Of the enrolment, afterwards."""
    complete: bool | None = None
    """Whether the work is complete, so that only decisions are left, if any."""
    missing: tuple[str, ...] = ()
    """What is still to do, such as `component:exam`."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job, and how far it has come."""

    id: UUID
    kind: Kind
    state: BulkState
    request: Mapping[str, Any]
    dry_run: bool
    actor: str
    total: int
    counts: Mapping[str, int]
    created_at: datetime
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class ReportLine:
    """What came of one row; `None` where it waits."""

    ordinal: int
    holder_id: UUID | None
    programme: str | None
    result: Result | None
