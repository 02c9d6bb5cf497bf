"""Opening audits, attesting, and closing with a signed result."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_certifications.audits import model, store
from licet_certifications.audits.model import Attestation, AuditItem, AuditPlan
from licet_certifications.audits.signing import ResultSigner
from licet_certifications.audits.store import StoredAudit
from licet_certifications.visibility import Visibility
from licet_chassis.connection import Connection
from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, NotFound, Refused
from licet_events.audits import AuditClosed, AuditCounts, AuditOpened, AuditSnapshot, AuditState
from licet_events.ids import uuid7


async def open_audit(tx: Transaction, plan: AuditPlan, *, now: datetime) -> StoredAudit:
    """Open an audit of the credentials that are in scope now; raises `Invalid`."""
    in_scope = await store.count_scope(tx.conn, plan.scope)
    items = in_scope if plan.sample is None else math.ceil(plan.sample.share * in_scope)
    audit = model.open_audit(plan, uuid7(), items, now)
    await store.insert_audit(tx.conn, audit, tx.cause.actor)
    await store.fill_audit(tx.conn, audit, plan)
    await tx.publish(AuditOpened(audit=audit), now=now)
    return await store.read_audit(tx.conn, audit.id)


@dataclass(frozen=True, slots=True)
class AttestationResult:
    """What became of one attestation of a request."""

    item_id: UUID
    refusal: Refused | None = None


async def attest(
    tx: Transaction,
    audit_id: UUID,
    attestations: Sequence[Attestation],
    *,
    may_see: Callable[[AuditItem], bool],
    now: datetime,
) -> list[AttestationResult]:
    """Record what may be recorded, and return what became of each, in order.

    Raises `NotFound` for the audit, `Conflict` where it is closed, `Invalid` where one item stands twice.
    """
    model.require_open((await store.share_audit(tx.conn, audit_id)).state)
    wanted = [one.item_id for one in attestations]
    if len(set(wanted)) < len(wanted):
        raise Invalid("An item may stand in a request once.", pointer="/attestations")
    items = await store.lock_items(tx.conn, audit_id, wanted)
    accepted: list[tuple[Attestation, int | None]] = []
    results = []
    for one in attestations:
        item, current_version = items.get(one.item_id, (None, None))
        try:
            if item is None or not may_see(item):
                raise NotFound(f"There is no item {one.item_id} in this audit.")
            model.check_attestation(item, one, current_version)
        except Refused as refusal:
            results.append(AttestationResult(one.item_id, refusal))
        else:
            accepted.append((one, current_version))
            results.append(AttestationResult(one.item_id))
    if accepted:
        await store.save_attestations(tx.conn, accepted, actor=tx.cause.actor, now=now)
    return results


async def close_audit(
    tx: Transaction,
    id: UUID,
    *,
    signing_key: str | None,
    incomplete_reason: str | None,
    now: datetime,
) -> StoredAudit:
    """Close an audit: count, sign, publish. Without a `signing_key` (PEM) the database's own key signs.

    Raises `NotFound`, and `Conflict` where it is closed already or attestations are missing and there is
    no `incomplete_reason`.
    """
    stored = await store.lock_audit(tx.conn, id)
    counts = (await store.count_outcomes(tx.conn, [id], Visibility()))[id]
    model.require_finished(stored.state, counts, incomplete=incomplete_reason is not None)
    items = await store.read_result_items(tx.conn, id)
    signer = await _signer(tx, signing_key)
    signed = signer.sign(_result(stored, counts, items, closed_by=tx.cause.actor, now=now))
    closed = model.close_audit(stored.state, counts, signed.sha256, now)
    await store.close_audit(
        tx.conn, closed, result=signed.jws, closed_by=tx.cause.actor, reason=incomplete_reason
    )
    await tx.publish(AuditClosed(audit=closed), now=now)
    return await store.read_audit(tx.conn, id)


async def _signer(tx: Transaction, signing_key: str | None) -> ResultSigner:
    """Return who signs, and keep the public key: results stay verifiable when the key has changed."""
    if signing_key is not None:
        signer, made_here = ResultSigner.of_pem(signing_key), None
    else:
        own = await store.read_own_key(tx.conn)
        signer = ResultSigner.generate() if own is None else ResultSigner.of_pem(own)
        made_here = signer.private_pem
    await store.keep_key(tx.conn, signer.jwk, made_here)
    return signer


def _result(
    stored: StoredAudit, counts: AuditCounts, items: list[dict[str, Any]], *, closed_by: str, now: datetime
) -> dict[str, Any]:
    # Ids only: the file outlives the erasure of a person, and a signature can't be taken back.
    state = stored.state
    return {
        "audit": {
            **state.model_dump(
                mode="json", include={"id", "name", "scope", "sample", "opened_at", "due_on", "time_zone"}
            ),
            "opened_by": stored.opened_by,
            "closed_at": now,
            "closed_by": closed_by,
        },
        "counts": counts.model_dump(),
        "items": items,
    }


async def forget_holder(tx: Transaction, holder_id: UUID) -> None:
    """Remove what is open about an erased holder, and the notes of what was attested; ids stay signed."""
    await store.forget_holder(tx.conn, holder_id)


async def audit_snapshots(
    conn: Connection, after: UUID | None, limit: int
) -> tuple[list[AuditSnapshot], UUID | None]:
    """Return a page of a backfill, and where the next one begins."""
    states: list[AuditState] = await store.lock_page(conn, after, limit)
    return (
        [AuditSnapshot(audit=state) for state in states],
        states[-1].id if len(states) == limit else None,
    )
