"""The CloudEvents attributes of our records, described once for every document."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Attribute:
    """A header of a record."""

    header: str
    meaning: str
    required: bool = True
    format: str | None = None
    pattern: str | None = None

    def schema(self) -> dict[str, Any]:
        """Return the JSON Schema of its text."""
        schema: dict[str, Any] = {"type": "string", "description": self.meaning}
        if self.format:
            schema["format"] = self.format
        if self.pattern:
            schema["pattern"] = self.pattern
        return schema


ATTRIBUTES = (
    Attribute("ce_specversion", "The version of CloudEvents: 1.0.", pattern="^1\\.0$"),
    Attribute(
        "ce_id",
        "Identifies the event: a UUIDv7 for a new fact, a UUIDv5 of the fact for what follows from one. A "
        "repetition has the same id.",
        format="uuid",
    ),
    Attribute(
        "ce_source", "The service that tells it, such as `/licet/credentials`.", format="uri-reference"
    ),
    Attribute("ce_type", "The type, with its version: `licet.<thing>.<what happened>.v<n>`."),
    Attribute("ce_subject", "The id of the thing the event is about."),
    Attribute("ce_time", "Business time at which it happened.", format="date-time"),
    Attribute(
        "ce_dataschema",
        "Where the JSON Schema of the value is; `urn:licet:schema:<type>` where none is named.",
        format="uri",
    ),
    Attribute(
        "ce_partitionkey",
        "What the partition is computed from (murmur2, Kafka's default partitioner); events with the same "
        "one are in order on their topic.",
    ),
    Attribute(
        "ce_sequence",
        "The version of the aggregate after the event, padded with zeros to 20 digits. On events that carry a"
        " state and on those that end a key; an erasure has the largest there is.",
        required=False,
        pattern="^[0-9]{20}$",
    ),
    Attribute("ce_correlationid", "The same on everything that followed from one request."),
    Attribute("ce_causationid", "The id of the event it followed from.", required=False),
    Attribute("ce_recordedtime", "Machine time at which it was written.", format="date-time"),
    Attribute("ce_traceparent", "The W3C trace context of whoever caused it.", required=False),
    Attribute("content-type", "`application/json`; absent where the value is null.", required=False),
)
"""Every header that the codec writes, in its order."""
