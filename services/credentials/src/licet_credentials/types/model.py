"""Credential types: the rules for their credentials."""

from dataclasses import dataclass
from datetime import datetime

from licet_chassis.errors import Invalid
from licet_credentials.types.attributes import checked_declaration
from licet_events.catalogue import (
    Category,
    CredentialTypeState,
    DeclaredAttribute,
    FixedDate,
    NumberUnique,
    Period,
    RenewalBasis,
    RenewalEvidence,
)


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


COPIED_TO_CREDENTIALS = frozenset({"ladder", "grace_days"})
"""Rules that each credential's state repeats; changing one changes these states."""


RESERVED = frozenset({"catalogues"})
"""Names that no type can have: they are path segments in the place of codes."""


def checked(entry: CredentialType) -> CredentialType:
    """Return the entry; raises `Invalid` if its rules contradict one another."""
    if entry.renewal_basis is RenewalBasis.FIXED_DATE and entry.fixed_date is None:
        raise Invalid("renewal_basis fixed_date needs a fixed_date.", pointer="/fixed_date")
    if not entry.expires and (entry.validity or entry.renewal_basis):
        raise Invalid(
            "A type that does not expire has neither validity nor renewal basis.", pointer="/expires"
        )
    for pointer, name in (("/code", entry.code), *(("/aliases", alias) for alias in entry.aliases)):
        if name in RESERVED:
            raise Invalid(f"{name} is reserved; choose another name.", pointer=pointer)
    if entry.code in entry.aliases:
        raise Invalid("An alias must differ from the code.", pointer="/aliases")
    if len(set(entry.aliases)) != len(entry.aliases):
        raise Invalid("An alias is named twice.", pointer="/aliases")
    checked_declaration(entry.attributes)
    return entry


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
        renewal_evidence=entry.renewal_evidence,
        number_unique=entry.number_unique,
        attributes=entry.attributes,
        aliases=entry.aliases,
        retired=entry.retired,
        created_at=entry.created_at,
        updated_at=entry.updated_at,
    )
