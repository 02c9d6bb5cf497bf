"""Erasures, and the texts by which a person is found in records without an id."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

SHORTEST_TEXT = 4
"""Characters. A shorter text, such as a two-letter name, would match too many records of others."""
SHORTEST_IN_ANSWERS = 8
"""The same for stored answers: one deleted by mistake is lost to the client that repeats its request."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """An erasure; in a dry run, what it would delete."""

    holder_id: UUID
    erased_at: datetime | None
    """Business time; `None` in a dry run."""
    actor: str
    reason: str
    counts: Mapping[str, int]
    """Records by kind. `events` stay, as bare types and dates."""


def identifying_texts(texts: Iterable[str | None], shortest: int = SHORTEST_TEXT) -> list[str]:
    """Return the distinct texts that are long enough to identify a person."""
    return sorted({text for text in texts if text is not None and len(text.strip()) >= shortest})
