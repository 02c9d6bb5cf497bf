"""Timelines in the database: what they rest on, the work that is due, the decisions, the answers."""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any, NamedTuple, Self
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from licet_certifications.eligibility.contract import interval_of, stored_assessment
from licet_certifications.eligibility.model import Assessment, Decision, Reason, Stretch
from licet_chassis.cause import Cause
from licet_chassis.connection import Connection
from licet_chassis.queries import load_queries
from licet_events.eligibility import EligibilityState, FactVersion, ReasonCode, Verdict

QUERIES = load_queries(__package__)

_FACTS = TypeAdapter(tuple[FactVersion, ...])
_IDS = ("requirement_id", "credential_id", "waiver_id")


class Pair(NamedTuple):
    """A holder and a target."""

    holder_id: UUID
    target: str


class Kept(NamedTuple):
    """A decision as it is stored."""

    version: int
    ended: bool
    """Whether its pair or location is gone; the next one goes on with its version."""
    edges: list[datetime]
    intervals: list[str]

    @property
    def next_version(self) -> int:
        """That of what follows. The tombstone that ended a timeline had one of its own, which no row has."""
        return self.version + (2 if self.ended else 1)

    def says(self, row: "TimelineRow") -> bool:
        """Whether it is in force and says the same as another."""
        if self.ended or self.edges != row.edges:
            return False
        # Rows of older builds have their JSON in another order.
        return self.intervals == row.intervals or [*map(json.loads, self.intervals)] == [
            *map(json.loads, row.intervals)
        ]


class TimelineRow(NamedTuple):
    """A decision to be stored."""

    holder_id: UUID
    target: str
    location: str
    version: int
    edges: list[datetime]
    intervals: list[str]
    facts: str

    @classmethod
    def of(cls, pair: Pair, location: str, version: int, decision: Decision) -> Self:
        """Return the row of a decision."""
        facts = [{"kind": kind, "id": name, "version": number} for kind, name, number in decision.facts]
        return cls(
            *pair,
            location,
            version,
            [one.end for one in decision.stretches if one.end is not None],
            [stored_assessment(one.assessment) for one in decision.stretches],
            json.dumps(facts),
        )


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


async def lock_timelines(conn: Connection, pairs: Sequence[Pair]) -> dict[Pair, dict[str, Kept]]:
    """Return the decisions kept for the pairs, by location, and hold them until the transaction ends."""
    kept: dict[Pair, dict[str, Kept]] = {}
    rows = await conn.fetch(
        QUERIES["lock_timelines"], [pair.holder_id for pair in pairs], [pair.target for pair in pairs]
    )
    for row in rows:
        pair = Pair(row["holder_id"], row["target"])
        kept.setdefault(pair, {})[row["location"]] = Kept(
            row["version"], row["ended_at"] is not None, row["edges"], row["intervals"]
        )
    return kept


async def save_timelines(conn: Connection, rows: Sequence[TimelineRow], now: datetime) -> None:
    """Make these the decisions in force; those that they replace go into the record of the past."""
    holders, targets, locations, versions, edges, intervals, facts = map(list, zip(*rows, strict=True))
    keys = holders, targets, locations
    replaced = [row[:3] for row in rows if row.version > 1]
    if replaced:
        await conn.execute(QUERIES["keep_past"], *map(list, zip(*replaced, strict=True)), now)
    await conn.execute(
        QUERIES["save_timelines"], *keys, versions, list(map(_array_of_instants, edges)),
        list(map(_array_of_texts, intervals)), facts, now,
    )  # fmt: skip


async def end_timelines(conn: Connection, keys: Sequence[tuple[UUID, str, str]], now: datetime) -> None:
    """Note that there is no decision in force any more for these holders, targets and locations."""
    await conn.execute(QUERIES["end_timelines"], *map(list, zip(*keys, strict=True)), now)


def _array_of_instants(edges: list[datetime]) -> str:
    # Arrays of different lengths can't be one array of arrays; as text each is a value of its own.
    return "{" + ",".join([f'"{edge.isoformat()}"' for edge in edges]) + "}"


def _array_of_texts(texts: list[str]) -> str:
    quoted = [text.replace("\\", "\\\\").replace('"', '\\"') for text in texts]
    return "{" + ",".join([f'"{text}"' for text in quoted]) + "}"


async def forget_holder(conn: Connection, holder_id: UUID) -> list[tuple[str, str, int]]:
    """Delete every decision about a holder; returns target, location and the version that ends each."""
    rows = await conn.fetch(QUERIES["forget_holder"], holder_id)
    return sorted((row["target"], row["location"], row["version"]) for row in rows)


async def check(conn: Connection, shifts: Sequence[Shift]) -> list[tuple[Assessment, ...] | None]:
    """Return the assessments within each shift, in their order, all in one query.

    `None` where there is no decision: for a target that the holder does not have, or has had for no
    more than a moment.
    """
    rows: Sequence[asyncpg.Record | None] = []
    if len(shifts) == 1:
        rows = [await conn.fetchrow(QUERIES["check_one"], *shifts[0])]
    elif shifts:
        rows = await conn.fetch(QUERIES["check"], *map(list, zip(*shifts, strict=True)))
    return [
        None if row is None or row["intervals"] is None else tuple(map(assessment_of, row["intervals"]))
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


def assessment_of(text: str) -> Assessment:
    """Return the assessment that is stored as a text."""
    told = json.loads(text)
    return Assessment(Verdict(told["verdict"]), tuple(map(_reason_of, told["reasons"])))


def _reason_of(told: Mapping[str, str]) -> Reason:
    ids = {name: UUID(told[name]) for name in _IDS if name in told}
    return Reason(ReasonCode(told["code"]), type=told.get("type"), condition=told.get("condition"), **ids)


def _stretches_of(row: "asyncpg.Record") -> tuple[Stretch, ...]:
    edges = [None, *row["edges"], None]
    return tuple(
        Stretch(start, end, assessment_of(text))
        for (start, end), text in zip(pairwise(edges), row["intervals"], strict=True)
    )


def _state_of(row: "asyncpg.Record") -> EligibilityState:
    return EligibilityState(
        holder_id=row["holder_id"],
        target=row["target"],
        location=row["location"],
        version=row["version"],
        intervals=tuple(map(interval_of, _stretches_of(row))),
        facts=_FACTS.validate_json(row["facts"]),
        computed_at=row["computed_at"],
    )
