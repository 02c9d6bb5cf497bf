"""Deactivating and reactivating holders, one by one or as leavers of a complete feed."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, Invalid, require_version
from licet_credentials.holders import store
from licet_credentials.holders.changes import HolderChange, deactivate, reactivate
from licet_credentials.holders.commands.writing import write_holders
from licet_credentials.holders.model import Holder
from licet_events.holders import HolderKind

LEAVERS_AT_ONCE = 500
"""Leavers that one call deactivates; the next call takes the rest."""


async def deactivate_holder(
    tx: Transaction,
    holder_id: UUID,
    reason: str,
    *,
    note: str | None = None,
    expected_version: int | None,
    now: datetime,
) -> Holder:
    """Deactivate a holder that has left: notices stop, facts stay. No feed reactivates it."""
    return await _change_holder(
        tx, holder_id, lambda holder: deactivate(holder, reason, now, note=note), expected_version, now
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
    """Reactivate a holder that has come back."""
    return await _change_holder(
        tx, holder_id, lambda holder: reactivate(holder, reason, now, note=note), expected_version, now
    )


async def _change_holder(
    tx: Transaction,
    holder_id: UUID,
    change: Callable[[Holder], HolderChange],
    expected_version: int | None,
    now: datetime,
) -> Holder:
    holder = await store.lock_holder(tx.conn, holder_id)
    require_version(expected_version, holder.version)
    changed = change(holder)
    await write_holders(tx, [changed], now)
    return changed.holder


@dataclass(frozen=True, slots=True)
class LeaversOfFeed:
    """Holders that a complete feed no longer names, and why they are deactivated."""

    kind: HolderKind
    """The kind of holders that the feed contains."""
    absent_since: datetime
    """When the feed began. A leaver is an active holder with an external id that was entered before, and that
    the feed has not named since."""
    reason: str
    note: str | None
    at_most: int
    """More leavers than this mean that the feed is incomplete; nobody is deactivated."""


@dataclass(frozen=True, slots=True)
class LeaversFound:
    """How many leavers a feed has, and a bounded number of them in order of entry."""

    absent: int
    """Leavers before anybody was deactivated."""
    found: tuple[tuple[Holder, datetime | None], ...]
    """At most `LEAVERS_AT_ONCE`, each with the date on which the feed last named it."""


async def deactivate_leavers(
    tx: Transaction, command: LeaversOfFeed, *, dry_run: bool, now: datetime
) -> LeaversFound:
    """Deactivate the leavers of a complete feed; a dry run only lists them.

    One call deactivates at most `LEAVERS_AT_ONCE`; repeat it for the rest. Raises `Conflict` if the feed
    has named nobody since it began and, unless it is a dry run, if there are more leavers than `at_most`.
    """
    since = command.absent_since
    if since > now:
        raise Invalid("A feed can't have begun in the future.", pointer="/absent_since")
    absence = await store.count_absent(tx.conn, command.kind, since)
    if not absence.named:
        raise Conflict(
            f"No feed has named any {command.kind} since {since.isoformat()}, so it is unknown who is missing"
            " from it.",
            pointer="/absent_since",
        )
    if not dry_run and absence.absent > command.at_most:
        raise Conflict(
            f"{absence.absent} holders would be deactivated, more than at_most allows ({command.at_most}). Is"
            " the feed complete? List them with dry_run, and allow more if they left. Nothing was changed.",
            pointer="/at_most",
        )
    found = await store.lock_absent(tx.conn, command.kind, since, LEAVERS_AT_ONCE)
    if not dry_run and found:
        changes = [
            deactivate(holder, command.reason, now, note=command.note, leaver=True) for holder, _ in found
        ]
        await write_holders(tx, changes, now)
        found = [(change.holder, named_at) for change, (_, named_at) in zip(changes, found, strict=True)]
    return LeaversFound(absence.absent, tuple(found))
