"""Enrolments as a list shows them, their counts, and filters that were kept."""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from uuid import UUID

from pydantic import BaseModel

from licet_certifications.register.bodies import FilterIn
from licet_certifications.register.model import SavedFilter
from licet_events.enrolments import EnrolmentKind, EnrolmentStatus
from licet_events.event import Instant

if TYPE_CHECKING:
    import asyncpg


class EnrolmentLine(BaseModel):
    """An enrolment in a list; `GET /v1/enrolments/{id}` shows all of it."""

    id: UUID
    version: int
    holder_id: UUID
    holder_name: str | None
    holder_external_id: str | None
    team: str | None
    location: str | None
    programme: str
    programme_version: int
    kind: EnrolmentKind
    status: EnrolmentStatus
    """At present."""
    reason: str | None
    """Why it has this status, as a code."""
    waits_for: str | None
    """Which decision it waits for."""
    waits_since: Instant | None
    lacking: list[str]
    """What is still to do."""
    credential_id: UUID | None
    expires_at: Instant | None
    deadline_at: Instant | None
    window_opens_at: Instant | None
    opened_at: Instant
    completed_at: Instant | None
    updated_at: Instant

    @classmethod
    def of(cls, row: "asyncpg.Record") -> "EnrolmentLine":
        """Show a row of the register."""
        return cls(**row)


class StatusCounts(BaseModel):
    """How many enrolments have each status."""

    total: int
    counts: Mapping[EnrolmentStatus, int]
    """Every status is there, also with 0."""


class SavedFilterOut(BaseModel):
    """A filter under its name."""

    id: UUID
    name: str
    owner: str
    """Whose it is: the subject of a token."""
    shared: bool
    filter: FilterIn
    version: int
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, saved: SavedFilter) -> "SavedFilterOut":
        """Show a filter."""
        return cls(
            id=saved.id,
            name=saved.name,
            owner=saved.owner,
            shared=saved.shared,
            filter=FilterIn.of(saved.filter),
            version=saved.version,
            created_at=saved.created_at,
            updated_at=saved.updated_at,
        )
