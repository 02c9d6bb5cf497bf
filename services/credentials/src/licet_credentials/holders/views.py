"""Holders as they are shown."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from licet_credentials.holders.commands.leaving import LeaversFound
from licet_credentials.holders.store import HolderHistoryLine


class HolderHistoryOut(BaseModel):
    """A change of a holder."""

    version: int
    event_type: str
    at: datetime
    actor: str
    reason: str | None
    note: str | None
    changed: list[str]
    """Names of changed fields; none for the entry itself."""

    @classmethod
    def of(cls, line: HolderHistoryLine) -> "HolderHistoryOut":
        """Show a line of history."""
        return cls.model_validate(line, from_attributes=True)


class LeaverOut(BaseModel):
    """A leaver of a complete feed."""

    id: UUID
    external_id: str | None
    name: str
    team: str | None
    location: str | None
    active: bool
    named_at: datetime | None
    """When a feed last named it; null if none ever has."""


class LeaversOut(BaseModel):
    """The leavers of a complete feed, and how many were deactivated."""

    dry_run: bool
    absent: int
    """Leavers before this call."""
    deactivated: int
    """Leavers that this call deactivated."""
    remaining: int
    """Leavers that are left: one call deactivates 500; repeat it for the rest."""
    items: list[LeaverOut]
    """The leavers that this call deactivated or, as a dry run, would."""

    @classmethod
    def of(cls, leavers: LeaversFound, *, dry_run: bool) -> "LeaversOut":
        """Show leavers."""
        deactivated = 0 if dry_run else len(leavers.found)
        return cls(
            dry_run=dry_run,
            absent=leavers.absent,
            deactivated=deactivated,
            remaining=leavers.absent - deactivated,
            items=[
                LeaverOut(
                    id=holder.id,
                    external_id=holder.external_id,
                    name=holder.name,
                    team=holder.team,
                    location=holder.location,
                    active=holder.active,
                    named_at=named_at,
                )
                for holder, named_at in leavers.found
            ],
        )
