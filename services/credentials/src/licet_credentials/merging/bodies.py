"""What callers send to merge holders."""

from uuid import UUID

from licet_chassis.http.resources import Body
from licet_credentials.inputs import Note, Reason


class MergeIn(Body):
    """Which holder a duplicate turned out to be, and why they are merged."""

    reason: Reason
    note: Note | None = None
    """Free text; kept in the history, in no event."""
    into: UUID
