"""What callers send about enrolments."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from licet_certifications.codes import Code
from licet_certifications.enrolments.model import Entry
from licet_chassis.http.resources import Body

Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
"""A reason or note in words; it is kept here and in no event."""


class EnrolmentBody(Body):
    """A holder who is to be enrolled."""

    holder_id: UUID
    programme: Code
    entry: Entry = Entry.APPLICATION
    """`application`; or `staff`, who enrol a holder directly, which needs `certifications:approve`."""
    note: Words | None = None


class NoteBody(Body):
    """An approval."""

    note: Words | None = None


class ReasonBody(Body):
    """A decision that needs a reason."""

    reason: Words


class ReturnBody(ReasonBody):
    """Work that is returned."""

    components: list[Code] = Field(default=[], max_length=200)
    """What has to be done again; empty: all of it."""
