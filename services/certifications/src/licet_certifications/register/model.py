"""What lists of enrolments may be asked for."""

from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any
from uuid import UUID

from licet_chassis.ordering import Ordering
from licet_events.enrolments import EnrolmentKind, EnrolmentStatus


@dataclass(frozen=True, slots=True)
class EnrolmentFilter:
    """Which enrolments are wanted, all conditions together; `None` asks for nothing."""

    status: tuple[EnrolmentStatus, ...] | None = None
    """One of these, at the instant that is asked for."""
    programme: tuple[str, ...] | None = None
    """Codes; in one of these."""
    kind: EnrolmentKind | None = None
    holder_id: UUID | None = None
    team: str | None = None
    """Of the holder."""
    location: str | None = None
    role: str | None = None
    lacking: str | None = None
    """The code of a component that is still to do."""
    waiting_since: datetime | None = None
    """Those that wait for a decision, since then or longer."""
    expiring_within: int | None = None
    """Those whose credential ends in so many days or less, and has not ended."""
    completed_from: date | None = None
    """Those whose work was completed, on this day or later, in the deployment's zone."""
    completed_to: date | None = None
    q: str | None = None
    """Words, each in the holder's name or external id, or in the programme's name or code."""

    def over(self, kept: "EnrolmentFilter") -> "EnrolmentFilter":
        """Return the conditions of `kept` with those that are given here in their place."""
        given = {name: value for name, value in self.conditions().items() if value is not None}
        return replace(kept, **given)

    def conditions(self) -> dict[str, Any]:
        """Return every condition by name."""
        return {each.name: getattr(self, each.name) for each in fields(self)}


class Sort(Ordering):
    """What a list is ordered by, and backwards. Those without such an instant come last."""

    ENTRY = "id"
    LATEST_ENTRY = "-id"
    EXPIRES_AT = "expires_at"
    EXPIRES_AT_BACKWARDS = "-expires_at"
    COMPLETED_AT = "completed_at"
    COMPLETED_AT_BACKWARDS = "-completed_at"


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """A filter that somebody has given a name."""

    id: UUID
    owner: str
    name: str
    shared: bool
    """Whether others see it and may use it."""
    filter: EnrolmentFilter
    version: int
    created_at: datetime
    updated_at: datetime
