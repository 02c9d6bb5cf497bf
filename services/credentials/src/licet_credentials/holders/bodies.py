"""What callers send about holders."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from licet_chassis.http.resources import LEFT_OUT, Body, MergePatch
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
    """Optional facts about a holder."""

    email: Email | None = None
    phone: Phone | None = None
    time_zone: Zone | None = None
    locale: Locale | None = None
    team: Code | None = None
    location: Code | None = None
    manager_id: UUID | None = None


class _Facts(_Optional):
    """Everything that may be said about a holder, by anyone."""

    roles: Codes = ()
    queues: Codes = ()
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


class HolderPatch(_Optional, MergePatch):
    """A merge patch (RFC 7396): null clears, what is left out stays."""

    external_id: ExternalId | None = None
    kind: HolderKind = LEFT_OUT
    name: Line = LEFT_OUT
    roles: Codes | None = None
    queues: Codes | None = None
    attributes: Annotated[dict[AttributeName, AttributeValue | None], Field(max_length=50)] | None = None

    def changes(self) -> dict[str, Any]:
        """Return the facts to change, with cleared lists as empty ones."""
        given = self.given()
        return given | {name: given[name] or () for name in ("roles", "queues") if name in given}


class ReasonIn(Body):
    """Why."""

    reason: Reason
    note: Note | None = None
    """In words; kept in the history, in no event."""


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
