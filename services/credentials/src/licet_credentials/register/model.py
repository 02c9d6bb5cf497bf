"""Filters and sort orders of lists of credentials."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from licet_chassis.ordering import Ordering
from licet_events.catalogue import Category
from licet_events.credentials import Validity


class Checked(StrEnum):
    """State of a credential's latest check at an instant."""

    VERIFIED = "verified"
    """The latest check confirmed it and is still valid."""
    ENDED = "ended"
    """It confirmed it, but has expired."""
    NEVER = "never"
    """There is none, or the latest one did not confirm it."""


@dataclass(frozen=True, slots=True)
class CredentialFilter:
    """Conditions of a list of credentials, all together; `None` for any."""

    validity: tuple[Validity, ...] | None = None
    """Validity at the requested instant, one of these."""
    type: str | None = None
    """The code of a type, or one of its aliases."""
    category: Category | None = None
    holder_id: UUID | None = None
    team: str | None = None
    location: str | None = None
    country: str | None = None
    subdivision: str | None = None
    expires_from: date | None = None
    """Ends on this day or later; leaves out what never ends."""
    expires_to: date | None = None
    verification: Checked | None = None
    q: str | None = None
    """Words, each of which matches name, number, or the holder's name or external id."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Texts of typed attributes by name; a choice matches if it is one of several."""


class Sort(Ordering):
    """Sort orders of a list of credentials."""

    ENTRY = "id"
    LATEST_ENTRY = "-id"
    NAME = "name"
    NAME_BACKWARDS = "-name"
    EXPIRES_ON = "expires_on"
    """Credentials without an end come last."""
    EXPIRES_ON_BACKWARDS = "-expires_on"
    HOLDER = "holder"
    """By the holder's name."""
    HOLDER_BACKWARDS = "-holder"
