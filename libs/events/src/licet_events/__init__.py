"""The event contract of Licet: models of every event, the CloudEvents codec, civil dates, ids, topics."""

from licet_events.event import (
    Event,
    EventData,
    MalformedEvent,
    Record,
    UnknownEventType,
    encode,
)
from licet_events.topics import Topic
from licet_events.types import EVENT_TYPES, decode_event

__all__ = [
    "EVENT_TYPES",
    "Event",
    "EventData",
    "MalformedEvent",
    "Record",
    "Topic",
    "UnknownEventType",
    "decode_event",
    "encode",
]
