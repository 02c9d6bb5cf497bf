"""What callers are shown of audits."""

from datetime import date
from typing import Self
from uuid import UUID

from pydantic import BaseModel

from licet_certifications.audits.commands import AttestationResult
from licet_certifications.audits.model import AuditItem
from licet_certifications.audits.store import StoredAudit
from licet_chassis.http.problems import problem_type
from licet_events.audits import AttestationOutcome, AuditCounts, AuditSample, AuditScope
from licet_events.event import Instant


class AuditView(BaseModel):
    """An audit and how far it has come."""

    id: UUID
    version: int
    name: str
    scope: AuditScope
    sample: AuditSample | None
    opened_at: Instant
    opened_by: str
    due_on: date
    time_zone: str
    schedule_id: UUID | None
    counts: AuditCounts
    """Of the credentials that the caller may see."""
    closed_at: Instant | None
    closed_by: str | None
    incomplete_reason: str | None
    result_sha256: str | None
    result: str | None
    """Where the signed result is, once the audit is closed."""

    @classmethod
    def of(cls, stored: StoredAudit, counts: AuditCounts) -> Self:
        """Show an audit with its present counts."""
        state = stored.state
        return cls(
            **{**dict(state), "counts": counts},
            opened_by=stored.opened_by,
            closed_by=stored.closed_by,
            incomplete_reason=stored.incomplete_reason,
            result=f"/v1/audits/{state.id}/result" if state.closed_at else None,
        )


class AuditItemView(BaseModel):
    """One credential of an audit."""

    id: UUID
    credential_id: UUID
    credential_version: int
    holder_id: UUID
    type: str
    team: str | None
    location: str | None
    reassigned: bool
    """Whether the holder's role or location changed after the last audit while the record did not."""
    outcome: AttestationOutcome | None
    note: str | None
    attested_by: str | None
    attested_at: Instant | None
    attested_version: int | None
    corrections: str
    """Where credentials takes a correction of this record."""

    @classmethod
    def of(cls, item: AuditItem) -> Self:
        """Show an item."""
        return cls(
            **{name: getattr(item, name) for name in cls.model_fields if name != "corrections"},
            corrections=f"/v1/credentials/{item.credential_id}/corrections",
        )


class AttestationRefusal(BaseModel):
    """Why an attestation was not recorded."""

    type: str
    detail: str


class AttestationResultView(BaseModel):
    """What became of one attestation."""

    item: UUID
    recorded: bool
    problem: AttestationRefusal | None

    @classmethod
    def of(cls, result: AttestationResult) -> Self:
        """Show it."""
        refusal = result.refusal
        return cls(
            item=result.item_id,
            recorded=refusal is None,
            problem=None
            if refusal is None
            else AttestationRefusal(type=problem_type(type(refusal)), detail=refusal.detail),
        )


class AttestationResultsView(BaseModel):
    """What became of each attestation, in the order of the request."""

    results: list[AttestationResultView]


class KeysView(BaseModel):
    """A JSON Web Key Set (RFC 7517): the public keys that verify signed results."""

    keys: list[dict[str, str]]
