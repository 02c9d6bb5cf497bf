"""An audit's life, and what an attestation may say."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from licet_chassis.errors import Conflict, Invalid
from licet_events import civil
from licet_events.audits import AttestationOutcome, AuditCounts, AuditSample, AuditScope, AuditState

MOST_ITEMS = 50_000
"""Credentials in one audit: what people can attest in a quarter, and what one signed file can hold."""


@dataclass(frozen=True, slots=True)
class AuditPlan:
    """What a person or a schedule asks for."""

    name: str
    due_on: date
    time_zone: str
    scope: AuditScope = AuditScope()
    sample: AuditSample | None = None
    schedule_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AuditItem:
    """One credential of an audit."""

    id: UUID
    audit_id: UUID
    credential_id: UUID
    credential_version: int
    """The credential's version when the audit was opened."""
    holder_id: UUID
    type: str
    reassigned: bool
    """Whether the holder's role or location changed after the last audit while the record did not."""
    team: str | None = None
    location: str | None = None
    outcome: AttestationOutcome | None = None
    note: str | None = None
    attested_by: str | None = None
    attested_at: datetime | None = None
    attested_version: int | None = None
    """The credential's version that the attestation is about."""


@dataclass(frozen=True, slots=True)
class Attestation:
    """What somebody says of one item."""

    item_id: UUID
    outcome: AttestationOutcome
    note: str | None = None
    replace: bool = False
    """Whether it may take the place of an earlier attestation."""


def open_audit(plan: AuditPlan, id: UUID, items: int, now: datetime) -> AuditState:
    """Return a new audit of `items` credentials.

    Raises `Invalid` where nothing or too much is in scope, or the due day has passed.
    """
    try:
        today = civil.local_date(now, plan.time_zone)
    except civil.UnknownZone as error:
        raise Invalid(f"{error}.", pointer="/time_zone") from None
    if plan.due_on < today:
        raise Invalid(f"due_on is {plan.due_on}, which has passed; today is {today}.", pointer="/due_on")
    if items == 0:
        raise Invalid("No credential is in this scope, so there is nothing to audit.", pointer="/scope")
    if items > MOST_ITEMS:
        raise Invalid(
            f"An audit has at most {MOST_ITEMS:,} credentials, and {items:,} are in this scope. Narrow the "
            "scope, or take a sample.",
            pointer="/scope",
        )
    return AuditState(
        id=id,
        version=1,
        name=plan.name,
        scope=plan.scope,
        sample=plan.sample,
        opened_at=now,
        due_on=plan.due_on,
        time_zone=plan.time_zone,
        schedule_id=plan.schedule_id,
        counts=AuditCounts(items=items, open=items),
    )


def require_open(audit: AuditState) -> None:
    """Raise `Conflict` if the audit is closed."""
    if audit.closed_at is not None:
        raise Conflict(f"The audit was closed at {audit.closed_at:%Y-%m-%dT%H:%M:%SZ}; its result is final.")


def check_attestation(item: AuditItem, given: Attestation, current_version: int | None) -> None:
    """Raise `Conflict` or `Invalid` unless the attestation may be recorded.

    `current_version` is the credential's newest version here, `None` where it has left.
    """
    if item.outcome is not None and not given.replace:
        raise Conflict(
            f"Item {item.id} was attested as {item.outcome} by {item.attested_by}; say "
            '"replace": true to change that.'
        )
    if given.outcome is AttestationOutcome.NOT_VERIFIABLE and not given.note:
        raise Invalid("A credential that can't be verified needs a note that says why.", pointer="/note")
    if given.outcome is AttestationOutcome.CORRECTED and (current_version or 0) <= item.credential_version:
        raise Conflict(
            f"Credential {item.credential_id} has not changed since the audit was opened (version "
            f"{item.credential_version}). Correct it first, with POST /v1/credentials/"
            f"{item.credential_id}/corrections of the credentials service; a correction is known here a "
            "moment later."
        )
    if given.outcome is AttestationOutcome.CONFIRMED and current_version is None:
        raise Conflict(
            f"Credential {item.credential_id} is no longer kept; it can only be marked as not verifiable."
        )


def close_audit(audit: AuditState, counts: AuditCounts, result_sha256: str, now: datetime) -> AuditState:
    """Return the closed audit with its final counts."""
    return audit.model_copy(
        update={
            "version": audit.version + 1,
            "counts": counts,
            "closed_at": now,
            "result_sha256": result_sha256,
        }
    )


def require_finished(audit: AuditState, counts: AuditCounts, *, incomplete: bool) -> None:
    """Raise `Conflict` if the audit is closed, or attestations are missing and `incomplete` was not said."""
    require_open(audit)
    if counts.open and not incomplete:
        raise Conflict(
            f"{counts.open:,} of {counts.items:,} credentials have no attestation yet. Attest them, or say "
            '"incomplete": true with a reason.'
        )
