"""Profiles as they are shown."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel

from licet_credentials.credentials.lacking import Lack, lacks
from licet_credentials.credentials.store import CredentialWithRules
from licet_credentials.credentials.views import CredentialOut
from licet_credentials.holders.model import Holder, state_of
from licet_events.holders import HolderState


class ProfileCredential(CredentialOut):
    """A credential, and what its record lacks."""

    lacks: list[Lack]
    """`expiry`: nobody knows when it ends. `evidence`: its type requires an image, and none supports its
    current term. `verification`: its type requires a check, and none confirms its current term now."""


class ProfileOut(BaseModel):
    """A holder with all credentials."""

    holder: HolderState
    merged: list[UUID]
    """Records that were merged into this holder."""
    credentials: list[ProfileCredential]
    """In the order of entry, without voided ones."""
    more: bool
    """Whether there are more credentials than shown; `GET /v1/credentials?holder_id=` lists all."""

    @classmethod
    def of(
        cls,
        holder: Holder,
        merged: Sequence[UUID],
        credentials: Sequence[CredentialWithRules],
        now: datetime,
        *,
        more: bool,
    ) -> "ProfileOut":
        """Show a holder as of `now`."""
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
