"""Loading a starter catalogue."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid
from licet_credentials.catalogues.model import Catalogue, LoadedType, LoadOutcome, differences
from licet_credentials.types import store as type_store
from licet_credentials.types.commands import define_type
from licet_credentials.types.model import CredentialType


async def load_catalogue(
    tx: Transaction,
    catalogue: Catalogue,
    *,
    only: Collection[str] | None = None,
    dry_run: bool = False,
    now: datetime,
) -> list[LoadedType]:
    """Define the types of the catalogue that do not exist yet; existing types stay unchanged.

    `only` limits loading to some codes. `dry_run` only reports. Loading again defines and publishes
    nothing. Raises `Invalid` for a code that is not in the catalogue.
    """
    for at, code in enumerate(only or ()):
        if code not in catalogue.types:
            raise Invalid(f"The catalogue {catalogue.name} has no type {code}.", pointer=f"/types/{at}")
    wanted = {code: rules for code, rules in catalogue.types.items() if only is None or code in only}
    names = {name for code, rules in wanted.items() for name in (code, *rules["aliases"])}
    present = await type_store.hold_types(tx.conn, sorted(names))
    called = {name: entry.code for name, entry in present.items()}
    loaded = []
    for code, rules in wanted.items():
        if code in called:
            loaded.append(_compared(code, rules, present[code]))
            continue
        taken = tuple(alias for alias in rules["aliases"] if alias in called)
        entry = _without(CredentialType(version=1, created_at=now, updated_at=now, **rules), taken)
        if not dry_run:
            await define_type(tx, entry, now=now)
        called |= dict.fromkeys((code, *entry.aliases), code)
        loaded.append(LoadedType(code, rules["name"], LoadOutcome.CREATED, aliases_taken=taken))
    return loaded


def _compared(code: str, rules: Mapping[str, Any], present: CredentialType) -> LoadedType:
    if present.code != code:
        return LoadedType(code, rules["name"], LoadOutcome.TAKEN)
    found = differences(rules, present)
    return LoadedType(code, rules["name"], LoadOutcome.DIFFERS if found else LoadOutcome.UNCHANGED, found)


def _without(entry: CredentialType, aliases: Collection[str]) -> CredentialType:
    return replace(entry, aliases=tuple(alias for alias in entry.aliases if alias not in aliases))
