"""Timelines in the database: what they rest on, the work that is due, the decisions, the answers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from licet_certifications.eligibility.model import Credential, Holder, NamedType, Place, Said
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.catalogue import RequirementState
from licet_events.credentials import FlagState, RunState
from licet_events.eligibility import EligibilityState, FactVersion, Interval

QUERIES = load_queries(__package__)

_SAID = TypeAdapter(Said)
_FACTS = TypeAdapter(tuple[FactVersion, ...])
_RUNS = TypeAdapter(tuple[RunState, ...])
_FLAGS = TypeAdapter(tuple[FlagState, ...])


class Pair(NamedTuple):
    """A holder and a target."""

    holder_id: UUID
    target: str


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that the timelines of some pairs rest on."""

    holders: Mapping[UUID, Holder]
    requirements: Mapping[str, Sequence[RequirementState]]
    """All versions, by target."""
    credentials: Mapping[UUID, Sequence[Credential]]
    """By holder; only of types that one of the requirements names."""
    places: Mapping[str, Place]
    types: Mapping[str, NamedType]
    """By each name that a requirement says."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A decision as it is stored."""

    state: EligibilityState
    ended: bool
    """Whether its pair or location is gone; the next one goes on with its version."""


class Shift(NamedTuple):
    """Work of a holder for the whole of [start, end)."""

    holder_id: UUID
    target: str
    location: str
    start: datetime
    end: datetime


async def claim_changes(conn: Connection, limit: int) -> list[dict[str, Any]]:
    """Take changed facts off the list."""
    return [dict(row) for row in await conn.fetch(QUERIES["claim_changes"], limit)]


async def queue_affected(conn: Connection, changes: Sequence[Mapping[str, Any]]) -> None:
    """Queue what may rest on the changed facts.

    Call it in a statement after the one that claimed them: only then is all that they tell seen.
    """
    await conn.execute(QUERIES["queue_affected"], json.dumps(changes))


async def claim_recomputations(conn: Connection, limit: int, actor: str) -> dict[Pair, Cause]:
    """Take pairs off the list, each with the cause of its last change."""
    return {
        Pair(row["holder_id"], row["target"]): Cause(
            actor, row["correlation_id"], row["causation_id"], row["traceparent"]
        )
        for row in await conn.fetch(QUERIES["claim_recomputations"], limit)
    }


async def postpone(conn: Connection, pair: Pair, cause: Cause, delay: timedelta) -> None:
    """Have a pair that can't be computed tried again after a while, so that it holds up no other."""
    await conn.execute(
        QUERIES["postpone"], *pair, delay, cause.correlation_id, cause.causation_id, cause.traceparent
    )


async def count_pending(conn: Connection) -> int:
    """Return how many changes and recomputations wait."""
    count: int = await conn.fetchval(QUERIES["count_pending"])
    return count


async def read_holders(conn: Connection, holder_ids: Sequence[UUID]) -> dict[UUID, Holder]:
    """Return those of the holders that are known."""
    return {
        row["id"]: Holder(
            id=row["id"],
            version=row["version"],
            active=row["active"],
            targets=frozenset(row["targets"]),
            location=row["location"],
            team=row["team"],
        )
        for row in await conn.fetch(QUERIES["read_holders"], holder_ids)
    }


async def read_facts(conn: Connection, pairs: Iterable[Pair]) -> Facts:
    """Return all facts that the timelines of the pairs rest on, in five queries however many there are."""
    holder_ids = sorted({pair.holder_id for pair in pairs})
    holders = await read_holders(conn, holder_ids)
    requirements: dict[str, list[RequirementState]] = {}
    for row in await conn.fetch(
        QUERIES["read_requirement_versions"], sorted({pair.target for pair in pairs})
    ):
        requirements.setdefault(row["target"], []).append(RequirementState.model_validate_json(row["state"]))
    states = [state for several in requirements.values() for state in several]
    names = {name for state in states for name in state.expression.types}
    types = {
        row["name"]: NamedType(row["code"], row["version"])
        for row in await conn.fetch(QUERIES["read_types"], sorted(names))
    }
    of_types = sorted({types[name].code if name in types else name for name in names})
    credentials: dict[UUID, list[Credential]] = {}
    for row in await conn.fetch(QUERIES["read_credentials"], holder_ids, of_types):
        credentials.setdefault(row["holder_id"], []).append(_credential_of(row))
    codes = {code for state in states for code in state.locations}
    codes |= {holder.location for holder in holders.values() if holder.location is not None}
    places = {
        row["code"]: Place(row["code"], row["version"], row["country"], row["subdivision"])
        for row in await conn.fetch(QUERIES["read_locations"], sorted(codes))
    }
    return Facts(holders, requirements, credentials, places, types)


