"""Holders as they are shown, with what hangs on them."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from licet_credentials.credentials.lacking import Lack, lacks
from licet_credentials.credentials.store import Loaded
from licet_credentials.credentials.views import CredentialOut
from licet_credentials.holders.commands import Leavers, Merged
from licet_credentials.holders.model import Holder, state_of
from licet_credentials.holders.store import HolderLine
from licet_events.holders import HolderState


class HolderHistoryOut(BaseModel):
    """One change of a holder."""

    version: int
    event_type: str
    at: datetime
    actor: str
    reason: str | None
    note: str | None
    changed: list[str]
    """Names of the fields that changed; none for the entry itself."""

    @classmethod
    def of(cls, line: HolderLine) -> "HolderHistoryOut":
        """Show a line of history."""
        return cls.model_validate(line, from_attributes=True)


class ProfileCredential(CredentialOut):
    """A credential, and what its record lacks."""

    lacks: list[Lack]
    """`expiry`: it is not known when it ends. `evidence`: its type asks for an image, and none supports its
    current term. `verification`: its type asks for a check, and none confirms its current term at present."""


class ProfileOut(BaseModel):
    """A holder with all credentials."""

    holder: HolderState
    merged: list[UUID]
    """The records that turned out to be this holder."""
    credentials: list[ProfileCredential]
    """In the order of their entry, without voided ones."""
    more: bool
    """Whether there are more credentials than are shown; `GET /v1/credentials?holder_id=` has all."""

    @classmethod
    def of(
        cls,
        holder: Holder,
        merged: Sequence[UUID],
        credentials: Sequence[Loaded],
        now: datetime,
        *,
        more: bool,
    ) -> "ProfileOut":
        """Show a holder as it is at `now`."""
        return cls(
            holder=state_of(holder),
            merged=list(merged),
            credentials=[
                ProfileCredential(
                    **dict(CredentialOut.of(loaded.credential, now)),
                    lacks=list(lacks(loaded.credential, loaded.rules, now)),
                )
                for loaded in credentials
            ],
            more=more,
        )


class LeaverOut(BaseModel):
    """A holder whom a complete feed has left out."""

    id: UUID
    external_id: str | None
    name: str
    team: str | None
    location: str | None
    active: bool
    named_at: datetime | None
    """When a feed last named it; null for one that was entered otherwise and never named."""


class LeaversOut(BaseModel):
    """Whom a complete feed has left out, and what was done about it."""

    dry_run: bool
    absent: int
    """How many there were before this."""
    deactivated: int
    """How many were deactivated by this."""
    remaining: int
    """How many are still to be deactivated: a call takes 500, and the same again goes on."""
    items: list[LeaverOut]
    """Those that this call deactivated, or as a dry run would."""

    @classmethod
    def of(cls, leavers: Leavers, *, dry_run: bool) -> "LeaversOut":
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


class MergedOut(BaseModel):
    """The holder that is left after a merge, and what came to it."""

    holder: HolderState
    duplicate: HolderState
    """Inactive, with `merged_into`."""
    credentials: list[UUID]
    """Those that moved."""
    reports: list[UUID]
    """Whom the duplicate managed, and now the holder does."""
    places: list[str]
    """What the duplicate supervised, and now the holder does, such as `team/red`."""

    @classmethod
    def of(cls, merged: Merged) -> "MergedOut":
        """Show what came of a merge."""
        return cls(
            holder=state_of(merged.holder),
            duplicate=state_of(merged.duplicate),
            credentials=list(merged.credentials),
            reports=list(merged.reports),
            places=list(merged.places),
        )
