"""What a holder is."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from licet_credentials.errors import Conflict, Invalid
from licet_events.holders import HolderKind, HolderState

Attribute = str | int | bool


@dataclass(frozen=True, slots=True)
class Holder:
    """A person or vendor that has credentials."""

    id: UUID
    version: int
    kind: HolderKind
    external_id: str | None
    name: str
    email: str | None
    phone: str | None
    time_zone: str | None
    locale: str | None
    team: str | None
    location: str | None
    manager_id: UUID | None
    awaited_manager: str | None
    """The external id of a manager who is not known yet."""
    roles: tuple[str, ...]
    queues: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    active: bool
    created_at: datetime
    updated_at: datetime


FACTS = (
    "kind",
    "external_id",
    "name",
    "email",
    "phone",
    "time_zone",
    "locale",
    "team",
    "location",
    "manager_id",
    "awaited_manager",
    "roles",
    "queues",
    "attributes",
)
"""What may be said about a holder by whoever enters or updates it."""


def changed_fields(before: Holder, after: Holder) -> tuple[str, ...]:
    """Return the names of the facts in which the two differ."""
    return tuple(name for name in FACTS if getattr(before, name) != getattr(after, name))


def checked(holder: Holder) -> Holder:
    """Return the holder; raises `Invalid` where it is its own manager."""
    if holder.manager_id == holder.id:
        raise Invalid("A holder cannot be their own manager.", pointer="/manager_id")
    return holder


def set_active(holder: Holder, now: datetime, *, active: bool) -> Holder:
    """Return the holder one version later, active or not; raises `Conflict` where it is so already."""
    if holder.active is active:
        raise Conflict(f"The holder is {'active' if active else 'inactive'} already.")
    return replace(holder, active=active, version=holder.version + 1, updated_at=now)


def state_of(holder: Holder) -> HolderState:
    """Return the holder as the contract tells it."""
    return HolderState(
        id=holder.id,
        version=holder.version,
        kind=holder.kind,
        external_id=holder.external_id,
        name=holder.name,
        email=holder.email,
        phone=holder.phone,
        time_zone=holder.time_zone,
        locale=holder.locale,
        team=holder.team,
        location=holder.location,
        manager_id=holder.manager_id,
        roles=holder.roles,
        queues=holder.queues,
        attributes=dict(holder.attributes),
        active=holder.active,
        created_at=holder.created_at,
        updated_at=holder.updated_at,
    )
