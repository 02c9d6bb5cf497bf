"""What-ifs in the database."""

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar
from uuid import UUID

import asyncpg
from pydantic import TypeAdapter

from licet_certifications.eligibility.contract import stored_assessment
from licet_certifications.eligibility.model import Assessment
from licet_certifications.eligibility.store import Pair, assessment_of
from licet_certifications.visibility import Visibility
from licet_certifications.whatifs.model import (
    BookedShift,
    Count,
    Counts,
    Supposed,
    WhatIf,
    WhatIfState,
    WorseHolder,
    Worsening,
    WorseShift,
)
from licet_chassis.connection import Connection
from licet_chassis.errors import NotFound
from licet_chassis.queries import load_queries, load_templates

QUERIES = load_queries(__package__)
TEMPLATES = load_templates(__package__)

T = TypeVar("T")
_SUPPOSED = TypeAdapter(Supposed)
_BY_TEAM, _BY_LOCATION, _BY_TARGET, _IN_ALL = 0b011, 0b101, 0b110, 0b111
"""What PostgreSQL's `grouping(team, location, target)` says: a bit for each that is not grouped by."""


@dataclass(frozen=True, slots=True)
class Question:
    """A what-if with everything that is needed to compute it."""

    id: UUID
    supposed: Supposed
    targets: Sequence[str]
    """Whoever has one of these is examined,"""
    named: Sequence[UUID]
    """and these holders are."""
    actor: str
    visibility: Visibility
    after: UUID | None
    """The last holder who has been examined."""
    now: datetime
    """The instant from which on it is asked."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose something is, and who may see that."""

    holder_id: UUID
    team: str | None
    location: str | None


@dataclass(frozen=True, slots=True)
class Listed(Generic[T]):
    """A line of an answer, with where its holder belongs."""

    line: T
    team: str | None
    location: str | None


async def count_running(conn: Connection, _now: datetime | None = None) -> int:
    """Return how many what-ifs are computed or wait."""
    count: int = await conn.fetchval(QUERIES["count_running"])
    return count


async def read_targets_naming(conn: Connection, types: Collection[str]) -> list[str]:
    """Return the targets of which a requirement names one of the types."""
    return [row["target"] for row in await conn.fetch(QUERIES["read_targets_naming"], sorted(types))]


async def read_holder(conn: Connection, holder_id: UUID) -> tuple[Owner, frozenset[str]] | None:
    """Return a holder and its targets; `None` where it is not known."""
    row = await conn.fetchrow(QUERIES["read_holder"], holder_id)
    if row is None:
        return None
    return Owner(holder_id, row["team"], row["location"]), frozenset(row["targets"])


async def read_credential(conn: Connection, id: UUID) -> tuple[Owner, list[Mapping[str, Any]]] | None:
    """Return whose a credential is and its runs; `None` where it is not known."""
    row = await conn.fetchrow(QUERIES["read_credential"], id)
    return None if row is None else (_owner(row), json.loads(row["runs"]))


async def read_waiver(conn: Connection, id: UUID) -> tuple[Owner, str] | None:
    """Return whose a waiver is and its status; `None` where there is none."""
    row = await conn.fetchrow(QUERIES["read_waiver"], id)
    return None if row is None else (_owner(row), row["status"])


async def insert_what_if(conn: Connection, question: Question, changes: Sequence[Mapping[str, Any]]) -> None:
    """Keep a question with the number of holders whom it is about."""
    given = {"targets": question.targets, "named": question.named, **question.visibility.parameters()}
    [counted] = await TEMPLATES["count_holders"].fetch(conn, given)
    await conn.execute(
        QUERIES["insert_what_if"], question.id, json.dumps(changes),
        _SUPPOSED.dump_json(question.supposed).decode(), question.targets, question.named, question.actor,
        question.visibility.teams, question.visibility.locations, counted["count"], question.now,
    )  # fmt: skip


