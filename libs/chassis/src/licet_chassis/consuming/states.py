"""Reduces a batch of events to what a projection has to write: the newest state of each key, and its end."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, TypeVar

from licet_events import Event

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


def newest(items: Iterable[T], *, key: Callable[[T], K], rank: Callable[[T], Any]) -> dict[K, T]:
    """Return for each key the item of the highest rank; of equal ranks the last one.

    An upsert may touch a row only once per statement, so a batch is reduced before it is written. The
    result is in the order of the keys: transactions that lock several rows lock them in the same order.
    """
    found: dict[K, T] = {}
    for item in items:
        known = found.get(key(item))
        if known is None or rank(known) <= rank(item):
            found[key(item)] = item
    return dict(sorted(found.items()))


def split_tombstones(events: Iterable[Event[Any]]) -> tuple[list[Event[Any]], list[Event[Any]]]:
    """Return the states of a batch that no tombstone followed, and the tombstones that no state followed.

    The events come as a projection gets them: in order for each partition key. The two lists do not touch
    the same record key, so it does not matter which is applied first. A thing that lives on under another
    key, in another partition, is for the caller to mind.
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
