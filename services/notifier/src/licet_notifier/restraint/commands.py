"""Use cases of restraint: set the rules, stop mails, resume them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Conflict, NotFound, require_version
from licet_notifier.restraint import store
from licet_notifier.restraint.model import Held, Rules, Scope, Stop, check_rules
from licet_notifier.restraint.store import KeptRules


@dataclass(frozen=True, slots=True)
class CountedStop:
    """A stop with the number of mails that it concerns."""

    stop: Stop
    held: int
    """Those that would have left since it began."""
    waiting: int
    """Those that are yet to come to their time."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """Stops that have ended, and how many mails they held."""

    stops: Sequence[CountedStop]
    held: Held
    count: int


async def set_rules(
    tx: Transaction, rules: Rules, *, note: str | None, by: str, expected_version: int | None, now: datetime
) -> KeptRules:
    """Set the rules on when mails may leave; waiting mails are looked at again when their time comes.

    Raises `Invalid` and `StaleVersion`.
    """
    check_rules(rules)
    await store.lock_for_change(tx.conn)
    version = (await store.read_rules(tx.conn)).version
    require_version(expected_version, version)
    kept = KeptRules(rules, version + 1, note, by, now)
    await store.save_rules(tx.conn, kept)
    return kept


async def stop_mails(tx: Transaction, stop: Stop) -> CountedStop:
    """Begin a stop: no mail within its scope is begun after the commit; raises `Conflict`."""
    await store.lock_for_change(tx.conn)
    for other in await store.read_stops(tx.conn):
        if other.scope == stop.scope:
            raise Conflict(f"Stop {other.id} holds {stop.scope} already, since {other.since.isoformat()}.")
    await store.insert_stop(tx.conn, stop)
    return CountedStop(stop, 0, await store.count_waiting(tx.conn, stop.scope))


async def resume_mails(
    tx: Transaction, held: Held, *, scope: Scope | None, stop_id: UUID | None, by: str, now: datetime
) -> Resumed:
    """End one stop, or all of them, and release or drop what was held; raises `Conflict` and `NotFound`."""
    await store.lock_for_change(tx.conn)
    stops = await count_stops(tx, scope=scope, stop_id=stop_id)
    count = await store.end_stops(tx.conn, [each.stop.id for each in stops], held, by, now)
    return Resumed(stops, held, count)


async def count_stops(
    tx: Transaction, *, scope: Scope | None = None, stop_id: UUID | None = None
) -> Sequence[CountedStop]:
    """Return the stops that are meant, all where none is named, each with its counts."""
    in_force = await store.read_stops(tx.conn)
    if not in_force:
        raise Conflict("Nothing is stopped.")
    meant = [
        stop
        for stop in in_force
        if (scope is None or stop.scope == scope) and (stop_id is None or stop.id == stop_id)
    ]
    if not meant:
        raise NotFound(f"No stop in force is the one that is named; GET /v1/stop lists {len(in_force)}.")
    held = await store.count_held(tx.conn, [stop.id for stop in meant])
    return [
        CountedStop(stop, held.get(stop.id, 0), await store.count_waiting(tx.conn, stop.scope))
        for stop in meant
    ]
