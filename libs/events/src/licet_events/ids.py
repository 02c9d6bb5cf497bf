"""Identifiers: time-ordered ids for facts, name-based ids for what follows from them (RFC 9562)."""

import os
import time
from uuid import UUID, uuid5

NAMESPACE = UUID("6c1ce700-0000-5000-8000-6c6963657400")
"""The namespace of every derived id. Changing it would make every repetition look new."""


def uuid7() -> UUID:
    """Return a new UUIDv7: 48 bits of Unix milliseconds, then random bits (RFC 9562, 5.7).

    Uses machine time. Ids made in the same millisecond are in no particular order.
    """
    milliseconds = time.time_ns() // 1_000_000
    random = int.from_bytes(os.urandom(10), "big")
    return UUID(int=milliseconds << 80 | random & _RANDOM | _VERSION_AND_VARIANT)


_VERSION_AND_VARIANT = 0x7 << 76 | 0x2 << 62
_RANDOM = (1 << 80) - 1 & ~(0xF << 76 | 0x3 << 62)


def derived_id(kind: str, *parts: object) -> UUID:
    """Return the UUIDv5 of `kind` and `parts`: the same fact has the same id wherever it is told.

    `None` is written as an empty part. Parts must not contain a line feed; it separates them.
    """
    name = "\n".join([kind, *["" if part is None else str(part) for part in parts]])
    if name.count("\n") != len(parts):
        raise ValueError("a part of a derived id must not contain a line feed")
    return uuid5(NAMESPACE, name)


def schedule_event_id(
    credential_id: UUID, term_id: UUID | None, term_revision: int, kind: str, step: int | None
) -> UUID:
    """Return the id of a scheduler's decision: (credential, term, revision of the term, kind, step)."""
    return derived_id("schedule", credential_id, term_id, term_revision, kind, step)


def snapshot_event_id(aggregate: str, version: int, run: UUID) -> UUID:
    """Return the id of a backfill's snapshot: (aggregate, version, run)."""
    return derived_id("snapshot", aggregate, version, run)
