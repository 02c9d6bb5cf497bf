"""An event and its way onto the wire: CloudEvents 1.0, Kafka protocol binding, binary mode.

Attributes travel in `ce_*` headers, the data as JSON in the value. A null value ends its key, and
the type in the headers says why.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Annotated, ClassVar, Generic, Self, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, ValidationError

from licet_events.ids import derived_id, uuid7
from licet_events.topics import Topic

Headers = tuple[tuple[str, bytes], ...]

_SPECVERSION = ("ce_specversion", b"1.0")
_JSON = ("content-type", b"application/json")


def _utc(instant: datetime) -> datetime:
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("lies outside the years 1 to 9999 in UTC") from error


Instant = Annotated[AwareDatetime, AfterValidator(_utc)]
"""An instant, always in UTC; RFC 3339 on the wire."""


class Model(BaseModel):
    """A part of an event's data. Readers ignore fields they do not know, so that writers may add some."""

    model_config = ConfigDict(frozen=True, extra="ignore", populate_by_name=True)


class EventData(Model):
    """What an event says. A subclass with an `event_type` is a type of the contract."""

    event_type: ClassVar[str]
    """Such as `licet.credential.renewed.v1`."""
    topic: ClassVar[Topic]
    """Where it is published."""
    tombstone: ClassVar[bool] = False
    """Whether its value on the wire is null. Such an event says all it has to say in its key."""

    @property
    def destination(self) -> Topic:
        """The topic it goes to: its type's, but for types that occur on several topics."""
        return self.topic

    @classmethod
    def topics(cls) -> frozenset[Topic]:
        """Return every topic on which the type occurs."""
        return frozenset({cls.topic})

    @property
    def key(self) -> str:
        """The record key: the path of the aggregate, so that compaction keeps its last state."""
        raise NotImplementedError

    @property
    def partition_key(self) -> str:
        """What decides the partition and the order: the holder's id wherever there is a holder."""
        return self.key.split("/", 1)[0]

    @property
    def subject(self) -> str:
        """The id of the thing the event is about."""
        return self.key.rsplit("/", 1)[-1]

    @property
    def sequence(self) -> int | None:
        """The version of the aggregate after the event; `None` where the event is not a state."""
        return None

    @classmethod
    def of_key(cls, key: str, sequence: int | None) -> Self:
        """Rebuild a tombstone's data from its record key and `ce_sequence`, which old ones do not have.

        Only types with `tombstone` have it.
        """
        raise NotImplementedError


D_co = TypeVar("D_co", bound=EventData, covariant=True)


@dataclass(frozen=True, slots=True)
class Event(Generic[D_co]):
    """One event with its CloudEvents attributes."""

    data: D_co
    id: UUID
    source: str
    """Which service tells it, such as `/licet/credentials`."""
    time: datetime
    """Business time at which it happened."""
    recorded_time: datetime
    """Machine time at which it was written."""
    correlation_id: str
    causation_id: str | None = None
    traceparent: str | None = None

    @classmethod
    def of(
        cls,
        data: D_co,  # type: ignore[misc]  # a constructor may take what the class only gives out
        *,
        source: str,
        time: datetime,
        recorded_time: datetime,
        correlation_id: str,
        causation_id: str | None = None,
        traceparent: str | None = None,
        id: UUID | None = None,
    ) -> "Event[D_co]":
        """Make an event; without an `id` it is a new fact and gets a UUIDv7."""
        return cls(
            data, id or uuid7(), source, time, recorded_time, correlation_id, causation_id, traceparent
        )


@dataclass(frozen=True, slots=True)
class Record:
    """An event as it is on Kafka."""

    topic: str
    key: bytes
    partition_key: str
    headers: Headers
    value: bytes | None

    @property
    def size(self) -> int:
        """Bytes of key, headers and value: what counts against the topic's limit, without framing."""
        return (
            len(self.key)
            + len(self.value or b"")
            + sum(len(name.encode()) + len(value) for name, value in self.headers)
        )


class MalformedEvent(Exception):
    """The bytes are not an event of this contract; the message says what is wrong and where."""


class UnknownEventType(Exception):
    """The type is none that this version of the contract knows. Readers pass such events over."""

    def __init__(self, event_type: str) -> None:
        super().__init__(f"the type {event_type!r} is not known to this version of licet-events")
        self.event_type = event_type