async def claim_running(conn: Connection) -> Question | None:
    """Return the oldest question that nobody has in hand, held until the transaction ends."""
    row = await conn.fetchrow(QUERIES["claim_running"])
    if row is None:
        return None
    teams, locations = row["teams"], row["locations"]
    return Question(
        row["id"], _SUPPOSED.validate_json(row["supposed"]), row["targets"], row["named"], row["actor"],
        Visibility(
            None if teams is None else tuple(teams), None if locations is None else tuple(locations)
        ),
        row["after"], row["created_at"],
    )  # fmt: skip


async def next_holders(conn: Connection, question: Question, chunk: int) -> list[UUID]:
    """Return the next holders to be examined, in the order of their ids."""
    given = {
        "targets": question.targets,
        "named": question.named,
        "after": question.after,
        "chunk": chunk,
        **question.visibility.parameters(),
    }
    return [row["id"] for row in await TEMPLATES["next_holders"].fetch(conn, given)]


async def read_booked(conn: Connection, pairs: Collection[Pair], now: datetime) -> list[BookedShift]:
    """Return the shifts of some pairs that are booked and not over."""
    rows = await conn.fetch(
        QUERIES["read_booked"], [pair.holder_id for pair in pairs], [pair.target for pair in pairs], now
    )
    return [BookedShift(**row) for row in rows]


async def save_chunk(
    conn: Connection, id: UUID, holders: Sequence[WorseHolder], shifts: Sequence[WorseShift]
) -> None:
    """Keep a part of an answer."""
    if holders:
        rows = [
            (
                one.holder_id, one.target, one.place, one.worsening.at, one.worsening.until,
                one.worsening.ineligible_at, _stored(one.worsening.before), _stored(one.worsening.after),
            )
            for one in holders
        ]  # fmt: skip
        await conn.execute(QUERIES["insert_holders"], id, *map(list, zip(*rows, strict=True)))
    if shifts:
        booked = [
            (
                one.shift.starts_at, one.shift.id, one.shift.holder_id, one.shift.platform,
                one.shift.external_id, one.shift.target, one.shift.location, one.shift.ends_at,
                _stored(one.before), _stored(one.after),
            )
            for one in shifts
        ]  # fmt: skip
        await conn.execute(QUERIES["insert_shifts"], id, *map(list, zip(*booked, strict=True)))


async def note_progress(
    conn: Connection, id: UUID, *, after: UUID | None, examined: int, finished: bool, now: datetime
) -> None:
    """Note how far an answer has come."""
    await conn.execute(QUERIES["note_progress"], id, after, examined, finished, now)


async def note_failure(conn: Connection, id: UUID, detail: str, now: datetime) -> None:
    """Note that an answer can't be given."""
    await conn.execute(QUERIES["note_failure"], id, detail, now)


async def read_what_if(conn: Connection, id: UUID, seen: Visibility) -> WhatIf:
    """Return a what-if; raises `NotFound`, also where whoever asked saw more than `seen`."""
    row = await conn.fetchrow(QUERIES["read_what_if"], id, seen.teams, seen.locations)
    if row is None:
        raise NotFound(f"There is no what-if {id}; they are kept for thirty days.")
    return _what_if(row)


async def list_what_ifs(conn: Connection, seen: Visibility, after: UUID | None, limit: int) -> list[WhatIf]:
    """Return a page of what-ifs, the latest first."""
    return [
        _what_if(row)
        for row in await conn.fetch(QUERIES["list_what_ifs"], after, seen.teams, seen.locations, limit)
    ]


async def delete_what_if(conn: Connection, id: UUID) -> None:
    """Forget a question and its answer."""
    await conn.execute(QUERIES["delete_what_if"], id)


async def delete_expired(conn: Connection, before: datetime) -> bool:
    """Forget one question that was asked before an instant; returns whether there was one."""
    done: str = await conn.execute(QUERIES["delete_expired"], before)
    return done != "DELETE 0"


