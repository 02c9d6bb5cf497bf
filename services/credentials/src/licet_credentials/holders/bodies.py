"""Request bodies of holders."""

from typing import Annotated, Any
from uuid import UUID

from pydantic import AfterValidator, Field

from licet_chassis.http.resources import LEFT_OUT, Body, MergePatch
from licet_credentials.holders.identity import Identity
from licet_credentials.inputs import (
    AttributeName,
    AttributeText,
    Code,
    Day,
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
from licet_events.sameness import folded_code

AttributeValue = AttributeText | Whole | bool


def _each_once(codes: tuple[str, ...]) -> tuple[str, ...]:
    first = {folded_code(code): code for code in reversed(codes)}
    return tuple(code for code in codes if first[folded_code(code)] is code)


Codes = Annotated[tuple[Code, ...], Field(max_length=100), AfterValidator(_each_once)]
"""Codes, each once without regard to case."""


class _Optional(Body):
    """Optional facts about a holder."""

    email: Email | None = None
    phone: Phone | None = None
    time_zone: Zone | None = None
    locale: Locale | None = None
    team: Code | None = None
    location: Code | None = None
    manager_id: UUID | None = None
    birth_date: Day | None = None
    """Only for types that count by it; it is passed on with the holder alone."""


class _Facts(_Optional):
    """Facts that a caller or a feed can give."""

    roles: Codes = ()
    queues: Codes = ()
    kind: HolderKind
    name: Line
    attributes: dict[AttributeName, AttributeValue] = Field(default_factory=dict, max_length=50)


class HolderIn(_Facts):
    """A holder to enter."""

    external_id: ExternalId | None = None


class HolderFeed(_Facts):
    """A holder as a feed sends it; facts that are left out are cleared."""

    manager_external_id: ExternalId | None = None
    """The manager, who may be entered later; overrides `manager_id`."""
    identity: Identity | None = None
    """Settles an external id that comes with another name and address: the same person, or a new one."""


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
    """A reason code and a note."""

    reason: Reason
    note: Note | None = None
    """Free text; kept in the history, in no event."""


class LeaversIn(ReasonIn):
    """A complete feed whose leavers are to be deactivated."""

    kind: HolderKind
    """The kind of holders that the feed contains."""
    absent_since: Instant
    """When the feed began. A leaver is an active holder with an external id that was entered before, and that
    the feed has not named since."""
    dry_run: bool = True
    """Only list who would be deactivated."""
    at_most: Annotated[int, Field(ge=1, le=1_000_000)] = 100
    """More leavers than this mean that the feed is incomplete; nobody is deactivated."""
