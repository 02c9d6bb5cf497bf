"""What a starter catalogue is, and how its types compare with those there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from licet_credentials.types.model import CredentialType

RULES = tuple(
    name for name in CredentialType.__slots__ if name not in {"code", "version", "created_at", "updated_at"}
)
"""The fields in which a type of a catalogue and one that there is may differ."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Credential types of a field of work, as fields of `CredentialType` by code."""

    name: str
    title: str
    description: str
    types: Mapping[str, Mapping[str, Any]]


class LoadOutcome(StrEnum):
    """What loading comes to for one type."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    DIFFERS = "differs"
    """There is such a type with other rules; it stays as it is."""
    TAKEN = "taken"
    """The code is what another type is called, so there can't be such a type."""


@dataclass(frozen=True, slots=True)
class LoadedType:
    """What loading came to for one type."""

    code: str
    name: str
    outcome: LoadOutcome
    differences: tuple[str, ...] = ()
    """The fields in which the type that there is differs."""
    aliases_taken: tuple[str, ...] = ()
    """Aliases that it was made without, since other types are called so."""


def differences(shipped: Mapping[str, Any], present: CredentialType) -> tuple[str, ...]:
    """Return the names of the rules in which a type that there is differs from the shipped one."""
    return tuple(sorted(name for name in RULES if getattr(present, name) != shipped[name]))
