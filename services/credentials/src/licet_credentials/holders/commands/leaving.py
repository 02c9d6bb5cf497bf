"""Leaving and coming back, one by one or as a complete feed tells it."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid, require_version
from licet_credentials.holders import store
from licet_credentials.holders.commands.carrying import write
from licet_credentials.holders.model import Holder, set_active, state_of
from licet_credentials.holders.store import HolderChange
from licet_events.holders import HolderDeactivated, HolderKind, HolderReactivated

LEAVERS_AT_ONCE = 500
"""How many a call deactivates; the rest is for the next."""


async def deactivate_holder(
    tx: Transaction,
    holder_id: UUID,
    reason: str,
    *,
    note: str | None = None,
    expected_version: int | None,
    now: datetime,
) -> Holder:
    """Note that a holder has left: notices stop, facts go on. No feed brings them back."""
    return await _carry_out(
        tx, holder_id, lambda holder: _deactivated(holder, reason, now, note=note), expected_version, now
    )


async def reactivate_holder(
    tx: Transaction,
    holder_id: UUID,
    reason: str,
    *,
    note: str | None = None,
    expected_version: int | None,
    now: datetime,
) -> Holder:
    """Note that a holder has come back."""
    return await _carry_out(
        tx, holder_id, lambda holder: reactivated(holder, reason, now, note=note), expected_version, now
    )


async def _carry_out(
    tx: Transaction,
    holder_id: UUID,
    change: Callable[[Holder], HolderChange],
    expected_version: int | None,
    now: datetime,
) -> Holder:
    holder = await store.lock_holder(tx.conn, holder_id)
    require_version(expected_version, holder.version)
    changed = change(holder)
    await write(tx, [changed], now)
    return changed.holder


def reactivated(holder: Holder, reason: str, now: datetime, *, note: str | None = None) -> HolderChange:
    """Return the holder active again, with the event that says so; raises `Conflict` where it is active."""
    after = set_active(holder, now, active=True)
    return HolderChange(
        after, HolderReactivated(holder=state_of(after), reason=reason), ("active",), reason, note
    )


def _deactivated(
    holder: Holder, reason: str, now: datetime, *, note: str | None, leaver: bool = False
) -> HolderChange:
    after = set_active(holder, now, active=False, leaver=leaver)
    return HolderChange(
        after, HolderDeactivated(holder=state_of(after), reason=reason), ("active",), reason, note
    )


@dataclass(frozen=True, slots=True)
class LeaversOfFeed:
    """Whom a complete feed has left out."""

    kind: HolderKind
    """Which holders the feed is about."""
    absent_since: datetime
    """When the feed began: whoever has an external id, was there before and was not named since has left."""
    reason: str
    note: str | None
    at_most: int
    """More leavers than this are a feed that broke off; nothing is done then."""


@dataclass(frozen=True, slots=True)
class Leavers:
    """Those whom a feed has left out: of all of them some, in order of entry."""

    absent: int
    """How many there were before anything was done."""
    found: tuple[tuple[Holder, datetime | None], ...]
    """At most `LEAVERS_AT_ONCE` of them, with when the feed last named them."""


async def deactivate_leavers(
    tx: Transaction, command: LeaversOfFeed, *, dry_run: bool, now: datetime
) -> Leavers:
    """Deactivate those whom a complete feed has left out, or, as a dry run, only tell who they are.

    A call deactivates at most `LEAVERS_AT_ONCE`; the same again goes on with the rest. Raises `Conflict`
    where the feed has named nobody since then, and, unless it is a dry run, where more than `at_most`
    are absent.
    """
    since = command.absent_since
    if since > now:
        raise Invalid("No feed can have begun in the future.", pointer="/absent_since")
    absence = await store.count_absent(tx.conn, command.kind, since)
    if not absence.named:
        raise Conflict(
            f"No feed has named any {command.kind} since {since.isoformat()}, so nobody is known to be absent"
            " from one.",
            pointer="/absent_since",
        )
    if not dry_run and absence.absent > command.at_most:
        raise Conflict(
            f"{absence.absent} would be leavers, more than at_most allows ({command.at_most}). Is the feed"
            " complete? Look at them with dry_run, and allow more if they really left. Nothing was done.",
            pointer="/at_most",
        )
    found = await store.lock_absent(tx.conn, command.kind, since, LEAVERS_AT_ONCE)
    if not dry_run and found:
        changes = [
            _deactivated(holder, command.reason, now, note=command.note, leaver=True) for holder, _ in found
        ]
        await write(tx, changes, now)
        found = [(change.holder, named_at) for change, (_, named_at) in zip(changes, found, strict=True)]
    return Leavers(absence.absent, tuple(found))
