"""Starter catalogues, and how their types compare with existing ones."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from licet_credentials.types.model import CredentialType

RULES = tuple(
    name for name in CredentialType.__slots__ if name not in {"code", "version", "created_at", "updated_at"}
)
"""The fields in which a shipped type and an existing one may differ."""


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Credential types of a field of work, as fields of `CredentialType` by code."""

    name: str
    title: str
    description: str
    types: Mapping[str, Mapping[str, Any]]


class LoadOutcome(StrEnum):
    """Outcome of loading one type."""

    CREATED = "created"
    UNCHANGED = "unchanged"
    DIFFERS = "differs"
    """The type exists with other rules, and stays unchanged."""
    TAKEN = "taken"
    """The code is an alias of another type, so the type can't be defined."""


@dataclass(frozen=True, slots=True)
class LoadedType:
    """A loaded type and its outcome."""

    code: str
    name: str
    outcome: LoadOutcome
    differences: tuple[str, ...] = ()
    """The fields in which the existing type differs."""
    aliases_taken: tuple[str, ...] = ()
    """Aliases left out because other types have them."""


def differences(shipped: Mapping[str, Any], present: CredentialType) -> tuple[str, ...]:
    """Return the names of the rules in which an existing type differs from the shipped one."""
    return tuple(sorted(name for name in RULES if getattr(present, name) != shipped[name]))
