"""Putting locations and teams."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, TypeVar

from licet_chassis.database import Transaction
from licet_credentials.errors import require_version
from licet_credentials.places import store
from licet_credentials.places.model import Location, Team, location_state, team_state
from licet_events.catalogue import LocationChanged, TeamChanged

Place = TypeVar("Place", Location, Team)


async def put_location(
    tx: Transaction, code: str, facts: Mapping[str, Any], *, expected_version: int | None, now: datetime
) -> tuple[Location, bool]:
    """Create or replace a location; returns it and whether it is new. The same again changes nothing."""
    before = await store.lock_location(tx.conn, code)
    after = _following(before, code, facts, expected_version, now, Location)
    if after is not before:
        await store.save_location(tx.conn, after)
        await tx.publish(LocationChanged(location=location_state(after)), now=now)
    return after, before is None


async def put_team(
    tx: Transaction, code: str, facts: Mapping[str, Any], *, expected_version: int | None, now: datetime
) -> tuple[Team, bool]:
    """Create or replace a team; returns it and whether it is new. The same again changes nothing."""
    before = await store.lock_team(tx.conn, code)
    after = _following(before, code, facts, expected_version, now, Team)
    if after is not before:
        await store.save_team(tx.conn, after)
        await tx.publish(TeamChanged(team=team_state(after)), now=now)
    return after, before is None


def _following(
    before: Place | None,
    code: str,
    facts: Mapping[str, Any],
    expected_version: int | None,
    now: datetime,
    make: Callable[..., Place],
) -> Place:
    require_version(expected_version, before.version if before else 0)
    if before is None:
        return make(code=code, version=1, created_at=now, updated_at=now, **facts)
    if replace(before, **facts) == before:
        return before
    return replace(before, **facts, version=before.version + 1, updated_at=now)
