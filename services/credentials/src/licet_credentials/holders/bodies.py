"""What callers send about holders."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from licet_chassis.http.resources import Body
from licet_credentials.inputs import (
    AttributeName,
    AttributeText,
    Code,
    Email,
    ExternalId,
    Instant,
    Line,
    Locale,
    Note,
    Phone,
    Reason,
    Whole,
    Zone,
)
from licet_events.holders import HolderKind

AttributeValue = AttributeText | Whole | bool
Codes = Annotated[tuple[Code, ...], Field(max_length=100)]


class _Optional(Body):
    """What need not be said about a holder."""

    email: Email | None = None
    phone: Phone | None = None
    time_zone: Zone | None = None
    locale: Locale | None = None
    team: Code | None = None
    location: Code | None = None
    manager_id: UUID | None = None
    roles: Codes = ()
    queues: Codes = ()


class _Facts(_Optional):
    """Everything that may be said about a holder, by anyone."""

    kind: HolderKind
    name: Line
    attributes: dict[AttributeName, AttributeValue] = Field(default_factory=dict, max_length=50)


class HolderIn(_Facts):
    """A holder to be entered."""

    external_id: ExternalId | None = None


class HolderFeed(_Facts):
    """A holder as another system knows it; what is left out is cleared."""

    manager_external_id: ExternalId | None = None
    """May name someone who is not known yet; goes before `manager_id`."""


class HolderPatch(_Optional):
    """A merge patch (RFC 7396): null clears, what is left out stays."""

    external_id: ExternalId | None = None
    kind: HolderKind = Field(default_factory=lambda: HolderKind.EMPLOYEE)
    name: Line = Field(default_factory=str)
    attributes: Annotated[dict[AttributeName, AttributeValue | None], Field(max_length=50)] | None = None


class ReasonIn(Body):
    """Why."""

    reason: Reason
    note: Note | None = None
    """In words; kept in the history, in no event."""


class MergeIn(ReasonIn):
    """Whom a duplicate turned out to be."""

    into: UUID


class LeaversIn(ReasonIn):
    """Whom a complete feed has left out."""

    kind: HolderKind
    """Which holders the feed is about."""
    absent_since: Instant
    """When the feed began: whoever has an external id, was there before and was not named since has left."""
    dry_run: bool = True
    """Only tells who would be deactivated."""
    at_most: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """More leavers than this are a feed that broke off: then nothing is done."""
