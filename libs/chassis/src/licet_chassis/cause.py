"""The cause of a change: its actor, correlation id, causing event and trace."""

import re
import secrets
from dataclasses import dataclass
from typing import Any

from licet_events import Event
from licet_events.ids import uuid7

_TRACEPARENT = re.compile(
    r"(?P<version>[0-9a-f]{2})-(?P<trace>[0-9a-f]{32})-(?P<parent>[0-9a-f]{16})-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why a transaction runs; every event published in it carries this."""

    actor: str
    """A code and an id: `user:<subject>` or `service:<name>`. Never a person's name or address."""
    correlation_id: str
    """The same for everything that follows from one request or one timer."""
    causation_id: str | None = None
    """The id of the event that led to this, if one did."""
    traceparent: str | None = None
    """W3C trace context: the span in which the change is made."""

    @classmethod
    def new(cls, actor: str) -> "Cause":
        """Return a cause with a correlation id of its own, for what no request and no event led to."""
        return cls(actor, str(uuid7()), None, new_traceparent())

    @classmethod
    def of_event(cls, event: Event[Any], actor: str) -> "Cause":
        """Return a cause with the event's correlation id, the event as its causation, and a new span."""
        return cls(actor, event.correlation_id, str(event.id), child_traceparent(event.traceparent))


def new_traceparent() -> str:
    """Return a `traceparent` that begins a trace (W3C Trace Context, version 00, not sampled)."""
    return f"00-{secrets.token_hex(16)}-{_span_id()}-00"


def child_traceparent(parent: str | None) -> str:
    """Return a `traceparent` for a new span in the trace of `parent`.

    One that is absent or not well-formed begins a new trace, as the recommendation asks.
    """
    parts = _parts(parent)
    return new_traceparent() if parts is None else f"00-{parts['trace']}-{_span_id()}-{parts['flags']}"


def trace_id(traceparent: str | None) -> str | None:
    """Return the trace id in a `traceparent`; `None` where it is absent or not well-formed."""
    parts = _parts(traceparent)
    return None if parts is None else parts["trace"]


def _parts(traceparent: str | None) -> re.Match[str] | None:
    found = _TRACEPARENT.fullmatch(traceparent) if traceparent else None
    if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
        return None
    return None if set(found["trace"]) == {"0"} or set(found["parent"]) == {"0"} else found


def _span_id() -> str:
    # All zeros means "no span"; the chance is 2 to the -64, and the answer costs nothing.
    return secrets.token_hex(8).replace("0" * 16, "0" * 15 + "1")
