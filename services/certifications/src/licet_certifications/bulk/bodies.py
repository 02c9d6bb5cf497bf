"""What callers send to act on many."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints, model_validator

from licet_certifications.bulk.model import MOST, HolderFilter
from licet_certifications.codes import Code
from licet_chassis.http.resources import Body

EntryWord = Literal["staff", "application"]
Note = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]


class HolderFilterIn(Body):
    """Which active holders: all conditions together."""

    team: Code | None = None
    location: Code | None = None
    role: Code | None = None
    queue: Code | None = None
    credential_type: Code | None = None
    """Those that have a credential of this type, valid or not."""

    def filter(self) -> HolderFilter:
        """Return the conditions."""
        return HolderFilter(**self.model_dump())


class BulkIn(Body):
    """Holders to enrol: those that are named, or those that a filter finds when it is asked for."""

    programme: Code
    holder_ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST)] | None = None
    filter: HolderFilterIn | None = None
    entry: EntryWord = "staff"
    """`staff` enrols directly, which needs `certifications:approve`; `application` applies for each."""
    note: Note | None = None
    dry_run: bool = False
    """Only tells what would come of each."""

    @model_validator(mode="after")
    def _one_selection(self) -> "BulkIn":
        if (self.holder_ids is None) == (self.filter is None):
            raise ValueError("must have either holder_ids or filter")
        if self.filter is not None and self.filter.filter() == HolderFilter():
            raise ValueError("must have a filter with at least one condition")
        return self


class MigrateIn(Body):
    """Whether enrolments are really moved."""

    dry_run: bool = False
    """Only tells who would be complete, and who would lack what."""
