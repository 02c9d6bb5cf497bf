"""What tests see of the outbox: its rows as the events that they will be."""

from typing import Any

from licet_chassis.outbox.headers import unpack_headers
from licet_events import Event, decode_event


def published_event(row: Any) -> Event[Any]:
    """Return the event in a row of the outbox (its columns headers, record_key and value)."""
    return decode_event(unpack_headers(row["headers"]), row["record_key"], row["value"])
