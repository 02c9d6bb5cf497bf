"""Waivers as callers see them."""

from typing import Self
from uuid import UUID

from pydantic import BaseModel

from licet_certifications.waivers.model import Waiver
from licet_certifications.waivers.store import ListedWaiver
from licet_events.event import Instant
from licet_events.waivers import WaiverReason, WaiverStatus


class WaiverView(BaseModel):
    """A waiver."""

    id: UUID
    version: int
    holder_id: UUID | None
    """`null` once the holder was erased; the words and whoever acted are gone then."""
    requirement_id: UUID | None
    """`null`: every requirement of the target, which only overrides release from."""
    type: str | None
    """The credential type that it stands for; `null`: the whole requirement."""
    target: str
    locations: list[str]
    """Empty: wherever the requirement applies."""
    reason: WaiverReason
    note: str | None
    status: WaiverStatus
    override: bool
    starts_at: Instant
    ends_at: Instant
    requested_by: str
    decided_by: str | None
    decided_at: Instant | None
    decision_note: str | None
    revoked_by: str | None
    revoked_at: Instant | None
    revocation_note: str | None
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, waiver: Waiver) -> Self:
        """Show a waiver."""
        return cls.model_validate(
            waiver.state.model_dump()
            | {
                "note": waiver.note,
                "decision_note": waiver.decision_note,
                "revocation_note": waiver.revocation_note,
            }
        )

    @classmethod
    def of_listed(cls, listed: ListedWaiver) -> Self:
        """Show a waiver of the register."""
        return cls.of(listed.waiver).model_copy(update={"holder_id": listed.holder_id})
