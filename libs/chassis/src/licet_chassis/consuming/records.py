"""A Kafka record as it was read, and what it decodes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from licet_events import EVENT_TYPES, Event, EventData, MalformedEvent, UnknownEventType, decode_event
from licet_events.event import attributes_of


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of a record and where it stood."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: tuple[tuple[str, bytes], ...]
    value: bytes | None

    @property
    def partition_key(self) -> str:
        """By what the record is ordered and parked: `ce_partitionkey`, else its key, else its partition."""
        try:
            text = attributes_of(self.headers).get("partitionkey")
        except MalformedEvent:
            text = None
        if text is None:
            text = self.key.decode("utf-8", "backslashreplace") if self.key else f"partition {self.partition}"
        return text.replace("\0", "\\0")  # PostgreSQL's text holds every character but this one

    def flat_headers(self) -> list[bytes]:
        """Return name, value, name, value, …, as bytes: the form in which they are parked."""
        return [part for name, value in self.headers for part in (name.encode(), value)]


def pair_headers(flat: Sequence[bytes]) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that `Raw.flat_headers` wrote."""
    return tuple((flat[i].decode(), flat[i + 1]) for i in range(0, len(flat), 2))


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record with the event in it."""

    raw: Raw
    event: Event[Any]


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record that is no event of the contract, though it says that it is."""

    raw: Raw
    error: str


def decode_raw(raw: Raw, wanted: frozenset[type[EventData]]) -> Decoded | Undecodable | None:
    """Decode a record; `None` for a type that is unknown or not wanted, whatever its bytes are."""
    try:
        name = attributes_of(raw.headers).get("type")
        if name is not None and EVENT_TYPES.get(name) not in wanted:
            return None
        return Decoded(raw, decode_event(raw.headers, raw.key, raw.value))
    except UnknownEventType:
        return None
    except MalformedEvent as error:
        return Undecodable(raw, str(error))
