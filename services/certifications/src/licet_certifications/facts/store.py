"""Facts in the database: what is newer is kept, and what counts for eligibility is noted as changed."""

import json
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from uuid import UUID

from licet_certifications.facts.model import TypeFacts
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events import Event
from licet_events.catalogue import (
    CredentialTypeEvent,
    CredentialTypeSnapshot,
    CredentialTypeState,
    LocationEvent,
    LocationSnapshot,
    LocationState,
)
from licet_events.credentials import CredentialEvent, CredentialMoved, CredentialSnapshot, CredentialState
from licet_events.holders import HolderEvent, HolderSnapshot, HolderState

QUERIES = load_queries(__package__)
_SNAPSHOTS = (HolderSnapshot, CredentialSnapshot, LocationSnapshot, CredentialTypeSnapshot)


async def learn_holders(conn: Connection, events: Sequence[Event[HolderEvent]]) -> None:
    """Take over the newest state of each holder."""
    rows = [
        _holder_row(event.data.holder) | _told_by(event)
        for event in _newest(events, key=lambda data: data.holder.id)
    ]
    await conn.execute(QUERIES["learn_holders"], json.dumps(rows))


async def learn_credentials(conn: Connection, events: Sequence[Event[CredentialEvent]]) -> None:
    """Take over the newest state of each credential."""
    rows = [
        _credential_row(event.data.credential) | _told_by(event)
        for event in _newest(events, key=lambda data: data.credential.id)
    ]
    await conn.execute(QUERIES["learn_credentials"], json.dumps(rows))


async def end_credentials(conn: Connection, events: Sequence[Event[CredentialMoved]]) -> None:
    """Forget those of the credentials that are still kept as those of the holder whom they have left."""
    rows = [
        {"id": str(event.data.credential_id), "holder_id": str(event.data.holder_id)} | _told_by(event)
        for event in events
    ]
    await conn.execute(QUERIES["end_credentials"], json.dumps(rows))


async def learn_locations(conn: Connection, events: Sequence[Event[LocationEvent]]) -> None:
    """Take over the newest state of each location."""
    rows = [
        _location_row(event.data.location) | _told_by(event)
        for event in _newest(events, key=lambda data: data.location.code)
    ]
    await conn.execute(QUERIES["learn_locations"], json.dumps(rows))


async def learn_types(conn: Connection, events: Sequence[Event[CredentialTypeEvent]]) -> None:
    """Take over what each credential type is called, and how it is issued, in its newest state."""
    rows = [
        _type_row(event.data.credential_type) | _told_by(event)
        for event in _newest(events, key=lambda data: data.credential_type.code)
    ]
    await conn.execute(QUERIES["learn_types"], json.dumps(rows))


async def find_type(conn: Connection, name: str) -> TypeFacts | None:
    """Return what is known of the credential type with that code or alias; `None` where nothing is."""
    row = await conn.fetchrow(QUERIES["find_type"], name)
    if row is None:
        return None
    return TypeFacts(row["code"], tuple(row["aliases"]), row["expires"], row["retired"])


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete what is known of a holder and its credentials."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


def _newest(events: Iterable[Event[Any]], *, key: Callable[[Any], object]) -> Iterable[Event[Any]]:
    # A statement may touch a row only once, and of a batch only the last state of a thing counts. Of
    # two that are equally new the snapshot counts, since it asks for more.
    newest: dict[object, Event[Any]] = {}
    for event in sorted(events, key=lambda one: (one.data.sequence or 0, type(one.data) in _SNAPSHOTS)):
        newest[key(event.data)] = event
    return newest.values()


def _told_by(event: Event[Any]) -> dict[str, Any]:
    return {
        "again": type(event.data) in _SNAPSHOTS,
        "correlation_id": event.correlation_id,
        "causation_id": str(event.id),
        "traceparent": event.traceparent,
    }


def _holder_row(state: HolderState) -> dict[str, Any]:
    targets = {f"role:{code}" for code in state.roles} | {f"queue:{code}" for code in state.queues}
    return {
        "id": str(state.id),
        "version": state.version,
        "active": state.active,
        "team": state.team,
        "location": state.location,
        # In a fixed order: the same roles told in another order are no change.
        "targets": sorted(targets),
    }


def _credential_row(state: CredentialState) -> dict[str, Any]:
    facts = state.model_dump(
        mode="json", include={"runs", "flags", "grace_days", "country", "subdivision", "voided"}
    )
    return {
        "id": str(state.id),
        "version": state.version,
        "holder_id": str(state.holder_id),
        "type": state.type,
        "facts": facts,
    }


def _type_row(state: CredentialTypeState) -> dict[str, Any]:
    return state.model_dump(
        mode="json", include={"code", "version", "aliases", "retired", "expires", "validity"}
    )


def _location_row(state: LocationState) -> dict[str, Any]:
    return {
        "code": state.code,
        "version": state.version,
        "country": state.country,
        "subdivision": state.subdivision,
    }
