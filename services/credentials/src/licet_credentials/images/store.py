"""SQL of stored objects and of views of originals."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.ids import uuid7

QUERIES = load_queries(__package__ or "")


class ObjectState(StrEnum):
    """Lifecycle of stored objects, in order."""

    WANTED = "wanted"
    REMOVING = "removing"
    REMOVED = "removed"
    """Removed once; removed again before they are forgotten, for bytes that arrived late."""


@dataclass(frozen=True, slots=True)
class StoredObjects:
    """The objects of one content: the original and its renditions."""

    sha256: str
    generation: int
    state: ObjectState


async def want_objects(conn: Connection, sha256: str, look_at: datetime) -> int:
    """Record the intent to store objects; returns their generation.

    If no image refers to them by `look_at` (machine time), they are collected. Must be committed before the
    objects are stored, so call it outside the transaction that records the image.
    """
    return int(await conn.fetchval(QUERIES["want_objects"], sha256, look_at))


async def claim_objects(conn: Connection, sha256: str, generation: int) -> bool:
    """Claim stored objects for an image that this transaction writes; returns whether they exist."""
    return bool(await conn.fetchval(QUERIES["claim_objects"], sha256, generation))


async def remove_image(conn: Connection, image_id: UUID, look_at: datetime) -> None:
    """Delete an image; unreferenced objects are collected after `look_at` (machine time)."""
    await conn.execute(QUERIES["remove_image"], image_id, look_at)


async def remove_images_of(conn: Connection, credential_ids: Sequence[UUID], look_at: datetime) -> None:
    await conn.execute(QUERIES["remove_images_of"], credential_ids, look_at)


async def hold_due_objects(conn: Connection, now: datetime) -> StoredObjects | None:
    """Lock and return the next due objects."""
    row = await conn.fetchrow(QUERIES["hold_due_objects"], now)
    return None if row is None else StoredObjects(row["sha256"], row["generation"], ObjectState(row["state"]))


async def are_wanted(conn: Connection, objects: StoredObjects) -> bool:
    return bool(await conn.fetchval(QUERIES["objects_wanted"], objects.sha256, objects.generation))


async def set_objects(
    conn: Connection, objects: StoredObjects, state: ObjectState, look_at: datetime | None
) -> None:
    await conn.execute(QUERIES["set_objects"], objects.sha256, objects.generation, state, look_at)


async def forget_objects(conn: Connection, objects: StoredObjects) -> None:
    await conn.execute(QUERIES["forget_objects"], objects.sha256, objects.generation)


async def count_leaving(conn: Connection) -> int:
    return int(await conn.fetchval(QUERIES["count_leaving"]))


@dataclass(frozen=True, slots=True)
class View:
    """A view of an original."""

    id: UUID
    actor: str
    at: datetime


async def note_view(conn: Connection, credential_id: UUID, image_id: UUID, actor: str, at: datetime) -> None:
    await conn.execute(QUERIES["note_view"], uuid7(), credential_id, image_id, actor, at)


async def read_views(
    conn: Connection, credential_id: UUID, image_id: UUID, after: UUID | None, limit: int
) -> list[View]:
    rows = await conn.fetch(QUERIES["read_views"], credential_id, image_id, after, limit)
    return [View(row["id"], row["actor"], row["at"]) for row in rows]