def encode(event: Event[EventData]) -> Record:
    """Return the event as the record that goes onto Kafka."""
    data = event.data
    partition_key, sequence = data.partition_key, data.sequence
    type_header, schema_header = _headers_of_type(data.event_type)
    headers = [
        _SPECVERSION,
        ("ce_id", str(event.id).encode()),
        ("ce_source", event.source.encode()),
        type_header,
        ("ce_subject", data.subject.encode()),
        ("ce_time", _rfc3339(event.time)),
        schema_header,
        ("ce_partitionkey", partition_key.encode()),
    ]
    if sequence is not None:
        headers.append(("ce_sequence", b"%020d" % sequence))
    headers.append(("ce_correlationid", event.correlation_id.encode()))
    if event.causation_id is not None:
        headers.append(("ce_causationid", event.causation_id.encode()))
    headers.append(("ce_recordedtime", _rfc3339(event.recorded_time)))
    if event.traceparent is not None:
        headers.append(("ce_traceparent", event.traceparent.encode()))
    value = None
    if not data.tombstone:
        headers.append(_JSON)
        value = data.model_dump_json(by_alias=True).encode()
    return Record(data.destination, data.key.encode(), partition_key, tuple(headers), value)


@lru_cache
def _headers_of_type(event_type: str) -> tuple[tuple[str, bytes], tuple[str, bytes]]:
    return ("ce_type", event_type.encode()), ("ce_dataschema", schema_uri(event_type).encode())


def schema_uri(event_type: str) -> str:
    """Return the `dataschema` of a type: the name of its JSON Schema in this package."""
    return f"urn:licet:schema:{event_type}"


def attributes_of(headers: Iterable[tuple[str, bytes | None]]) -> dict[str, str]:
    """Return the CloudEvents attributes in Kafka headers; raises `MalformedEvent` if one is not UTF-8."""
    attributes = {}
    for name, value in headers:
        if name.startswith("ce_"):
            if value is None:
                raise MalformedEvent(f"header {name} is null")
            try:
                attributes[name[3:]] = value.decode()
            except UnicodeDecodeError as error:
                raise MalformedEvent(f"header {name} is not UTF-8: {error}") from None
    return attributes


def decode(
    types: Mapping[str, type[EventData]],
    headers: Iterable[tuple[str, bytes | None]],
    key: bytes | None,
    value: bytes | None,
) -> Event[EventData]:
    """Return the event that a record carries, as one of `types` (by `ce_type`).

    Raises `UnknownEventType` where the type is none of them, `MalformedEvent` where a known type
    does not decode. Both keep the record for whoever called.
    """
    attributes = attributes_of(headers)
    event_type = attributes.get("type")
    if event_type is None:
        raise MalformedEvent("header ce_type is missing; this is not a CloudEvent in binary mode")
    if attributes.get("specversion") != "1.0":
        raise MalformedEvent(f"ce_specversion is {attributes.get('specversion')!r}, expected '1.0'")
    model = types.get(event_type)
    if model is None:
        raise UnknownEventType(event_type)
    data = _tombstone(model, key, attributes.get("sequence")) if model.tombstone else _data(model, value)
    return _event(data, attributes)


def _tombstone(model: type[EventData], key: bytes | None, sequence: str | None) -> EventData:
    try:
        return model.of_key((key or b"").decode(), None if sequence is None else int(sequence))
    except UnicodeDecodeError as error:
        raise MalformedEvent(f"the key of {model.event_type} is not UTF-8: {error}") from None
    except ValueError as error:
        raise MalformedEvent(f"key or ce_sequence of {model.event_type} does not decode: {error}") from None


def _data(model: type[EventData], value: bytes | None) -> EventData:
    if value is None:
        raise MalformedEvent(f"{model.event_type} has a null value, expected JSON")
    try:
        return model.model_validate_json(value)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        pointer = "/" + "/".join(str(part) for part in first["loc"])
        raise MalformedEvent(
            f"{model.event_type} does not decode at {pointer}: {first['msg']} ({error.error_count()} errors)"
        ) from None


def _event(data: EventData, attributes: Mapping[str, str]) -> Event[EventData]:
    try:
        return Event(
            data=data,
            id=_id(attributes["id"], attributes["source"]),
            source=attributes["source"],
            time=_instant(attributes["time"]),
            recorded_time=_instant(attributes.get("recordedtime", attributes["time"])),
            correlation_id=attributes.get("correlationid", attributes["id"]),
            causation_id=attributes.get("causationid"),
            traceparent=attributes.get("traceparent"),
        )
    except KeyError as error:
        raise MalformedEvent(f"header ce_{error.args[0]} is missing") from None
    except ValueError as error:
        raise MalformedEvent(f"a ce_ header does not decode: {error}") from None


def _id(text: str, source: str) -> UUID:
    """Return the event's id; of one that is no UUID, as other systems' may be, a UUIDv5 of source and id."""
    try:
        return UUID(text)
    except ValueError:
        return derived_id("event", *(part.replace("\n", " ") for part in (source, text)))


@lru_cache
def _rfc3339(instant: datetime) -> bytes:
    if instant.tzinfo is None:
        raise ValueError(f"{instant} has no offset; an event's times are instants")
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z").encode()


def _instant(text: str) -> datetime:
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError(f"{text!r} has no offset")
    return _utc(instant)
