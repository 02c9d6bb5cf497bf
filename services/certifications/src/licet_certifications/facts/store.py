"""Projection of holders, credentials and the catalogue; an upsert also queues what has to be recomputed."""

import json
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from licet_certifications.facts.identity import email_key, external_key
from licet_certifications.facts.model import TypeFacts
from licet_chassis.connection import Connection
from licet_chassis.consuming.states import newest
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
from licet_events.credentials import (
    CredentialEvent,
    CredentialMoved,
    CredentialSnapshot,
    CredentialState,
    CredentialStatusChanged,
)
from licet_events.holders import HolderEvent, HolderSnapshot, HolderState
from licet_events.sameness import target_of

QUERIES = load_queries(__package__)
_SNAPSHOTS = (HolderSnapshot, CredentialSnapshot, LocationSnapshot, CredentialTypeSnapshot)


async def upsert_holders(conn: Connection, events: Sequence[Event[HolderEvent]]) -> None:
    """Keep the newest state of each holder."""
    rows = [
        _holder_row(event.data.holder) | _told_by(event)
        for event in _newest(events, key=lambda event: event.data.holder.id)
    ]
    await conn.execute(QUERIES["upsert_holders"], json.dumps(rows))


async def upsert_credentials(conn: Connection, events: Sequence[Event[CredentialEvent]]) -> None:
    """Keep the newest state of each credential."""
    changed_at = _changed_at(events)
    rows = [
        _credential_row(event.data.credential)
        | _told_by(event)
        | {"changed_at": changed_at.get(event.data.credential.id)}
        for event in _newest(events, key=lambda event: event.data.credential.id)
    ]
    await conn.execute(QUERIES["upsert_credentials"], json.dumps(rows))


async def end_credentials(conn: Connection, events: Sequence[Event[CredentialMoved]]) -> None:
    """Forget those of the credentials that are still kept as those of the holder whom they have left."""
    rows = [
        {"id": str(event.data.credential_id), "holder_id": str(event.data.holder_id)} | _told_by(event)
        for event in events
    ]
    await conn.execute(QUERIES["end_credentials"], json.dumps(rows))


async def upsert_locations(conn: Connection, events: Sequence[Event[LocationEvent]]) -> None:
    """Keep the newest state of each location."""
    rows = [
        _location_row(event.data.location) | _told_by(event)
        for event in _newest(events, key=lambda event: event.data.location.code)
    ]
    await conn.execute(QUERIES["upsert_locations"], json.dumps(rows))


async def upsert_types(conn: Connection, events: Sequence[Event[CredentialTypeEvent]]) -> None:
    """Keep what each credential type is called, declares, and how it is issued, in its newest state."""
    rows = [
        _type_row(event.data.credential_type) | _told_by(event)
        for event in _newest(events, key=lambda event: event.data.credential_type.code)
    ]
    await conn.execute(QUERIES["upsert_types"], json.dumps(rows))


async def find_type(conn: Connection, name: str) -> TypeFacts | None:
    """Return what is known of the credential type with that code or alias; `None` where nothing is."""
    row = await conn.fetchrow(QUERIES["find_type"], name)
    if row is None:
        return None
    return TypeFacts(row["code"], tuple(row["aliases"]), row["expires"], row["retired"])


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a holder belongs, which decides who may see it, and what it is called."""

    team: str | None
    location: str | None
    name: str | None
    """`None` where none has been learned yet."""


async def read_placements(conn: Connection, holder_ids: Collection[UUID]) -> dict[UUID, Placement]:
    """Return where those of the holders belong that are known."""
    rows = await conn.fetch(QUERIES["read_placements"], sorted(holder_ids))
    return {row["id"]: Placement(row["team"], row["location"], row["name"]) for row in rows}


async def read_zone(conn: Connection, location: str) -> str | None:
    """Return the zone of a location; `None` where nobody has said it, as for `*`."""
    zone: str | None = await conn.fetchval(QUERIES["read_zone"], location)
    return zone


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete what is known of a holder and its credentials."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


def _newest(events: Iterable[Event[Any]], *, key: Callable[[Event[Any]], Any]) -> Iterable[Event[Any]]:
    # Of two states that are equally new the snapshot counts, since it asks for more: to be published again.
    return newest(
        events, key=key, rank=lambda event: (event.data.sequence or 0, type(event.data) in _SNAPSHOTS)
    ).values()


def _changed_at(events: Iterable[Event[CredentialEvent]]) -> dict[UUID, str]:
    """Return when each record last changed; neither time nor a repeated state changes a record."""
    return {
        event.data.credential.id: event.time.isoformat()
        for event in events
        if not isinstance(event.data, CredentialSnapshot | CredentialStatusChanged)
    }


def _told_by(event: Event[Any]) -> dict[str, Any]:
    return {
        "again": type(event.data) in _SNAPSHOTS,
        "told_at": event.time.isoformat(),
        "correlation_id": event.correlation_id,
        "causation_id": str(event.id),
        "traceparent": event.traceparent,
    }


def _holder_row(state: HolderState) -> dict[str, Any]:
    targets = {target_of("role", code) for code in state.roles}
    targets |= {target_of("queue", code) for code in state.queues}
    return {
        "id": str(state.id),
        "version": state.version,
        "active": state.active,
        "team": state.team,
        "location": state.location,
        "name": state.name,
        # In a fixed order: the same roles told in another order are no change.
        "targets": sorted(targets),
        "external_key": None if state.external_id is None else external_key(state.external_id),
        "email_key": None if state.email is None else email_key(state.email),
        "merged_into": None if state.merged_into is None else str(state.merged_into),
    }


def _credential_row(state: CredentialState) -> dict[str, Any]:
    facts = state.model_dump(
        mode="json",
        include=dict.fromkeys(
            ("runs", "flags", "grace_days", "country", "subdivision", "voided", "issuer", "attributes"), True
        )
        | {"verification": {"checked_at", "result", "valid_until"}},
    )
    return {
        "id": str(state.id),
        "version": state.version,
        "holder_id": str(state.holder_id),
        "type": state.type,
        "number": state.number,
        "facts": facts,
    }


def _type_row(state: CredentialTypeState) -> dict[str, Any]:
    return state.model_dump(
        mode="json", include={"code", "version", "aliases", "retired", "expires", "validity", "attributes"}
    )


def _location_row(state: LocationState) -> dict[str, Any]:
    return {
        "code": state.code,
        "version": state.version,
        "country": state.country,
        "subdivision": state.subdivision,
        "time_zone": state.time_zone,
    }
