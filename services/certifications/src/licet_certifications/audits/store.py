"""Audits in the database."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import asyncpg

from licet_certifications.audits.model import Attestation, AuditItem, AuditPlan
from licet_certifications.visibility import Visibility
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries, load_templates
from licet_events.audits import AttestationOutcome, AuditCounts, AuditScope, AuditState

QUERIES = load_queries(__package__ or "")
TEMPLATES = load_templates(__package__ or "")


@dataclass(frozen=True, slots=True)
class StoredAudit:
    """An audit with what is told to nobody but those who may read it here."""

    state: AuditState
    opened_by: str
    closed_by: str | None
    incomplete_reason: str | None
    result: str | None
    """The signed result, once it is closed."""


async def count_scope(conn: Connection, scope: AuditScope) -> int:
    """Return how many credentials are in a scope."""
    rows = await TEMPLATES["count_scope"].fetch(conn, _scope_parameters(scope))
    return int(rows[0]["count"])


async def insert_audit(conn: Connection, audit: AuditState, opened_by: str) -> None:
    """Write a new audit."""
    await conn.execute(QUERIES["insert_audit"], audit.id, audit.version, opened_by, audit.model_dump_json())


async def fill_audit(conn: Connection, audit: AuditState, plan: AuditPlan) -> None:
    """Put the credentials in scope, or the sample of them, into a new audit."""
    given: dict[str, Any] = {"audit_id": audit.id, **_scope_parameters(plan.scope)}
    if plan.sample is not None:
        given |= {"seed": f"{plan.sample.seed}|", "items": audit.counts.items}
    await TEMPLATES["fill"].fetch(conn, given)


async def read_audit(conn: Connection, id: UUID) -> StoredAudit:
    """Return an audit; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["read_audit"], id), id)


async def lock_audit(conn: Connection, id: UUID) -> StoredAudit:
    """Return an audit and hold it until the transaction ends; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["lock_audit"], id), id)


async def share_audit(conn: Connection, id: UUID) -> StoredAudit:
    """Return an audit and keep it from being closed until the transaction ends; raises `NotFound`."""
    return _found(await conn.fetchrow(QUERIES["share_audit"], id), id)


async def list_audits(
    conn: Connection, *, closed: bool | None, after: UUID | None, limit: int
) -> list[StoredAudit]:
    """Return audits, newest first, after `after`."""
    given = {"open": closed is False or None, "closed": closed or None, "after": after, "limit": limit}
    return [_stored(row) for row in await TEMPLATES["list_audits"].fetch(conn, given)]


async def lock_page(conn: Connection, after: UUID | None, limit: int) -> list[AuditState]:
    """Return audits in order of ids after `after` and hold them until the transaction ends."""
    rows = await conn.fetch(QUERIES["page_audits"], after, limit)
    return [AuditState.model_validate_json(row["state"]) for row in rows]


async def count_outcomes(
    conn: Connection, audit_ids: Sequence[UUID], seen: Visibility
) -> dict[UUID, AuditCounts]:
    """Return the counts of each audit, of those items that the caller may see."""
    rows = await TEMPLATES["count_outcomes"].fetch(conn, {"audit_ids": list(audit_ids), **seen.parameters()})
    found: dict[UUID, dict[str, int]] = {audit_id: {} for audit_id in audit_ids}
    for row in rows:
        found[row["audit_id"]][row["outcome"] or "open"] = row["items"]
    return {
        audit_id: AuditCounts(items=sum(counts.values()), **{"open": 0, **counts})
        for audit_id, counts in found.items()
    }


async def list_items(
    conn: Connection,
    audit_id: UUID,
    filters: Mapping[str, Any],
    seen: Visibility,
    *,
    after: tuple[bool, UUID] | None,
    limit: int,
) -> list[AuditItem]:
    """Return items that `filters` (outcome, open, type, team, location) let through."""
    given: dict[str, Any] = {"audit_id": audit_id, "limit": limit, **filters, **seen.parameters()}
    if after is not None:
        given |= {"after_unchanged": after[0], "after_id": after[1]}
    return [_item(row) for row in await TEMPLATES["list_items"].fetch(conn, given)]


async def lock_items(
    conn: Connection, audit_id: UUID, ids: Sequence[UUID]
) -> dict[UUID, tuple[AuditItem, int | None]]:
    """Return items with the newest version of their credentials, held until the transaction ends."""
    rows = await conn.fetch(QUERIES["lock_items"], audit_id, list(ids))
    return {row["id"]: (_item(row), row["current_version"]) for row in rows}


async def save_attestations(
    conn: Connection, given: Sequence[tuple[Attestation, int | None]], *, actor: str, now: datetime
) -> None:
    """Record attestations, each with the version of the credential that it is about."""
    rows = [
        {"id": str(one.item_id), "outcome": one.outcome, "note": one.note, "version": version}
        for one, version in given
    ]
    await conn.execute(QUERIES["save_attestations"], json.dumps(rows), actor, now)


async def read_result_items(conn: Connection, audit_id: UUID) -> list[dict[str, Any]]:
    """Return what the signed result says of each credential."""
    return [dict(row) for row in await conn.fetch(QUERIES["read_result_items"], audit_id)]


async def close_audit(
    conn: Connection, audit: AuditState, *, result: str, closed_by: str, reason: str | None
) -> None:
    """Keep a closed audit and its signed result."""
    await conn.execute(
        QUERIES["close_audit"], audit.id, audit.version, audit.model_dump_json(), result, closed_by, reason
    )


async def keep_key(conn: Connection, jwk: Mapping[str, str], private_pem: str | None) -> None:
    """Keep the public half of a key that signs, and the private half of one that was made here."""
    await conn.execute(QUERIES["keep_key"], jwk["kid"], json.dumps(jwk), private_pem)


async def read_own_key(conn: Connection) -> str | None:
    """Return the private half of the key that was made here, in PEM; `None` if there is none."""
    pem: str | None = await conn.fetchval(QUERIES["read_own_key"])
    return pem


async def read_keys(conn: Connection) -> list[dict[str, str]]:
    """Return the public halves of all keys that have signed."""
    return [json.loads(row["jwk"]) for row in await conn.fetch(QUERIES["read_keys"])]


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Remove what is open about a holder, and the notes of what was attested."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


def _scope_parameters(scope: AuditScope) -> dict[str, Any]:
    return {
        "teams": list(scope.teams) or None,
        "locations": list(scope.locations) or None,
        "types": list(scope.types) or None,
    }


def _found(row: "asyncpg.Record | None", id: UUID) -> StoredAudit:
    if row is None:
        raise NotFound(f"There is no audit {id}.")
    return _stored(row)


def _stored(row: "asyncpg.Record") -> StoredAudit:
    return StoredAudit(
        AuditState.model_validate_json(row["state"]),
        row["opened_by"],
        row["closed_by"],
        row["incomplete_reason"],
        row["result"],
    )


def _item(row: "asyncpg.Record") -> AuditItem:
    return AuditItem(
        id=row["id"],
        audit_id=row["audit_id"],
        credential_id=row["credential_id"],
        credential_version=row["credential_version"],
        holder_id=row["holder_id"],
        type=row["type"],
        reassigned=row["reassigned"],
        team=row["team"],
        location=row["location"],
        outcome=None if row["outcome"] is None else AttestationOutcome(row["outcome"]),
        note=row["note"],
        attested_by=row["attested_by"],
        attested_at=row["attested_at"],
        attested_version=row["attested_version"],
    )
