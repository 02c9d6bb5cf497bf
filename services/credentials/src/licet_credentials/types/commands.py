"""Defining and changing credential types."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, require_version
from licet_credentials.types import store
from licet_credentials.types.attributes import retyped
from licet_credentials.types.model import CARRIED_BY_CREDENTIALS, CredentialType, checked, state_of
from licet_events.catalogue import CredentialTypeChanged


async def define_type(tx: Transaction, entry: CredentialType, *, now: datetime) -> CredentialType:
    """Add a credential type to the catalogue; raises `Conflict` for a code or alias that is another's."""
    if not await store.insert_type(tx.conn, checked(entry)):
        raise Conflict(f"There is a credential type {entry.code} already.", pointer="/code")
    await _take_names(tx, entry)
    await tx.publish(CredentialTypeChanged(credential_type=state_of(entry)), now=now)
    return entry


async def change_type(
    tx: Transaction, name: str, changes: Mapping[str, Any], *, expected_version: int | None, now: datetime
) -> CredentialType:
    """Change a type's rules; the same rules again change and publish nothing.

    A changed ladder or grace reaches the type's credentials by `replan`, one `credential.updated` each.
    Changed attributes reach none: a credential keeps what it says until its attributes are next changed.
    Raises `Conflict` where an attribute that some credential has would be of another kind.
    """
    before = await store.lock_type(tx.conn, name)
    require_version(expected_version, before.version)
    after = checked(replace(before, **changes))
    if after == before:
        return before
    for attribute in retyped(before.attributes, after.attributes):
        if await store.attribute_in_use(tx.conn, before.code, attribute):
            raise Conflict(
                f"Credentials of {before.code} have the attribute {attribute} as it is; its kind can't "
                "change. Declare another name for the new kind.",
                pointer="/attributes",
            )
    after = replace(after, version=before.version + 1, updated_at=now)
    await store.update_type(tx.conn, after)
    if after.aliases != before.aliases:
        await _take_names(tx, after)
    if any(getattr(before, rule) != getattr(after, rule) for rule in CARRIED_BY_CREDENTIALS):
        await store.note_changed_rules(tx.conn, after)
    await tx.publish(CredentialTypeChanged(credential_type=state_of(after)), now=now)
    return after


async def _take_names(tx: Transaction, entry: CredentialType) -> None:
    for name, other in (await store.take_names(tx.conn, entry)).items():
        pointer = "/code" if name == entry.code else f"/aliases/{entry.aliases.index(name)}"
        raise Conflict(f"{name} is already what the credential type {other} is called.", pointer=pointer)
