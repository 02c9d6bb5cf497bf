"""Merges as they are shown."""

from uuid import UUID

from pydantic import BaseModel

from licet_credentials.holders.model import state_of
from licet_credentials.merging.model import MergeResult
from licet_events.holders import HolderState


class MergedOut(BaseModel):
    """The survivor of a merge, and what moved to it."""

    holder: HolderState
    duplicate: HolderState
    """Inactive, with `merged_into`."""
    credentials: list[UUID]
    """Credentials that moved."""
    reports: list[UUID]
    """Holders whose manager was the duplicate and is now the holder."""
    places: list[str]
    """Places that the duplicate supervised and the holder now does, such as `team/red`."""

    @classmethod
    def of(cls, result: MergeResult) -> "MergedOut":
        """Show the result of a merge."""
        return cls(
            holder=state_of(result.survivor),
            duplicate=state_of(result.duplicate),
            credentials=list(result.credentials),
            reports=list(result.reports),
            places=list(result.places),
        )
