"""SQL of privacy: export, count and delete everything about a holder."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_credentials.privacy.model import Erasure
from licet_credentials.rows import fields_of, jsonb
from licet_events.ids import uuid7

QUERIES = load_queries(__package__ or "")


@dataclass(frozen=True, slots=True)
class CredentialRef:
    """A credential to delete: the values that find it in other tables."""

    id: UUID
    number: str | None


async def lock_credentials_of(conn: Connection, holder_ids: Sequence[UUID]) -> list[CredentialRef]:
    """Lock and return all credentials of holders, voided ones included."""
    return [CredentialRef(**row) for row in await conn.fetch(QUERIES["lock_credentials_of"], holder_ids)]


async def read_credentials(conn: Connection, holder_ids: Sequence[UUID]) -> list[CredentialRef]:
    """Return all credentials of holders, voided ones included."""
    return [CredentialRef(**row) for row in await conn.fetch(QUERIES["read_credentials"], holder_ids)]


async def keys_of_holder(conn: Connection, holder_id: UUID) -> list[str]:
    """Return what follows the holder's id in every key that it has or had on the topic of credentials."""
    return [row["path"] for row in await conn.fetch(QUERIES["keys_of_holder"], holder_id)]


async def count_records(
    conn: Connection, holder_ids: Sequence[UUID], credential_ids: Sequence[UUID]
) -> dict[str, int]:
    """Return the number of records about holders and their credentials, by kind."""
    rows = await conn.fetch(QUERIES["count_records"], holder_ids, credential_ids)
    return {row["what"]: row["count"] for row in rows}


async def store_remains(conn: Connection, holder_ids: Sequence[UUID], credential_ids: Sequence[UUID]) -> None:
    """Store bare types and dates of the events, and which objects are to be removed."""
    await conn.execute(QUERIES["insert_erased_events"], holder_ids, credential_ids)
    await conn.execute(QUERIES["insert_erased_objects"], holder_ids[0], credential_ids)


async def delete_all(conn: Connection, holder_ids: Sequence[UUID], credential_ids: Sequence[UUID]) -> None:
    """Delete holders and their credentials; the caller has removed references and images before."""
    await conn.execute(QUERIES["delete_credentials"], credential_ids)
    await conn.execute(QUERIES["delete_holders"], holder_ids)


async def remove_from_imports(
    conn: Connection, external_ids: Sequence[str], texts: Sequence[str], ids: Sequence[UUID]
) -> list[UUID]:
    """Remove holders from records of imports other than rows; returns imports that are reading them now.

    `ids` are those of the holders and their credentials; undoing an import skips them from now on.
    """
    await conn.execute(QUERIES["remove_from_imports"], external_ids, texts, ids)
    return [row["id"] for row in await conn.fetch(QUERIES["imports_reading"], external_ids)]


async def remove_from_bulks(conn: Connection, credential_ids: Sequence[UUID], texts: Sequence[str]) -> None:
    """Remove credentials and the texts of their holder from bulk actions."""
    await conn.execute(QUERIES["remove_from_bulks"], credential_ids, texts)


async def insert_erasure(
    conn: Connection, holder_id: UUID, now: datetime, actor: str, reason: str, counts: Mapping[str, int]
) -> None:
    """Store an erasure, unless one is stored already."""
    await conn.execute(QUERIES["insert_erasure"], holder_id, now, actor, reason, jsonb(counts))


async def read_erasure(conn: Connection, holder_id: UUID) -> Erasure | None:
    """Return the erasure of a holder, or `None`."""
    row = await conn.fetchrow(QUERIES["read_erasure"], holder_id)
    return None if row is None else Erasure(**fields_of(Erasure, row) | {"counts": json.loads(row["counts"])})


async def objects_left(conn: Connection, holder_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return the number of images of erased holders whose objects are still in the bucket."""
    return {row["holder_id"]: row["left"] for row in await conn.fetch(QUERIES["objects_left"], holder_ids)}


async def record_export(conn: Connection, holder_id: UUID, actor: str, at: datetime) -> None:
    """Record an export and its actor."""
    await conn.execute(QUERIES["record_export"], uuid7(), holder_id, actor, at)


async def read_all(conn: Connection, holder_id: UUID) -> dict[str, Any]:
    """Return everything about a holder, table by table, as stored."""
    document: dict[str, Any] = json.loads(await conn.fetchval(QUERIES["export_holder"], holder_id))
    return document
