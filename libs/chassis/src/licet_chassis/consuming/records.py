"""A Kafka record as it was read, and the event that it decodes to."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from licet_events import EVENT_TYPES, Event, EventData, MalformedEvent, UnknownEventType, decode_event

Headers = tuple[tuple[str, bytes | None], ...]
_LONGEST_KEY = 512
"""Characters of a partition key in our tables; an index entry of PostgreSQL holds some 2,700 bytes."""


@dataclass(frozen=True, slots=True)
class Raw:
    """The bytes of a record and its position on the log."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    headers: Headers
    value: bytes | None

    @property
    def partition_key(self) -> str:
        """The key that orders and parks the record: `ce_partitionkey`, else its key, else its partition."""
        named = _header(self.headers, "ce_partitionkey")
        try:
            text = None if named is None else named.decode()
        except UnicodeDecodeError:
            text = None
        if text is None:
            text = self.key.decode("utf-8", "backslashreplace") if self.key else f"partition {self.partition}"
        if len(text) > _LONGEST_KEY:
            text = f"{text[:64]} sha256:{sha256(text.encode()).hexdigest()}"
        return storable(text)

    def flat_headers(self) -> list[bytes | None]:
        """Return name, value, name, value, …, as bytes: the form in which they are parked."""
        return [part for name, value in self.headers for part in (name.encode(), value)]


def storable(text: str) -> str:
    """Return the text as PostgreSQL can store it: NUL and lone surrogates are escaped."""
    return text.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()


def pair_headers(flat: Sequence[bytes | None]) -> Headers:
    """Return the headers that `Raw.flat_headers` wrote."""
    return tuple(((flat[i] or b"").decode(), flat[i + 1]) for i in range(0, len(flat), 2))


@dataclass(frozen=True, slots=True)
class Decoded:
    """A record with the event in it."""

    raw: Raw
    event: Event[Any]


@dataclass(frozen=True, slots=True)
class Undecodable:
    """A record that names a type of the contract and is no valid event of it."""

    raw: Raw
    error: str


def decode_raw(raw: Raw, wanted: frozenset[type[EventData]]) -> Decoded | Undecodable | None:
    """Decode a record; `None` for a type that is unknown or not wanted, whatever its bytes are."""
    try:
        name = _header(raw.headers, "ce_type")
        if name is not None and EVENT_TYPES.get(name.decode()) not in wanted:
            return None
        return Decoded(raw, decode_event(raw.headers, raw.key, raw.value))
    except UnknownEventType:
        return None
    except UnicodeDecodeError as error:
        return Undecodable(raw, f"header ce_type is not UTF-8: {error}")
    except MalformedEvent as error:
        return Undecodable(raw, str(error))


def _header(headers: Headers, wanted: str) -> bytes | None:
    found = None
    for name, value in headers:
        if name == wanted:
            found = value  # the last one counts, as in `attributes_of`
    return found
