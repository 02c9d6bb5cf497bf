"""What lists of credentials may be asked for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from uuid import UUID

from licet_chassis.ordering import Ordering
from licet_events.catalogue import Category
from licet_events.credentials import Validity


class Checked(StrEnum):
    """What a credential's latest check says about it at an instant."""

    VERIFIED = "verified"
    """The latest check confirmed it and still holds."""
    ENDED = "ended"
    """It did, and has to be done again."""
    NEVER = "never"
    """There is none, or the latest one did not confirm it."""


@dataclass(frozen=True, slots=True)
class CredentialFilter:
    """Which credentials are wanted, all conditions together; `None` asks for nothing."""

    validity: tuple[Validity, ...] | None = None
    """One of these, at the instant that is asked for."""
    type: str | None = None
    """The code of a type, or one of its aliases."""
    category: Category | None = None
    holder_id: UUID | None = None
    team: str | None = None
    location: str | None = None
    country: str | None = None
    subdivision: str | None = None
    expires_from: date | None = None
    """Those that end, on this day or later."""
    expires_to: date | None = None
    verification: Checked | None = None
    q: str | None = None
    """Words, each of which is found in name or number, or in the holder's name or external id."""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """Typed attributes by name, each as a text; of several choices it is one of them."""


class Sort(Ordering):
    """What a list is ordered by, and backwards."""

    ENTRY = "id"
    LATEST_ENTRY = "-id"
    NAME = "name"
    NAME_BACKWARDS = "-name"
    EXPIRES_ON = "expires_on"
    """Those without an end come last."""
    EXPIRES_ON_BACKWARDS = "-expires_on"
    HOLDER = "holder"
    """By the holder's name."""
    HOLDER_BACKWARDS = "-holder"
