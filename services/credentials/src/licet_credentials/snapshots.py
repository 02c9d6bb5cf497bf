"""Snapshots of everything that the service owns, for a backfill."""

from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Any, TypeVar

from licet_chassis.backfill import Snapshots
from licet_chassis.connection import Connection
from licet_chassis.erasure import list_erased
from licet_credentials.credentials import state as credential_state
from licet_credentials.credentials import store as credential_store
from licet_credentials.holders import model as holder_model
from licet_credentials.holders import store as holder_store
from licet_credentials.places import store as place_store
from licet_credentials.places.model import KINDS
from licet_credentials.types import model as type_model
from licet_credentials.types import store as type_store
from licet_events import EventData, Topic
from licet_events.catalogue import CredentialTypeSnapshot
from licet_events.credentials import CredentialSnapshot
from licet_events.holders import HolderErased, HolderSnapshot

T = TypeVar("T")


def _pages(
    name: str,
    topic: Topic,
    read: Callable[[Connection, Any, int], Awaitable[Sequence[T]]],
    snapshot: Callable[[T], EventData],
    cursor_of: Callable[[T], Any],
) -> Snapshots:
    async def page(conn: Connection, after: Any, limit: int) -> tuple[list[EventData], Any]:
        rows = await read(conn, after, limit)
        following = cursor_of(rows[-1]) if len(rows) == limit else None
        return [snapshot(row) for row in rows], following

    return Snapshots(name, topic, page)


SNAPSHOTS = (
    *(
        _pages(
            f"{kind.name}s",
            Topic.CATALOGUE,
            partial(place_store.lock_places_after, kind=kind),
            kind.snapshot_event,
            lambda place: place.code,
        )
        for kind in KINDS
    ),
    _pages(
        "credential_types",
        Topic.CATALOGUE,
        type_store.lock_types_after,
        lambda row: CredentialTypeSnapshot(credential_type=type_model.state_of(row)),
        lambda row: row.code,
    ),
    # Before holders: a subscriber that missed an erasure should forget the holder as early as possible.
    _pages(
        "erased_holders",
        Topic.HOLDERS,
        list_erased,
        lambda row: HolderErased(holder_id=row.holder_id),
        lambda row: row.holder_id,
    ),
    _pages(
        "holders",
        Topic.HOLDERS,
        holder_store.lock_holders_after,
        lambda row: HolderSnapshot(holder=holder_model.state_of(row)),
        lambda row: row.id,
    ),
    _pages(
        "credentials",
        Topic.CREDENTIALS,
        credential_store.lock_credentials_after,
        lambda row: CredentialSnapshot(credential=credential_state.state_of(row)),
        lambda row: row.id,
    ),
)