async def lock_timelines(conn: Connection, pairs: Sequence[Pair]) -> dict[Pair, dict[str, Kept]]:
    """Return the decisions kept for the pairs, by location, and hold them until the transaction ends."""
    kept: dict[Pair, dict[str, Kept]] = {}
    rows = await conn.fetch(
        QUERIES["lock_timelines"], [pair.holder_id for pair in pairs], [pair.target for pair in pairs]
    )
    for row in rows:
        pair = Pair(row["holder_id"], row["target"])
        kept.setdefault(pair, {})[row["location"]] = Kept(_state_of(row), row["ended_at"] is not None)
    return kept


async def save_timelines(conn: Connection, states: Sequence[EligibilityState], now: datetime) -> None:
    """Make these the decisions in force; those that they replace go into the record of the past."""
    rows = json.dumps([_row_of(state) for state in states])
    await conn.execute(QUERIES["keep_past"], rows, now)
    await conn.execute(QUERIES["save_timelines"], rows)


async def end_timelines(conn: Connection, states: Sequence[EligibilityState], now: datetime) -> None:
    """Note that there is no decision in force in place of these any more."""
    keys = [
        {"holder_id": str(state.holder_id), "target": state.target, "location": state.location}
        for state in states
    ]
    await conn.execute(QUERIES["end_timelines"], json.dumps(keys), now)


async def forget_holder(conn: Connection, holder_id: UUID) -> list[tuple[str, str, int]]:
    """Delete every decision about a holder; returns target, location and the version that ends each."""
    rows = await conn.fetch(QUERIES["forget_holder"], holder_id)
    return sorted((row["target"], row["location"], row["version"]) for row in rows)


async def check(conn: Connection, shifts: Sequence[Shift]) -> list[tuple[Said, ...] | None]:
    """Return what is said within each shift, in their order, all in one query.

    `None` where there is no decision: for a target that the holder does not have, or has had for no
    more than a moment.
    """
    rows: Sequence[asyncpg.Record | None] = []
    if len(shifts) == 1:
        rows = [await conn.fetchrow(QUERIES["check_one"], *shifts[0])]
    elif shifts:
        rows = await conn.fetch(QUERIES["check"], *map(list, zip(*shifts, strict=True)))
    return [
        None if row is None or row["intervals"] is None else tuple(map(_SAID.validate_json, row["intervals"]))
        for row in rows
    ]


async def read_known_targets(conn: Connection, targets: Iterable[str]) -> frozenset[str]:
    """Return those of the targets that a requirement has named or a holder has had."""
    rows = await conn.fetch(QUERIES["read_known_targets"], sorted(set(targets)))
    return frozenset(row["target"] for row in rows)


async def read_timeline(
    conn: Connection, holder_id: UUID, target: str, location: str
) -> EligibilityState | None:
    """Return the decision in force for a location, or else the one for no particular location."""
    row = await conn.fetchrow(QUERIES["read_timeline"], holder_id, target, location)
    return None if row is None else _state_of(row)


async def lock_page(
    conn: Connection, after: tuple[UUID, str, str] | None, limit: int
) -> list[EligibilityState]:
    """Return decisions in force in order of keys after `after` and hold them until the transaction ends."""
    holder_id, target, location = after or (UUID(int=0), "", "")
    rows = await conn.fetch(QUERIES["page_timelines"], holder_id, target, location, limit)
    return [_state_of(row) for row in rows]


def _credential_of(row: "asyncpg.Record") -> Credential:
    facts = json.loads(row["facts"])
    return Credential(
        id=row["id"],
        version=row["version"],
        holder_id=row["holder_id"],
        type=row["type"],
        runs=_RUNS.validate_python(facts["runs"]),
        flags=_FLAGS.validate_python(facts["flags"]),
        grace_days=facts["grace_days"],
        country=facts["country"],
        subdivision=facts["subdivision"],
        voided=facts["voided"],
    )


def _row_of(state: EligibilityState) -> dict[str, Any]:
    said = [Said.model_construct(verdict=one.verdict, reasons=one.reasons) for one in state.intervals]
    return state.model_dump(mode="json", exclude={"intervals"}) | {
        "edges": [one.end.isoformat() for one in state.intervals if one.end is not None],
        "intervals": [one.model_dump(mode="json", exclude_none=True) for one in said],
    }


def _intervals_of(row: "asyncpg.Record") -> tuple[Interval, ...]:
    edges = [None, *row["edges"], None]
    said = map(_SAID.validate_json, row["intervals"])
    return tuple(
        Interval.model_construct(start=start, end=end, verdict=one.verdict, reasons=one.reasons)
        for (start, end), one in zip(pairwise(edges), said, strict=True)
    )


def _state_of(row: "asyncpg.Record") -> EligibilityState:
    return EligibilityState(
        holder_id=row["holder_id"],
        target=row["target"],
        location=row["location"],
        version=row["version"],
        intervals=_intervals_of(row),
        facts=_FACTS.validate_json(row["facts"]),
        computed_at=row["computed_at"],
    )
