"""What a batch says of each key in the end: a null value ends its key, as compaction will have it."""

from collections.abc import Iterable
from typing import Any

from licet_events import Event


def without_ended(events: Iterable[Event[Any]]) -> tuple[list[Event[Any]], list[Event[Any]]]:
    """Return the states of a batch that nothing ended, and the tombstones that no state followed.

    The events come as a projection gets them: in order for each partition key. The two do not touch
    the same record key, so it does not matter which is applied first; that the thing may live on
    under another key, which is in another partition, is for the caller to mind.
    """
    states: dict[str, list[Event[Any]]] = {}
    ended: dict[str, Event[Any]] = {}
    for event in events:
        key = event.data.key
        if event.data.tombstone:
            states.pop(key, None)
            ended[key] = event
        else:
            states.setdefault(key, []).append(event)
            ended.pop(key, None)
    return [event for several in states.values() for event in several], list(ended.values())
