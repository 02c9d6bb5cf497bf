"""What is told of an erasure, and by which texts a person is found where no id stands."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

SHORTEST_TEXT = 4
"""Characters. A shorter one, such as a two-letter name, stands in too much that is others'."""
SHORTEST_IN_ANSWERS = 8
"""The same of a text in a kept answer: one taken for another's is lost to who sends its request again."""


@dataclass(frozen=True, slots=True)
class Erasure:
    """What was erased, or would be."""

    holder_id: UUID
    erased_at: datetime | None
    """Business time; `None` where it was only tried."""
    actor: str
    reason: str
    counts: Mapping[str, int]
    """How much was kept, by what it was. `events` stay, as bare types and dates."""


def telling_texts(texts: Iterable[str | None], shortest: int = SHORTEST_TEXT) -> list[str]:
    """Return those of the texts that are long enough to tell one person from others, each once."""
    return sorted({text for text in texts if text is not None and len(text.strip()) >= shortest})
