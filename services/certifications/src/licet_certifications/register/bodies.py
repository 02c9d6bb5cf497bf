"""What callers send to find enrolments, and to keep a filter under a name."""

from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Query
from pydantic import Field, StringConstraints

from licet_certifications.codes import Code
from licet_certifications.register.model import EnrolmentFilter
from licet_chassis.http.resources import Body
from licet_events.enrolments import EnrolmentKind, EnrolmentStatus
from licet_events.event import Instant

Day = Annotated[date, Field(ge=date(1900, 1, 1), le=date(9999, 12, 30))]
Words = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[^\x00]*$")]
FilterName = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f/]{1,100}$")]
_MOST_PROGRAMMES = 50


def filter_query(
    status: Annotated[
        list[EnrolmentStatus] | None, Query(description="One of these, at present; repeat it for several")
    ] = None,
    programme: Annotated[
        list[Code] | None,
        Query(description="A programme's code; repeat it for several", max_length=_MOST_PROGRAMMES),
    ] = None,
    kind: EnrolmentKind | None = None,
    holder_id: UUID | None = None,
    team: Annotated[Code | None, Query(description="Of the holder")] = None,
    location: Annotated[Code | None, Query(description="Of the holder")] = None,
    role: Annotated[Code | None, Query(description="Of the holder")] = None,
    lacking: Annotated[Code | None, Query(description="The code of a component still to do")] = None,
    waiting_since: Annotated[
        Instant | None, Query(description="Waits for a decision since this instant or longer")
    ] = None,
    expiring_within: Annotated[
        int | None, Query(ge=0, le=3_650, description="Days within which the credential ends")
    ] = None,
    completed_from: Annotated[Day | None, Query(description="Completed on this day or later")] = None,
    completed_to: Annotated[Day | None, Query(description="Completed on this day or earlier")] = None,
    q: Annotated[
        Words | None,
        Query(
            description="Words, each in the holder's name or external id or in the programme's name or code; "
            "one without three letters or digits in a row is found at the beginning of words"
        ),
    ] = None,
) -> EnrolmentFilter:
    """Return the conditions that a query asks for."""
    return EnrolmentFilter(
        status=tuple(status) if status else None,
        programme=tuple(programme) if programme else None,
        kind=kind,
        holder_id=holder_id,
        team=team,
        location=location,
        role=role,
        lacking=lacking,
        waiting_since=waiting_since,
        expiring_within=expiring_within,
        completed_from=completed_from,
        completed_to=completed_to,
        q=q,
    )


class FilterIn(Body):
    """Which enrolments: all conditions together, as in the list of enrolments."""

    status: Annotated[tuple[EnrolmentStatus, ...], Field(min_length=1, max_length=10)] | None = None
    programme: Annotated[tuple[Code, ...], Field(min_length=1, max_length=_MOST_PROGRAMMES)] | None = None
    kind: EnrolmentKind | None = None
    holder_id: UUID | None = None
    team: Code | None = None
    location: Code | None = None
    role: Code | None = None
    lacking: Code | None = None
    waiting_since: Instant | None = None
    expiring_within: Annotated[int, Field(ge=0, le=3_650)] | None = None
    completed_from: Day | None = None
    completed_to: Day | None = None
    q: Words | None = None

    def filter(self) -> EnrolmentFilter:
        """Return the conditions."""
        said: dict[str, Any] = {name: getattr(self, name) for name in type(self).model_fields}
        return EnrolmentFilter(**said)

    @classmethod
    def of(cls, kept: EnrolmentFilter) -> "FilterIn":
        """Show conditions as they were given."""
        return cls.model_validate(kept.conditions())


class SavedFilterIn(Body):
    """A filter to keep."""

    filter: FilterIn
    shared: bool = False
    """Whether others see it and may use it."""
