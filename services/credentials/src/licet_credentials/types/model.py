"""Credential types: the rules for their credentials."""

from dataclasses import dataclass, replace
from datetime import date, datetime

from licet_chassis.errors import Invalid
from licet_credentials.types.attributes import checked_declaration
from licet_events.catalogue import (
    AgeBand,
    BirthAnchor,
    Category,
    CredentialTypeState,
    DeclaredAttribute,
    FixedDate,
    LateRenewal,
    MonthEnd,
    NumberComparison,
    NumberUnique,
    Period,
    RenewalBasis,
    RenewalEvidence,
)
from licet_events.civil import Ending, ExpiresAtRule, end_of_month

INSURANCE_TIME = "00:01"
"""When a day printed on a policy ends its cover, where a type with `at_time` gives no time: 12:01 a.m."""


@dataclass(frozen=True, slots=True)
class CredentialType:
    """A catalogue entry and its rules."""

    code: str
    version: int
    name: str
    category: Category
    expires: bool
    validity: Period | None
    ladder: tuple[int, ...]
    renewal_window_days: int | None
    grace_days: int
    renewal_basis: RenewalBasis | None
    fixed_date: FixedDate | None
    renewal_evidence: RenewalEvidence
    number_unique: NumberUnique
    aliases: tuple[str, ...]
    retired: bool
    created_at: datetime
    updated_at: datetime
    attributes: tuple[DeclaredAttribute, ...] = ()
    """Attributes of its credentials beyond number and dates."""
    late_renewal: LateRenewal = LateRenewal.FROM_COMPLETION
    late_renewal_days: int | None = None
    """Days after the expiry in which a late renewal counts from it."""
    month_end: MonthEnd = MonthEnd.CLAMP
    birth_anchor: BirthAnchor | None = None
    """A day of the holder's year on which terms end, in place of a renewal basis."""
    age_bands: tuple[AgeBand, ...] = ()
    """Validity from some age on, in order of age; below the first one `validity` holds."""
    number_comparison: NumberComparison = NumberComparison.LOOSE
    expires_at_rule: ExpiresAtRule = ExpiresAtRule.END_OF_DAY
    """How the printed expiry date of its credentials is meant."""
    expires_at_time: str | None = None
    """Local time of the printed day, HH:MM; given exactly with `at_time`."""
    end_of_month: bool = False
    """Whether a term whose end follows from a rule is valid through the end of that month."""

    @property
    def needs_birth_date(self) -> bool:
        """Whether the dates of its terms follow from the holder's date of birth."""
        return self.birth_anchor is not None or bool(self.age_bands)

    @property
    def ending(self) -> Ending:
        """How a printed expiry date is meant."""
        return Ending(self.expires_at_rule, self.expires_at_time)

    @property
    def longest_validity(self) -> Period | None:
        """The validity, of several age bands the longest; `None` for a type that declares none."""
        declared = [Period(months=each.months, days=each.days) for each in self.age_bands]
        declared += [] if self.validity is None else [self.validity]
        return max(declared, key=lambda each: 30 * (each.months or 0) + (each.days or 0), default=None)

    def end_by_rule(self, day: date) -> date:
        """Return the end of a term that a rule gave, moved to the end of its month if the type says so."""
        return end_of_month(day) if self.end_of_month else day


COPIED_TO_CREDENTIALS = frozenset({"ladder", "grace_days", "expires_at_rule", "expires_at_time"})
"""Rules that each credential's state repeats; changing one changes these states."""


RESERVED = frozenset({"catalogues"})
"""Names that no type can have: they are path segments in the place of codes."""


def checked(entry: CredentialType) -> CredentialType:
    """Return the entry, with a time for `at_time`; raises `Invalid` if its rules contradict one another."""
    require_ending(entry.expires_at_rule, entry.expires_at_time, end_of_month=entry.end_of_month)
    if entry.expires_at_rule is ExpiresAtRule.AT_TIME and entry.expires_at_time is None:
        entry = replace(entry, expires_at_time=INSURANCE_TIME)
    if entry.renewal_basis is RenewalBasis.FIXED_DATE and entry.fixed_date is None:
        raise Invalid("renewal_basis fixed_date needs a fixed_date.", pointer="/fixed_date")
    if not entry.expires and (entry.validity or entry.renewal_basis):
        raise Invalid(
            "A type that does not expire has neither validity nor renewal basis.", pointer="/expires"
        )
    check_late_renewal(entry.late_renewal, entry.late_renewal_days, entry.renewal_basis)
    _check_birth_date_rules(entry)
    for pointer, name in (("/code", entry.code), *(("/aliases", alias) for alias in entry.aliases)):
        if name in RESERVED:
            raise Invalid(f"{name} is reserved; choose another name.", pointer=pointer)
    if entry.code in entry.aliases:
        raise Invalid("An alias must differ from the code.", pointer="/aliases")
    if len(set(entry.aliases)) != len(entry.aliases):
        raise Invalid("An alias is named twice.", pointer="/aliases")
    checked_declaration(entry.attributes)
    return entry


