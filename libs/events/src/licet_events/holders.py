"""Holders: the people and vendors that have credentials."""

from datetime import date
from enum import StrEnum
from typing import Annotated, ClassVar, Self
from uuid import UUID

from pydantic import Field, WithJsonSchema

from licet_events.event import EventData, Instant, Model
from licet_events.topics import Topic

FINAL_SEQUENCE = 2**63 - 1
"""The `ce_sequence` of an erasure, so that readers who keep the highest version keep the end of the key."""


class HolderKind(StrEnum):
    """What a holder is to the organisation."""

    EMPLOYEE = "employee"
    VENDOR = "vendor"
    CONTACT = "contact"


class HolderState(Model):
    """A holder as it is after an event."""

    id: UUID
    """Identifies the holder for ever; a UUIDv7."""
    version: int
    """Grows by 1 with each event."""
    kind: HolderKind
    """What the holder is to the organisation."""
    external_id: str | None = None
    """The id in the system that the holder comes from, such as a personnel number."""
    name: str
    """The name to show and to address; personal."""
    email: str | None = None
    """Where mails go; personal. Null: nowhere."""
    phone: str | None = None
    """A telephone number as it was entered; personal."""
    time_zone: str | None = None
    """Rules when mails leave; never a term's validity."""
    locale: str | None = None
    """The language of mails, a BCP 47 tag such as `de` or `fr-CH`. Null: the deployment's."""
    team: str | None = None
    """The code of the team. Null: none."""
    location: str | None = None
    """The code of the location; its zone and jurisdiction are the holder's. Null: none."""
    manager_id: UUID | None = None
    """The holder who is the manager. Null: none is known."""
    roles: tuple[str, ...] = ()
    """Codes of the roles that the holder works in."""
    queues: tuple[str, ...] = ()
    """Codes of the queues that the holder works on."""
    attributes: dict[str, str | int | bool] = Field(default_factory=dict)
    """What the organisation keeps beside these fields, by name."""
    active: bool = True
    """Whether the holder belongs to the organisation now. While not, nobody is told anything."""
    merged_into: UUID | None = None
    """The holder that this one turned out to be; its credentials are there."""
    birth_date: date | None = Field(default=None, repr=False)
    """Personal. On no topic but this one."""
    created_at: Instant
    """When it was recorded first."""
    updated_at: Instant
    """When it changed last."""


class HolderEvent(EventData):
    """Any event that carries a holder's whole state."""

    topic: ClassVar[Topic] = Topic.HOLDERS
    holder: HolderState
    """The holder after the event."""

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
    """A code, such as `left`."""


class HolderReactivated(HolderEvent):
    """A holder came back."""

    event_type: ClassVar[str] = "licet.holder.reactivated.v1"
    reason: str
    """A code, such as `rehired`."""


class HolderMerged(HolderEvent):
    """Two records were of one holder: this one is inactive from now on, and its id leads to the other."""

    event_type: ClassVar[str] = "licet.holder.merged.v1"
    into: UUID
    """The holder whose record stays."""


class HolderErased(EventData):
    """Everything about a holder is to be forgotten. It ends the holder's key and every key below it.

    On the holders' topic the key is the holder's id; on others it is the whole key of what ends there.
    """

    event_type: ClassVar[str] = "licet.holder.erased.v1"
    topic: ClassVar[Topic] = Topic.HOLDERS
    tombstone: ClassVar[bool] = True
    holder_id: UUID
    """The holder of whom nothing is kept."""
    path: str = ""
    """What follows the holder's id in the key that ends; empty for the holder itself."""
    of: Annotated[Topic, WithJsonSchema({"type": "string"})] = Topic.HOLDERS
    """The topic on which it ends a key. It is not on the wire: a record knows its topic."""
    version: int | None = FINAL_SEQUENCE
    """It is in `ce_sequence`, and absent from records of the first builds."""

    @classmethod
    def topics(cls) -> frozenset[Topic]:
        """Return the topics with keys below a holder's; those of eligibility end by a type of their own."""
        return frozenset({Topic.HOLDERS, Topic.CREDENTIALS, Topic.CERTIFICATIONS, Topic.SHIFTS})

    @property
    def destination(self) -> Topic:
        """The topic on which it ends a key."""
        return self.of

    @property
    def key(self) -> str:
        """`<holder>`, or `<holder>/<path>`."""
        return f"{self.holder_id}/{self.path}" if self.path else str(self.holder_id)

    @property
    def sequence(self) -> int | None:
        """Above every version that there ever is: nothing follows an erasure."""
        return self.version

    @classmethod
    def of_key(cls, key: str, sequence: int | None) -> Self:
        """Rebuild the data from the record key."""
        holder_id, _, path = key.partition("/")
        return cls(holder_id=UUID(holder_id), path=path, version=sequence)


class HolderSnapshot(HolderEvent):
    """A holder's state again, for whoever missed it."""

    event_type: ClassVar[str] = "licet.holder.snapshot.v1"
