"""What lies in the bucket, and who looked at it, in the database."""

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
    """What is meant to become of objects; each follows the one before."""

    WANTED = "wanted"
    REMOVING = "removing"
    REMOVED = "removed"
    """Once; they are removed again before they are forgotten, for what arrived late."""


@dataclass(frozen=True, slots=True)
class StoredObjects:
    """The objects of one content in the bucket: the original and its renditions."""

    sha256: str
    generation: int
    state: ObjectState


async def want_objects(conn: Connection, sha256: str, look_at: datetime) -> int:
    """Note, before anything is stored, that objects of a content will be; returns their generation.

    If no image refers to them by `look_at` (machine time), they are collected. Takes effect at once, so
    not to be called in the transaction that stores the image.
    """
    return int(await conn.fetchval(QUERIES["want_objects"], sha256, look_at))


async def claim_objects(conn: Connection, sha256: str, generation: int) -> bool:
    """Hold stored objects for an image that the transaction is about to write; whether they are there."""
    return bool(await conn.fetchval(QUERIES["claim_objects"], sha256, generation))


async def remove_image(conn: Connection, image_id: UUID, look_at: datetime) -> None:
    """Remove an image; its objects are collected from `look_at` (machine time) if no other refers to them."""
    await conn.execute(QUERIES["remove_image"], image_id, look_at)


async def remove_images_of(conn: Connection, credential_ids: Sequence[UUID], look_at: datetime) -> None:
    """Remove all images of credentials, as `remove_image` does one."""
    await conn.execute(QUERIES["remove_images_of"], credential_ids, look_at)


async def hold_due_objects(conn: Connection, now: datetime) -> StoredObjects | None:
    """Return the next objects to look at, held until the transaction ends."""
    row = await conn.fetchrow(QUERIES["hold_due_objects"], now)
    return None if row is None else StoredObjects(row["sha256"], row["generation"], ObjectState(row["state"]))


async def are_wanted(conn: Connection, objects: StoredObjects) -> bool:
    """Whether any image refers to objects that the transaction holds."""
    return bool(await conn.fetchval(QUERIES["objects_wanted"], objects.sha256, objects.generation))


async def set_objects(
    conn: Connection, objects: StoredObjects, state: ObjectState, look_at: datetime | None
) -> None:
    """Put objects into a state, and say when to look at them again."""
    await conn.execute(QUERIES["set_objects"], objects.sha256, objects.generation, state, look_at)


async def forget_objects(conn: Connection, objects: StoredObjects) -> None:
    """Forget objects that are gone."""
    await conn.execute(QUERIES["forget_objects"], objects.sha256, objects.generation)


async def count_leaving(conn: Connection) -> int:
    """Return how many sets of objects no image has claimed, or which are being removed."""
    return int(await conn.fetchval(QUERIES["count_leaving"]))


@dataclass(frozen=True, slots=True)
class View:
    """That somebody was given an original to look at."""

    id: UUID
    actor: str
    at: datetime


async def note_view(conn: Connection, credential_id: UUID, image_id: UUID, actor: str, at: datetime) -> None:
    """Keep that somebody is given an original to look at."""
    await conn.execute(QUERIES["note_view"], uuid7(), credential_id, image_id, actor, at)


async def read_views(
    conn: Connection, credential_id: UUID, image_id: UUID, after: UUID | None, limit: int
) -> list[View]:
    """Return who looked at the original of an image, oldest first, after that view."""
    rows = await conn.fetch(QUERIES["read_views"], credential_id, image_id, after, limit)
    return [View(row["id"], row["actor"], row["at"]) for row in rows]