def check_late_renewal(rule: LateRenewal, days: int | None, basis: RenewalBasis | None) -> None:
    """Raise `Invalid` unless days are given exactly with `from_expiry` and the basis counts from expiry."""
    if rule is LateRenewal.FROM_EXPIRY and basis is RenewalBasis.FROM_COMPLETION:
        raise Invalid(
            "late_renewal from_expiry contradicts renewal_basis from_completion: such terms never count from "
            "the expiry.",
            pointer="/late_renewal",
        )
    if rule is LateRenewal.FROM_EXPIRY and days is None:
        raise Invalid(
            "late_renewal from_expiry needs late_renewal_days: the days after the expiry in which it holds.",
            pointer="/late_renewal_days",
        )
    if rule is not LateRenewal.FROM_EXPIRY and days is not None:
        raise Invalid(
            f"late_renewal_days goes with late_renewal from_expiry, not with {rule}.",
            pointer="/late_renewal_days",
        )


def _check_birth_date_rules(entry: CredentialType) -> None:
    if not entry.needs_birth_date:
        return
    if not entry.expires:
        raise Invalid(
            "A type that does not expire has neither birth_anchor nor age_bands.", pointer="/expires"
        )
    if entry.birth_anchor is not None and entry.renewal_basis is not None:
        raise Invalid(
            f"birth_anchor takes the place of renewal_basis {entry.renewal_basis}; clear one of them.",
            pointer="/birth_anchor",
        )
    ages = [band.from_age for band in entry.age_bands]
    if ages != sorted(set(ages)):
        raise Invalid("age_bands must name each age once, the youngest first.", pointer="/age_bands")
    if ages and ages[0] > 0 and entry.validity is None:
        raise Invalid(
            f"age_bands begin at {ages[0]}; give validity, which holds below that age, or a band from 0.",
            pointer="/age_bands",
        )


def require_ending(rule: ExpiresAtRule, time: str | None, *, end_of_month: bool) -> None:
    """Raise `Invalid` if the rules for a printed expiry date contradict one another."""
    if time is not None and rule is not ExpiresAtRule.AT_TIME:
        raise Invalid(
            f"expires_at_time goes with the expires_at_rule at_time, not with {rule}.",
            pointer="/expires_at_time",
        )
    if end_of_month and rule is not ExpiresAtRule.END_OF_DAY:
        raise Invalid(
            "end_of_month needs the expires_at_rule end_of_day: the whole last day of the month is valid.",
            pointer="/end_of_month",
        )


def state_of(entry: CredentialType) -> CredentialTypeState:
    """Return the state that events carry."""
    return CredentialTypeState(
        code=entry.code,
        version=entry.version,
        name=entry.name,
        category=entry.category,
        expires=entry.expires,
        validity=entry.validity,
        ladder=entry.ladder,
        renewal_window_days=entry.renewal_window_days,
        grace_days=entry.grace_days,
        renewal_basis=entry.renewal_basis,
        fixed_date=entry.fixed_date,
        expires_at_rule=entry.expires_at_rule,
        expires_at_time=entry.expires_at_time,
        end_of_month=entry.end_of_month,
        renewal_evidence=entry.renewal_evidence,
        number_unique=entry.number_unique,
        number_comparison=entry.number_comparison,
        attributes=entry.attributes,
        aliases=entry.aliases,
        retired=entry.retired,
        late_renewal=entry.late_renewal,
        late_renewal_days=entry.late_renewal_days,
        month_end=entry.month_end,
        birth_anchor=entry.birth_anchor,
        age_bands=entry.age_bands,
        created_at=entry.created_at,
        updated_at=entry.updated_at,
    )
