"""Holders: the people and vendors that have credentials."""

from enum import StrEnum
from typing import ClassVar
from uuid import UUID

from pydantic import Field

from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic


class HolderKind(StrEnum):
    """What a holder is to the organisation."""

    EMPLOYEE = "employee"
    VENDOR = "vendor"
    CONTACT = "contact"


class HolderState(Model):
    """A holder as it is after an event."""

    id: UUID
    version: int
    kind: HolderKind
    external_id: str | None = None
    name: str
    email: str | None = None
    phone: str | None = None
    time_zone: str | None = None
    """Rules when mails leave; never a term's validity."""
    locale: str | None = None
    team: str | None = None
    location: str | None = None
    manager_id: UUID | None = None
    roles: tuple[str, ...] = ()
    queues: tuple[str, ...] = ()
    attributes: dict[str, str | int | bool] = Field(default_factory=dict)
    active: bool = True
    created_at: Instant
    updated_at: Instant


class HolderEvent(EventData):
    """Any event that carries a holder's whole state."""

    topic: ClassVar[Topic] = Topic.HOLDERS
    holder: HolderState

    @property
    def key(self) -> str:
        """The holder's id."""
        return str(self.holder.id)

    @property
    def sequence(self) -> int:
        """The holder's version."""
        return self.holder.version


class HolderRegistered(HolderEvent):
    """A holder was entered."""

    event_type: ClassVar[str] = "licet.holder.registered.v1"


class HolderUpdated(HolderEvent):
    """Facts about a holder changed."""

    event_type: ClassVar[str] = "licet.holder.updated.v1"
    changed: tuple[str, ...] = ()
    """Names of the fields that changed."""


class HolderDeactivated(HolderEvent):
    """A holder left: notices stop, facts go on, eligibility ends."""

    event_type: ClassVar[str] = "licet.holder.deactivated.v1"
    reason: str


class HolderReactivated(HolderEvent):
    """A holder came back."""

    event_type: ClassVar[str] = "licet.holder.reactivated.v1"
    reason: str


class HolderSnapshot(HolderEvent):
    """A holder's state again, for whoever missed it."""

    event_type: ClassVar[str] = "licet.holder.snapshot.v1"
