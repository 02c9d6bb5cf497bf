"""Holders."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from uuid import UUID

from licet_chassis.errors import Conflict, Invalid
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
    """External id of a manager who is not entered yet."""
    roles: tuple[str, ...]
    queues: tuple[str, ...]
    attributes: Mapping[str, Attribute]
    active: bool
    leaver: bool
    """Inactive because a complete feed no longer named it; a feed that names it again reactivates it."""
    merged_into: UUID | None
    """The survivor of a merge; never itself a merged record."""
    created_at: datetime
    updated_at: datetime
    birth_date: date | None = field(default=None, repr=False)
    """Some types count by it. It is on no topic but `holders`, and in no log: hence not in the repr."""


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
    "birth_date",
)
"""Fields that callers, feeds and imports can change."""


def changed_fields(before: Holder, after: Holder) -> tuple[str, ...]:
    """Return the names of facts that differ."""
    return tuple(name for name in FACTS if getattr(before, name) != getattr(after, name))


def require_other_manager(holder: Holder) -> Holder:
    """Return the holder; raises `Invalid` if it is its own manager."""
    if holder.manager_id == holder.id:
        raise Invalid("A holder cannot be their own manager.", pointer="/manager_id")
    return holder


def require_born(birth_date: date | None, now: datetime) -> None:
    """Raise `Invalid` for a date of birth in the future."""
    if birth_date is not None and birth_date > now.date():
        raise Invalid(UNBORN, pointer="/birth_date")


UNBORN = "birth_date lies in the future."


def require_not_merged(holder: Holder) -> Holder:
    """Return the holder; raises `Conflict` if it is a merged record."""
    if holder.merged_into is not None:
        raise Conflict(
            f"The holder {holder.id} was merged into {holder.merged_into}; send this for that one instead."
        )
    return holder


def set_active(holder: Holder, now: datetime, *, active: bool, leaver: bool = False) -> Holder:
    """Return the holder one version later, active or not; raises `Conflict` if it already is."""
    require_not_merged(holder)
    if holder.active is active:
        raise Conflict(f"The holder is already {'active' if active else 'inactive'}.")
    return replace(holder, active=active, leaver=leaver, version=holder.version + 1, updated_at=now)


def state_of(holder: Holder) -> HolderState:
    """Return the state that events carry: the fields of the same names."""
    return HolderState.model_validate(holder, from_attributes=True)
