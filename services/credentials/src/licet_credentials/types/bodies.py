"""Request bodies of credential types; shipped catalogues have the same form."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from licet_chassis.http.resources import LEFT_OUT, Body, MergePatch
from licet_credentials.inputs import Code, Ladder, Line, TimeOfDay
from licet_credentials.types.model import INSURANCE_TIME
from licet_events.catalogue import (
    DEFAULT_LADDER,
    AgeBand,
    AttributeKind,
    BirthAnchor,
    BirthDay,
    Category,
    DeclaredAttribute,
    FixedDate,
    LateRenewal,
    MonthEnd,
    NumberComparison,
    NumberUnique,
    Period,
    RenewalBasis,
    RenewalEvidence,
    YearCycle,
)
from licet_events.civil import ExpiresAtRule

Option = Annotated[Line, Field(max_length=100)]


class PeriodIn(Body):
    """A length of validity, in months or in days."""

    months: Annotated[int, Field(ge=1, le=1200)] | None = None
    days: Annotated[int, Field(ge=1, le=36500)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "PeriodIn":
        if (self.months is None) == (self.days is None):
            raise ValueError("must have exactly one of months and days")
        return self


# Defaults as factories, since both are part of a merge patch, whose schema must not have defaults.


class FixedDateIn(Body):
    """A day of the year on which every term ends; capped at the last day of the month."""

    month: Annotated[int, Field(ge=1, le=12)]
    day: Annotated[int, Field(ge=1, le=31)]
    at_least_months: Annotated[int, Field(ge=0, le=120)] = Field(default_factory=int)
    years: YearCycle = Field(default_factory=lambda: YearCycle.EVERY)
    """The years in which it ends a term: every one, the odd or the even ones."""


class BirthAnchorIn(Body):
    """A day of the holder's year on which every term ends; holders need a `birth_date`."""

    at: BirthDay
    at_least_months: Annotated[int, Field(ge=0, le=120)] = Field(default_factory=int)
    years: YearCycle = Field(default_factory=lambda: YearCycle.EVERY)
    """The years in which it ends a term: every one, the odd or the even ones."""


class AgeBandIn(PeriodIn):
    """The validity for holders who are at least `from_age` years old on the day of completion."""

    from_age: Annotated[int, Field(ge=0, le=150)]


class AttributeIn(Body):
    """A declared attribute of the credentials of a type."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$", examples=["insured_limit"])]
    kind: AttributeKind
    required: bool = Field(default_factory=bool)
    options: Annotated[tuple[Option, ...], Field(max_length=200)] = Field(default_factory=tuple)
    """The values of a choice."""


class _Rules(Body):
    """Rules that null switches off."""

    validity: PeriodIn | None = None
    renewal_window_days: Annotated[int, Field(ge=0, le=3650)] | None = None
    renewal_basis: RenewalBasis | None = None
    fixed_date: FixedDateIn | None = None
    late_renewal_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """Days after the expiry in which a late renewal counts from it; with `late_renewal` from_expiry."""
    birth_anchor: BirthAnchorIn | None = None
    """Terms end on a day of the holder's year, in place of a `renewal_basis`."""


GraceDays = Annotated[int, Field(ge=0, le=3650)]
Attributes = Annotated[tuple[AttributeIn, ...], Field(max_length=40)]
"""The attributes that credentials of the type have beyond number and dates."""
AgeBands = Annotated[tuple[AgeBandIn, ...], Field(max_length=20)]
"""Validity by the holder's age on the day of completion, the youngest first; below the first, `validity`."""
Aliases = Annotated[tuple[Code, ...], Field(max_length=20)]
"""Other names for the type, accepted wherever a type is named."""


class TypeIn(_Rules):
    """A credential type to define."""

    code: Code
    name: Line
    category: Category
    number_unique: NumberUnique = NumberUnique.HOLDER
    number_comparison: NumberComparison = NumberComparison.LOOSE
    expires: bool = True
    ladder: Ladder = DEFAULT_LADDER
    grace_days: GraceDays = 0
    expires_at_rule: ExpiresAtRule = ExpiresAtRule.END_OF_DAY
    """How the expiry date that its documents print is meant."""
    expires_at_time: TimeOfDay | None = None
    """With `at_time`: the local time of the printed day; by default 00:01, as insurance ends."""
    end_of_month: bool = False
    """Whether a term whose end follows from a rule is valid through the last day of that month."""
    renewal_evidence: RenewalEvidence = RenewalEvidence.NONE
    attributes: Attributes = ()
    aliases: Aliases = ()
    retired: bool = False
    """Whether new credentials are refused; existing ones stay and can be renewed."""
    late_renewal: LateRenewal = LateRenewal.FROM_COMPLETION
    """What a renewal after the expiry does."""
    month_end: MonthEnd = MonthEnd.CLAMP
    """Whether months that are counted from the last day of a month keep to month ends."""
    age_bands: AgeBands = ()

    def rules(self) -> dict[str, Any]:
        """Return the fields of the credential type."""
        rules = _as_rules(self.model_dump())
        if self.expires_at_rule is ExpiresAtRule.AT_TIME and self.expires_at_time is None:
            rules["expires_at_time"] = INSURANCE_TIME
        return rules


class TypePatch(_Rules, MergePatch):
    """A merge patch (RFC 7396). Code, category and what makes numbers unique can't change."""

    name: Line = LEFT_OUT
    expires: bool = LEFT_OUT
    ladder: Ladder | None = None
    """Null restores the default ladder."""
    grace_days: GraceDays = LEFT_OUT
    expires_at_rule: ExpiresAtRule = LEFT_OUT
    """How the expiry date that its documents print is meant; a change moves the ends of existing terms."""
    expires_at_time: TimeOfDay | None = None
    """With `at_time`: the local time of the printed day; null restores 00:01."""
    end_of_month: bool = LEFT_OUT
    """Whether a term whose end follows from a rule is valid through the last day of that month."""
    renewal_evidence: RenewalEvidence = LEFT_OUT
    attributes: Attributes | None = None
    aliases: Aliases | None = None
    retired: bool = LEFT_OUT
    """Whether new credentials are refused; existing ones stay and can be renewed."""
    late_renewal: LateRenewal = LEFT_OUT
    month_end: MonthEnd = LEFT_OUT
    age_bands: AgeBands | None = None

    def changes(self) -> dict[str, Any]:
        """Return the fields to change; cleared lists get their defaults."""
        given = self.given()
        cleared = {"ladder": DEFAULT_LADDER, "attributes": (), "aliases": (), "age_bands": ()}
        return _as_rules(
            given | {name: empty for name, empty in cleared.items() if given.get(name, ()) is None}
        )


def _as_rules(fields: dict[str, Any]) -> dict[str, Any]:
    rules = dict(fields)
    if rules.get("validity") is not None:
        rules["validity"] = Period(**rules["validity"])
    if rules.get("fixed_date") is not None:
        rules["fixed_date"] = FixedDate(**rules["fixed_date"])
    if rules.get("birth_anchor") is not None:
        rules["birth_anchor"] = BirthAnchor(**rules["birth_anchor"])
    if "age_bands" in rules:
        rules["age_bands"] = tuple(AgeBand(**each) for each in rules["age_bands"])
    if "attributes" in rules:
        rules["attributes"] = tuple(DeclaredAttribute(**each) for each in rules["attributes"])
    return rules