async def read_counts(conn: Connection, id: UUID, seen: Visibility) -> Counts:
    """Return what an answer comes to so far."""
    given = {"what_if": id, **seen.parameters()}
    grouped: dict[int, list[tuple[asyncpg.Record, int, int]]] = {}
    for row in await TEMPLATES["count_holders_worse"].fetch(conn, given):
        numbers = row, row["ineligible"], row["holders"] - row["ineligible"]
        grouped.setdefault(row["grouped"], []).append(numbers)
    [(_, ineligible, warning)] = grouped[_IN_ALL]
    [shifts] = await TEMPLATES["count_shifts"].fetch(conn, given)

    def by(which: int, name: str) -> tuple[Count, ...]:
        return tuple(Count(row[name], *numbers) for row, *numbers in grouped.get(which, ()))

    return Counts(
        ineligible, warning, shifts["count"], by(_BY_TEAM, "team"), by(_BY_LOCATION, "location"),
        by(_BY_TARGET, "target"),
    )  # fmt: skip


async def list_holders(
    conn: Connection,
    id: UUID,
    seen: Visibility,
    *,
    after: tuple[UUID, str] | None,
    limit: int,
    ineligible: bool | None = None,
    target: str | None = None,
    team: str | None = None,
    location: str | None = None,
) -> list[Listed[WorseHolder]]:
    """Return a page of the holders for whom something would be worse."""
    given = {
        "what_if": id,
        "after_holder": None if after is None else after[0],
        "after_target": None if after is None else after[1],
        "ineligible": ineligible or None,
        "warning": True if ineligible is False else None,
        "target": target,
        "team": team,
        "location": location,
        "limit": limit,
        **seen.parameters(),
    }
    return [
        Listed(
            WorseHolder(
                row["holder_id"], row["target"], row["place"],
                Worsening(
                    row["at"], row["until"], row["ineligible_at"],
                    None if row["before"] is None else assessment_of(row["before"]),
                    assessment_of(row["after"]),
                ),
            ),
            row["team"], row["location"],
        )
        for row in await TEMPLATES["list_holders"].fetch(conn, given)
    ]  # fmt: skip


async def list_shifts(
    conn: Connection,
    id: UUID,
    seen: Visibility,
    *,
    after: tuple[datetime, UUID] | None,
    limit: int,
    target: str | None = None,
    team: str | None = None,
    place: str | None = None,
) -> list[Listed[WorseShift]]:
    """Return a page of the shifts that would be at risk, in the order in which they begin."""
    given = {
        "what_if": id,
        "after_start": None if after is None else after[0],
        "after": None if after is None else after[1],
        "target": target,
        "team": team,
        "place": place,
        "limit": limit,
        **seen.parameters(),
    }
    return [
        Listed(
            WorseShift(
                BookedShift(
                    row["shift_id"], row["holder_id"], row["platform"], row["external_id"], row["target"],
                    row["place"], row["starts_at"], row["ends_at"],
                ),
                assessment_of(row["before"]),
                assessment_of(row["after"]),
            ),
            row["team"], row["location"],
        )
        for row in await TEMPLATES["list_shifts"].fetch(conn, given)
    ]  # fmt: skip


async def forget_holder(conn: Connection, holder_id: UUID) -> None:
    """Delete what answers say of a holder, and the questions that name it."""
    await conn.execute(QUERIES["forget_holder"], holder_id)


def _stored(assessment: Assessment | None) -> str | None:
    return None if assessment is None else stored_assessment(assessment)


def _owner(row: "asyncpg.Record") -> Owner:
    return Owner(row["holder_id"], row["team"], row["location"])


def _what_if(row: "asyncpg.Record") -> WhatIf:
    return WhatIf(**{**row, "state": WhatIfState(row["state"]), "changes": json.loads(row["changes"])})
