"""What callers send about credential types, and what a catalogue that is shipped has in it."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from licet_chassis.http.resources import Body
from licet_credentials.inputs import Code, Ladder, Line
from licet_events.catalogue import (
    DEFAULT_LADDER,
    AttributeKind,
    Category,
    DeclaredAttribute,
    FixedDate,
    NumberUnique,
    Period,
    RenewalBasis,
    RenewalEvidence,
)

Option = Annotated[Line, Field(max_length=100)]


class PeriodIn(Body):
    """A length of validity: exactly one of months and days."""

    months: Annotated[int, Field(ge=1, le=1200)] | None = None
    days: Annotated[int, Field(ge=1, le=36500)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "PeriodIn":
        if (self.months is None) == (self.days is None):
            raise ValueError("must have exactly one of months and days")
        return self


class FixedDateIn(Body):
    """A day of the year on which every term ends; one that a month does not have is its last."""

    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]
    at_least_months: Annotated[int, Field(ge=0, le=120)] = 0


class AttributeIn(Body):
    """An attribute that credentials of the type have."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=["insured_limit"])]
    kind: AttributeKind
    required: bool = False
    options: Annotated[tuple[Option, ...], Field(max_length=200)] = ()
    """Which values a choice has."""


class _Rules(Body):
    expires: bool = True
    validity: PeriodIn | None = None
    ladder: Ladder = DEFAULT_LADDER
    renewal_window_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    grace_days: Annotated[int, Field(ge=0, le=3650)] = 0
    renewal_basis: RenewalBasis | None = None
    fixed_date: FixedDateIn | None = None
    renewal_evidence: RenewalEvidence = RenewalEvidence.NONE
    attributes: Annotated[tuple[AttributeIn, ...], Field(max_length=40)] = ()
    """What credentials of the type say beyond number and dates."""
    aliases: Annotated[tuple[Code, ...], Field(max_length=20)] = ()
    """What else the type is called, wherever one is named."""
    retired: bool = False
    """Whether no new credentials are recorded; those there are go on and can be renewed."""

    def rules(self, *, given_only: bool) -> dict[str, Any]:
        """Return what is said, as the fields of a credential type."""
        rules: dict[str, Any] = self.model_dump(exclude_unset=given_only)
        if rules.get("validity") is not None:
            rules["validity"] = Period(**rules["validity"])
        if rules.get("fixed_date") is not None:
            rules["fixed_date"] = FixedDate(**rules["fixed_date"])
        if "attributes" in rules:
            rules["attributes"] = tuple(DeclaredAttribute(**each) for each in rules["attributes"])
        return rules


class TypeIn(_Rules):
    """A credential type to be defined."""

    code: Code
    name: Line
    category: Category
    number_unique: NumberUnique = NumberUnique.HOLDER


class TypePatch(_Rules):
    """A merge patch (RFC 7396). Code, category and `number_unique` are for good."""

    name: Line = Field(default_factory=str)
