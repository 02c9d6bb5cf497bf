"""Request bodies of bulk actions."""

from typing import Annotated
from uuid import UUID

from pydantic import Field, model_validator

from licet_chassis.http.resources import Body
from licet_credentials.bulk.model import MOST, Action, Reassign, Renew, Suspend, Void
from licet_credentials.credentials.bodies import ActionIn, SuspensionIn, printed_end
from licet_credentials.credentials.renewal import RenewalRequest
from licet_credentials.inputs import Code, Country, Day, Month, Note, Reason, Subdivision
from licet_credentials.register.model import Checked, CredentialFilter
from licet_events.catalogue import Category, RenewalBasis
from licet_events.credentials import Validity


class RenewEachIn(Body):
    """A renewal of each credential: by date, by rule, or by its type's default rule."""

    expires_on: Day | None = None
    expires_on_month: Month | None = None
    """Where the documents print only a month; they are valid through the month's last day."""
    unusual: bool = False
    """Whether an expiry more than three validities of the type ahead is what the documents say."""
    mode: RenewalBasis | None = None
    valid_from: Day | None = None
    completed_on: Day | None = None
    notes: Note | None = None
    force: bool = False
    reason: Reason | None = None
    """Required with `force`, which renews before the window opens, or to a term that is over."""


class ReassignEachIn(ActionIn):
    """The holder to whom each credential belongs, and why it moves."""

    holder_id: UUID


class ActionsIn(Body):
    """Exactly one action, applied to each credential."""

    renew: RenewEachIn | None = None
    suspend: SuspensionIn | None = None
    reassign: ReassignEachIn | None = None
    void: ActionIn | None = None

    @model_validator(mode="after")
    def _one_action(self) -> "ActionsIn":
        if sum(each is not None for each in (self.renew, self.suspend, self.reassign, self.void)) != 1:
            raise ValueError("must have exactly one of renew, suspend, reassign and void")
        return self

    def action(self) -> Action:
        """Return the action."""
        if self.renew is not None:
            renewal = self.renew.model_dump()
            renewal |= printed_end(renewal["expires_on"], renewal.pop("expires_on_month"))
            return Renew(notes=renewal.pop("notes"), request=RenewalRequest(**renewal))
        if self.suspend is not None:
            return Suspend(**self.suspend.model_dump())
        if self.reassign is not None:
            return Reassign(**self.reassign.model_dump())
        assert self.void is not None  # noqa: S101  # there is exactly one
        return Void(**self.void.model_dump())


class FilterIn(Body):
    """Conditions that a credential must all meet, as in the list of credentials."""

    validity: Annotated[tuple[Validity, ...], Field(min_length=1, max_length=10)] | None = None
    type: Code | None = None
    category: Category | None = None
    holder_id: UUID | None = None
    team: Code | None = None
    location: Code | None = None
    country: Country | None = None
    subdivision: Subdivision | None = None
    expires_from: Day | None = None
    expires_to: Day | None = None
    verification: Checked | None = None
    q: Annotated[str, Field(min_length=1, max_length=200)] | None = None
    attributes: Annotated[
        dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")], Annotated[str, Field(max_length=200)]],
        Field(max_length=3),
    ] = Field(default_factory=dict)

    def filter(self) -> CredentialFilter:
        """Return the conditions."""
        return CredentialFilter(**self.model_dump())


class BulkIn(ActionsIn):
    """An action on named credentials, or on those that a filter matches when the job is submitted."""

    ids: Annotated[tuple[UUID, ...], Field(min_length=1, max_length=MOST)] | None = None
    filter: FilterIn | None = None
    dry_run: bool = False
    """Report what the action would do, and change nothing."""

    @model_validator(mode="after")
    def _one_selection(self) -> "BulkIn":
        if (self.ids is None) == (self.filter is None):
            raise ValueError("must have either ids or filter")
        if self.filter is not None and self.filter.filter() == CredentialFilter():
            raise ValueError("must have a filter with at least one condition")
        return self
