"""Creating and changing locations and teams, and replacing their supervisors."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from licet_chassis.database import Transaction
from licet_chassis.errors import Invalid, require_version
from licet_credentials.holders import store as holder_store
from licet_credentials.places import store
from licet_credentials.places.model import KINDS, Kind, PlaceT, StateT


async def put_place(
    tx: Transaction,
    kind: Kind[PlaceT, StateT],
    code: str,
    facts: Mapping[str, Any],
    *,
    expected_version: int | None,
    now: datetime,
) -> tuple[PlaceT, bool]:
    """Create or replace a place; returns it and whether it is new. Repeating it changes nothing.

    The id of a merged supervisor resolves to the survivor. Locks holders, then the place.
    """
    facts = {**facts, "supervisor_ids": await _resolve_supervisors(tx, facts["supervisor_ids"])}
    before = await store.lock_place(tx.conn, kind, code)
    require_version(expected_version, before.version if before else 0)
    if before is None:
        after = kind.build(code=code, version=1, created_at=now, updated_at=now, **facts)
    elif replace(before, **facts) == before:
        return before, False
    else:
        after = replace(before, **facts, version=before.version + 1, updated_at=now)
    await _write(tx, kind, after, now)
    return after, before is None


async def replace_supervisor(tx: Transaction, holder_id: UUID, by: UUID, *, now: datetime) -> tuple[str, ...]:
    """Replace a supervisor everywhere; returns the changed places, such as `team/red`."""
    replaced: list[str] = []
    for kind in KINDS:
        for place in await store.lock_supervised_by(tx.conn, kind, holder_id):
            supervisors = _distinct(by if each == holder_id else each for each in place.supervisor_ids)
            after = replace(place, supervisor_ids=supervisors, version=place.version + 1, updated_at=now)
            await _write(tx, kind, after, now)
            replaced.append(f"{kind.name}/{place.code}")
    return tuple(replaced)


async def end_supervision(tx: Transaction, holder_id: UUID, *, now: datetime) -> None:
    """Remove a supervisor everywhere, without a replacement."""
    for kind in KINDS:
        for place in await store.lock_supervised_by(tx.conn, kind, holder_id):
            supervisors = tuple(each for each in place.supervisor_ids if each != holder_id)
            after = replace(place, supervisor_ids=supervisors, version=place.version + 1, updated_at=now)
            await _write(tx, kind, after, now)


async def _write(tx: Transaction, kind: Kind[PlaceT, StateT], place: PlaceT, now: datetime) -> None:
    await store.save_place(tx.conn, kind, place)
    await tx.publish(kind.changed_event(place), now=now)


async def _resolve_supervisors(tx: Transaction, supervisor_ids: Sequence[UUID]) -> tuple[UUID, ...]:
    resolved = await holder_store.resolve_ids(tx.conn, supervisor_ids) if supervisor_ids else {}
    unknown = [str(each) for each in supervisor_ids if each not in resolved]
    if unknown:
        raise Invalid(f"There is no holder {', '.join(unknown)}.", pointer="/supervisor_ids")
    return _distinct(resolved[each] for each in supervisor_ids)


def _distinct(ids: Iterable[UUID]) -> tuple[UUID, ...]:
    return tuple(dict.fromkeys(ids))
