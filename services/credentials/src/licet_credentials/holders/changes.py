"""Pure changes of holders: each returns the holder one version later, with the event to publish."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_credentials.holders.model import (
    Attribute,
    Holder,
    changed_fields,
    require_other_manager,
    set_active,
    state_of,
)
from licet_events.holders import (
    HolderDeactivated,
    HolderEvent,
    HolderKind,
    HolderReactivated,
    HolderRegistered,
    HolderUpdated,
)
from licet_events.ids import uuid7


@dataclass(frozen=True, slots=True)
class HolderChange:
    """A holder after a change, the event to publish, and the line of history."""

    holder: Holder
    event: HolderEvent
    changed: tuple[str, ...] = ()
    """Names of the changed fields; none for a new holder."""
    reason: str | None = None
    note: str | None = None


@dataclass(frozen=True, slots=True)
class HolderFacts:
    """Facts about a holder, as a caller, a feed or an import gives them."""

    kind: HolderKind
    name: str
    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    time_zone: str | None = None
    locale: str | None = None
    team: str | None = None
    location: str | None = None
    manager_id: UUID | None = None
    awaited_manager: str | None = None
    roles: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute] | None = None
    birth_date: date | None = field(default=None, repr=False)

    def as_changes(self) -> dict[str, Any]:
        """Return the facts by name."""
        return {name: getattr(self, name) for name in self.__slots__} | {"attributes": self.attributes or {}}


def new_holder(facts: HolderFacts, now: datetime) -> HolderChange:
    """Return a new holder with the event that registers it."""
    holder = Holder(
        id=uuid7(),
        version=1,
        active=True,
        leaver=False,
        merged_into=None,
        created_at=now,
        updated_at=now,
        **facts.as_changes(),
    )
    return HolderChange(require_other_manager(holder), HolderRegistered(holder=state_of(holder)))


def update_holder(holder: Holder, changes: Mapping[str, Any], now: datetime) -> HolderChange | None:
    """Return the holder with the changed fields, or `None` if nothing differs."""
    after = require_other_manager(replace(holder, **changes))
    changed = changed_fields(holder, after)
    if not changed:
        return None
    after = replace(after, version=holder.version + 1, updated_at=now)
    # `awaited_manager` is not part of the contract, so no event names it.
    published = tuple(name for name in changed if name != "awaited_manager")
    return HolderChange(after, HolderUpdated(holder=state_of(after), changed=published), changed)


def apply_feed(
    holder: Holder, external_id: str, changes: Mapping[str, Any], now: datetime
) -> HolderChange | None:
    """Return the holder with what a feed sends under an external id, or `None` if nothing differs.

    A feed that uses the external id of a merged duplicate changes nothing: two records of one person
    would overwrite each other in turn. Only the survivor's own external id counts.
    """
    if holder.external_id != external_id:
        return None
    return update_holder(holder, changes, now)


def reactivate(holder: Holder, reason: str, now: datetime, *, note: str | None = None) -> HolderChange:
    """Return the holder active again; raises `Conflict` if it is active."""
    after = set_active(holder, now, active=True)
    event = HolderReactivated(holder=state_of(after), reason=reason)
    return HolderChange(after, event, ("active",), reason, note)


def deactivate(
    holder: Holder, reason: str, now: datetime, *, note: str | None, leaver: bool = False
) -> HolderChange:
    """Return the holder inactive; raises `Conflict` if it is inactive.

    A feed that names a `leaver` again reactivates it; a holder that a person deactivated stays inactive.
    """
    after = set_active(holder, now, active=False, leaver=leaver)
    event = HolderDeactivated(holder=state_of(after), reason=reason)
    return HolderChange(after, event, ("active",), reason, note)
