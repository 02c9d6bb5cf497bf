"""Everything that is kept about a holder, in the database: told as one document, counted, deleted."""

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
    """A credential that is to go: what finds it elsewhere."""

    id: UUID
    number: str | None


async def hold_credentials(conn: Connection, holder_ids: Sequence[UUID]) -> list[CredentialRef]:
    """Return all credentials of holders, voided ones too, held until the transaction ends."""
    return [CredentialRef(**row) for row in await conn.fetch(QUERIES["hold_credentials"], holder_ids)]


async def read_credentials(conn: Connection, holder_ids: Sequence[UUID]) -> list[CredentialRef]:
    """Return all credentials of holders, voided ones too."""
    return [CredentialRef(**row) for row in await conn.fetch(QUERIES["read_credentials"], holder_ids)]


async def keys_of_holder(conn: Connection, holder_id: UUID) -> list[UUID]:
    """Return every credential that a holder has or ever had: each has a key of its own on the topic."""
    return [row["id"] for row in await conn.fetch(QUERIES["keys_of_holder"], holder_id)]


async def count_kept(
    conn: Connection, holder_ids: Sequence[UUID], credential_ids: Sequence[UUID]
) -> dict[str, int]:
    """Return how much is kept of holders and their credentials, by what it is."""
    rows = await conn.fetch(QUERIES["count_kept"], holder_ids, credential_ids)
    return {row["what"]: row["count"] for row in rows}


async def keep_what_stays(
    conn: Connection, holder_ids: Sequence[UUID], credential_ids: Sequence[UUID]
) -> None:
    """Keep how many events there were and when, and which objects have yet to go."""
    await conn.execute(QUERIES["keep_events"], holder_ids, credential_ids)
    await conn.execute(QUERIES["keep_objects"], holder_ids[0], credential_ids)


async def delete_all(conn: Connection, holder_ids: Sequence[UUID], credential_ids: Sequence[UUID]) -> None:
    """Delete holders and their credentials; nobody refers to the holders, and the images are removed."""
    await conn.execute(QUERIES["delete_credentials"], credential_ids)
    await conn.execute(QUERIES["delete_holders"], holder_ids)


async def forget_in_imports(
    conn: Connection, external_ids: Sequence[str], texts: Sequence[str], ids: Sequence[UUID]
) -> list[UUID]:
    """Take holders out of what is kept of imports beside rows; returns those that are at them just now.

    `ids` are those of the holders and of their credentials: an import is undone without them.
    """
    await conn.execute(QUERIES["forget_in_imports"], external_ids, texts, ids)
    return [row["id"] for row in await conn.fetch(QUERIES["at_work_on"], external_ids)]


async def forget_in_bulks(conn: Connection, credential_ids: Sequence[UUID], texts: Sequence[str]) -> None:
    """Take credentials, and the texts of their holder, out of what is kept of actions on many."""
    await conn.execute(QUERIES["forget_in_bulks"], credential_ids, texts)


async def keep_erasure(
    conn: Connection, holder_id: UUID, now: datetime, actor: str, reason: str, counts: Mapping[str, int]
) -> None:
    """Note an erasure; one that was noted before stands."""
    await conn.execute(QUERIES["keep_erasure"], holder_id, now, actor, reason, jsonb(counts))


async def read_erasure(conn: Connection, holder_id: UUID) -> Erasure | None:
    """Return what is known of an erasure."""
    row = await conn.fetchrow(QUERIES["read_erasure"], holder_id)
    return None if row is None else Erasure(**fields_of(Erasure, row) | {"counts": json.loads(row["counts"])})


async def objects_left(conn: Connection, holder_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Return how many sets of objects of erased holders are still in the bucket, where there are any."""
    return {row["holder_id"]: row["left"] for row in await conn.fetch(QUERIES["objects_left"], holder_ids)}


async def note_copy(conn: Connection, holder_id: UUID, actor: str, at: datetime) -> None:
    """Keep who takes a copy of everything about a holder."""
    await conn.execute(QUERIES["note_copy"], uuid7(), holder_id, actor, at)


async def read_all(conn: Connection, holder_id: UUID) -> dict[str, Any]:
    """Return everything that is kept about a holder, table by table, as it is kept."""
    document: dict[str, Any] = json.loads(await conn.fetchval(QUERIES["export_holder"], holder_id))
    return document
