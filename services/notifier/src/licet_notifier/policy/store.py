"""Versions of the policy, in the database."""

import json
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.ids import uuid7
from licet_notifier.policy.documents import document_of, policy_of
from licet_notifier.policy.model import NO_POLICY, Case, Policy

QUERIES = load_queries(__package__)

_POLICIES: OrderedDict[UUID, Policy] = OrderedDict()
"""What this process has read, by version: a version never changes."""
_KEPT = 4


@dataclass(frozen=True, slots=True)
class SavedPolicy:
    """A version of the policy with who made it."""

    policy: Policy
    author: str
    note: str | None
    restored_from: int | None
    created_at: datetime


async def current_policy(conn: Connection) -> Policy:
    """Return the policy that counts now; without any, one without rules."""
    newest: UUID | None = await conn.fetchval(QUERIES["newest_policy_id"])
    if newest is None:
        return NO_POLICY
    if newest not in _POLICIES:
        row = await conn.fetchrow(QUERIES["read_policy_by_id"], newest)
        if row is None:
            return NO_POLICY
        _POLICIES[newest] = _saved(row).policy
        while len(_POLICIES) > _KEPT:
            _POLICIES.popitem(last=False)
    return _POLICIES[newest]


@dataclass(frozen=True, slots=True)
class WaitingMails:
    """Mails that wait to leave, to the same circle for the same kind of notice."""

    case: Case
    circle: str
    fixed_address: str | None
    after_days: int
    count: int


async def count_credentials(conn: Connection) -> list[tuple[Case, int]]:
    """Count the credentials of active holders by type, team and location."""
    rows = await conn.fetch(QUERIES["count_credentials"])
    return [(Case("", None, row["type"], row["team"], row["location"]), row["credentials"]) for row in rows]


async def count_waiting(conn: Connection) -> list[WaitingMails]:
    """Count the mails about credentials that wait, by what rules look at and by recipient."""
    return [
        WaitingMails(
            Case(
                row["event_name"].removeprefix("licet.").removesuffix(".v1"), row["step"], row["type"],
                row["team"], row["location"],
            ),
            row["circle"], row["fixed_address"], row["after_days"], row["mails"],
        )
        for row in await conn.fetch(QUERIES["count_waiting"])
    ]  # fmt: skip


async def lock_policy(conn: Connection) -> None:
    """Let one transaction at a time save a policy."""
    await conn.execute(QUERIES["lock_policy"])


async def newest_policy(conn: Connection) -> SavedPolicy | None:
    """Return what was saved last."""
    row = await conn.fetchrow(QUERIES["newest_policy"])
    return None if row is None else _saved(row)


async def read_policy(conn: Connection, version: int) -> SavedPolicy | None:
    """Return one version."""
    row = await conn.fetchrow(QUERIES["read_policy"], version)
    return None if row is None else _saved(row)


async def list_policies(conn: Connection, *, before: int | None, limit: int) -> Sequence[SavedPolicy]:
    """Return versions, newest first."""
    return [_saved(row) for row in await conn.fetch(QUERIES["list_policies"], before, limit)]


async def insert_policy(conn: Connection, saved: SavedPolicy) -> None:
    """Keep a new version."""
    await conn.execute(
        QUERIES["insert_policy"], uuid7(), saved.policy.version, json.dumps(document_of(saved.policy)),
        saved.author, saved.note, saved.restored_from, saved.created_at,
    )  # fmt: skip


async def forget_address(conn: Connection, holder_id: UUID) -> None:
    """Take the address of a holder out of every version of the policy that names it as a fixed one.

    Mails that wait for this address are not sent: the policy does not tell it any more.
    """
    email = await conn.fetchval(QUERIES["read_email"], holder_id)
    if not email:
        return
    await lock_policy(conn)
    for row in await conn.fetch(QUERIES["policies_with_address"], email.lower()):
        document = _without(json.loads(row["policy"]), email.lower())
        # Under another id: processes that have read the version read it again.
        await conn.execute(QUERIES["rewrite_policy"], row["version"], json.dumps(document), uuid7())
    await conn.execute(QUERIES["forget_fixed_address"], email.lower())


def _without(document: Any, address: str) -> Any:
    match document:
        case dict():
            return {name: _without(each, address) for name, each in document.items()}
        case list():
            return [
                _without(each, address)
                for each in document
                if not (isinstance(each, dict) and str(each.get("address", "")).lower() == address)
            ]
        case _:
            return document


def _saved(row: Any) -> SavedPolicy:
    policy = policy_of(json.loads(row["policy"]), row["version"])
    return SavedPolicy(policy, row["author"], row["note"], row["restored_from"], row["created_at"])
