"""Defining and changing credential types."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, require_version
from licet_credentials.types import store
from licet_credentials.types.attributes import retyped
from licet_credentials.types.model import COPIED_TO_CREDENTIALS, CredentialType, checked, state_of
from licet_events.catalogue import CredentialTypeChanged
from licet_events.civil import ExpiresAtRule
from licet_events.sameness import folded_code


async def define_type(tx: Transaction, entry: CredentialType, *, now: datetime) -> CredentialType:
    """Add a credential type; raises `Conflict` if another type has the code or an alias."""
    entry = checked(entry)
    if not await store.insert_type(tx.conn, entry):
        raise Conflict(f"The credential type {entry.code} already exists.", pointer="/code")
    await _take_names(tx, entry)
    await tx.publish(CredentialTypeChanged(credential_type=state_of(entry)), now=now)
    return entry


async def change_type(
    tx: Transaction, name: str, changes: Mapping[str, Any], *, expected_version: int | None, now: datetime
) -> CredentialType:
    """Change the rules of a type; repeating the same rules changes and publishes nothing.

    Replanning carries a changed ladder, grace or meaning of printed dates to the type's credentials, one
    `credential.updated` each.
    Changed attributes reach no credential before its own attributes are next changed. Raises `Conflict` if
    an attribute that some credential has would get another kind.
    """
    before = await store.lock_type(tx.conn, name)
    require_version(expected_version, before.version)
    after = replace(before, **changes)
    if after.expires_at_rule is not ExpiresAtRule.AT_TIME and "expires_at_time" not in changes:
        after = replace(after, expires_at_time=None)
    after = checked(after)
    if after == before:
        return before
    for attribute in retyped(before.attributes, after.attributes):
        if await store.attribute_in_use(tx.conn, before.code, attribute):
            raise Conflict(
                f"Credentials of {before.code} have values of the attribute {attribute}; its kind can't "
                "change. Declare an attribute with another name.",
                pointer="/attributes",
            )
    after = replace(after, version=before.version + 1, updated_at=now)
    await store.update_type(tx.conn, after)
    if after.aliases != before.aliases:
        await _take_names(tx, after)
    if any(getattr(before, rule) != getattr(after, rule) for rule in COPIED_TO_CREDENTIALS):
        await store.queue_replanning(tx.conn, after)
    await tx.publish(CredentialTypeChanged(credential_type=state_of(after)), now=now)
    return after


async def _take_names(tx: Transaction, entry: CredentialType) -> None:
    for name, other in (await store.take_names(tx.conn, entry)).items():
        aliases = [folded_code(alias) for alias in entry.aliases]
        same = folded_code(name)
        pointer = "/code" if same == folded_code(entry.code) else f"/aliases/{aliases.index(same)}"
        raise Conflict(f"{name} is already a name of the credential type {other}.", pointer=pointer)
